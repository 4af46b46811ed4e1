"""What an attack is, and how a list of them is carried out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import cast

import msgspec

from tests.redteam.field import Field

Act = Callable[[Field], Awaitable[str]]
PATIENCE = 120.0  # s for one attack
HEADS = f"{'kind':<12} {'attack':<62} {'':<6} {'s':>6}  what was seen"


class Fell(Exception):
    """The attack did what it should not be able to; the message is the evidence."""


class Attack(msgspec.Struct, frozen=True, kw_only=True):
    kind: str
    title: str
    act: Act
    quick: bool
    """It takes no more than a second, and is part of the slice that runs with all tests."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    attack: Attack
    held: bool
    said: str
    seconds: float


_ATTACKS: list[Attack] = []


def attack(kind: str, title: str, *, quick: bool = False) -> Callable[[Act], Act]:
    """Declare an attack: a coroutine that says what held it up, or raises `Fell`."""

    def declared(act: Act) -> Act:
        _ATTACKS.append(Attack(kind=kind, title=title, act=act, quick=quick))
        return act

    return declared


def attacks(*, quick: bool = False, kind: str | None = None) -> tuple[Attack, ...]:
    return tuple(one for one in _ATTACKS if (one.quick or not quick) and kind in (None, one.kind))


def fell_unless(held: object, evidence: object) -> None:
    """
    Raises:
        Fell: it did not hold.
    """
    if not held:
        raise Fell(str(evidence)[:500])


async def carried_out(field: Field, chosen: Sequence[Attack], tell: Callable[[str], object]) -> list[Outcome]:
    """One after another; `tell` hears each line of the table as it is known."""
    outcomes: list[Outcome] = []
    tell(HEADS)
    for one in chosen:
        outcomes.append(await _outcome(field, one))
        tell(line_of(outcomes[-1]))
    fallen = sum(not one.held for one in outcomes)
    tell(f"{len(outcomes)} attacks, {fallen} fell")
    return outcomes


async def _outcome(field: Field, one: Attack) -> Outcome:
    """An attack that breaks off fell, too, for nobody knows what it did; so did one after which nobody is served."""
    began = time.monotonic()
    held, said = False, ""
    try:
        async with asyncio.timeout(PATIENCE):
            held, said = True, await one.act(field)
    except* Fell as evidence:
        held, said = False, str(_first(evidence))
    except* Exception as errors:  # noqa: BLE001  whatever it is, the table says it
        error = _first(errors)
        held, said = False, f"broke off: {type(error).__name__}: {error}"
    try:
        await field.recover()
    except AssertionError as error:
        held, said = False, f"{said}; {error}"
    return Outcome(attack=one, held=held, said=said, seconds=time.monotonic() - began)


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    return error


def line_of(one: Outcome) -> str:
    said = " ".join(one.said.split())[:240]
    verdict = "held" if one.held else "FELL"
    return f"{one.attack.kind:<12} {one.attack.title[:62]:<62} {verdict:<6} {one.seconds:>6.1f}  {said}"
