"""Short histories of stores that change places, each drawn from its seed; `WATERCLOCK_SEED=n` plays one again."""

from __future__ import annotations

import gc
import os
import secrets
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.simulation.failovers import Failovers
from tests.simulation.oracle import Broken
from tests.simulation.postgres import Postgres
from tests.simulation.test_histories import SEED, named, quiet
from waterclock.log.connection.connections import Line
from waterclock.log.connection.floors import NAMES, Floors
from waterclock.log.connection.handshake import Handshake
from waterclock.store import dropped, epochs
from waterclock_api.consistency import open_partition, sole_server
from waterclock_api.consistency.compare import Ends, compare

ONCE_BROKEN = (942089512,)  # the database had forgotten what was opened, and an old server was opened in a glimpse
__all__ = ["quiet"]


def play(seed: int) -> Failovers:
    history = Failovers(seed)
    try:
        history.play()
    except BaseException as error:
        error.add_note(f"History {seed} is played again with {SEED}={seed}.")
        raise
    return history


def test_what_was_answered_is_kept_or_named_however_stores_change_places() -> None:
    played = [play(seed) for seed in named(range(12))]

    if SEED not in os.environ:
        assert len({deed for one in played for deed in one.deeds}) >= 6, "the histories have become too calm"
        assert {one.calm for one in played} == {True, False}
        assert all(len(one.acked) > 10 for one in played)


def _no_looks(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(sole_server, "APART", 0.0)


def _no_notes(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(epochs, "reached_elsewhere", _nothing)


def _no_floors(patch: pytest.MonkeyPatch) -> None:
    """Neither in calls nor at greetings."""
    hear, none = Handshake.hear, Floors().word(NAMES)

    async def hear_alone(shake: Handshake, line: Line, meta: str, found: list[bytes | None], **more: bool) -> bool:
        floors, shake.floors = shake.floors, Floors()
        try:
            return await hear(shake, line, meta, found, **more)
        finally:
            for place in (NAMES, 0):
                floors.seen(place, shake.floors.of(place))
            shake.floors = floors

    def no_word(_: Floors, place: int) -> bytes:
        assert place in {NAMES, 0}
        return none

    patch.setattr(Handshake, "hear", hear_alone)
    patch.setattr(Floors, "word", no_word)


def _no_comparison(patch: pytest.MonkeyPatch) -> None:
    async def alike(*of: Any) -> Ends:
        return (await compare(*of))._replace(forked=False)

    patch.setattr(open_partition, "compare", alike)


def _nothing_is_kept(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Postgres, "keep", _nothing)


def _nothing_is_carried(patch: pytest.MonkeyPatch) -> None:
    async def forget(postgres: Any, partition: int, forks: list[int], to: int) -> None:
        assert to not in forks, partition
        for fork in forks:
            del postgres.state.dropped[fork]

    patch.setattr(dropped, "carry", forget)


async def _nothing(*_: Any, **__: Any) -> None:
    return None


PROTECTIONS: Mapping[str, tuple[Callable[[pytest.MonkeyPatch], None], int, str]] = {
    "an old server is looked at twice": (_no_looks, 4, "an old server was opened"),
    "processes note what they reach": (_no_notes, 5, "an old server was opened"),
    "calls and greetings tell of a later epoch": (_no_floors, 1, "who has seen epoch . has written in epoch ."),
    "stream and archive are compared": (_no_comparison, 4, "a calm history needs a person"),
    "what a repair drops is kept": (_nothing_is_kept, 122, "not all that repairs have dropped is kept"),
    "what is kept is carried on": (_nothing_is_carried, 56, "kept by a repair, and nowhere"),
}
"""Each with what switches it off, a history that notices, and what is said of it."""


@pytest.mark.parametrize("protection", PROTECTIONS)
def test_no_protection_can_be_missing(protection: str, monkeypatch: pytest.MonkeyPatch) -> None:
    switch_off, seed, said = PROTECTIONS[protection]
    play(seed)

    switch_off(monkeypatch)

    with pytest.raises(Broken, match=said):
        play(seed)


@pytest.mark.parametrize("seed", ONCE_BROKEN)
def test_a_history_of_failovers_that_once_broke_is_whole(seed: int) -> None:
    play(seed)


@pytest.mark.soak
@pytest.mark.timeout(3 * 3600)
def test_what_was_answered_is_kept_or_named_in_very_many_histories() -> None:
    first = secrets.randbelow(10**9)
    for seed in named(range(first, first + 10_000)):
        play(seed)
        if seed % 50 == 0:
            gc.collect()  # few objects hold much memory of Lua's, so the collector sees no cause by itself
