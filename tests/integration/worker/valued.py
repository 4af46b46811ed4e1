"""Executors that use values of lifespans."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator

import msgspec

from waterclock import RunContext, executor, lifespan

told: list[str] = []
"""What the lifespans did, in the test's process."""


class Faults(msgspec.Struct):
    """How often the harbour is still closed."""

    left: int = 0


faults = Faults()


@lifespan
async def harbour() -> AsyncIterator[list[str]]:
    if faults.left:
        faults.left -= 1
        raise ConnectionRefusedError("the harbour is closed")
    told.append("harbour opened")
    yield []
    told.append("harbour left")


@lifespan
def mill() -> Iterator[list[str]]:
    told.append("mill opened")
    print("grinding")  # noqa: T201 - which is no run's line
    yield []
    told.append("mill left")
    print("mill left")  # noqa: T201


@executor("v.sail")
async def sail(ctx: RunContext) -> int:
    ships = await ctx.use(harbour)
    ships.append(ctx.run_id)
    return len(ships)


@executor("v.grind")
def grind(ctx: RunContext) -> int:
    sacks = ctx.use(mill)
    sacks.append(ctx.run_id)
    return len(sacks)


@executor("v.grind_child", subprocess=True)
def grind_child(ctx: RunContext) -> int:
    return grind(ctx)


_begun, _rung = threading.Event(), threading.Event()


@executor("v.deaf")
def deaf(ctx: RunContext) -> None:
    """Goes on until `ring`, whatever it is asked."""
    ctx.use(mill)
    _begun.set()
    _rung.wait(60)


async def hears() -> None:
    assert await asyncio.to_thread(_begun.wait, 10)


def ring() -> None:
    _rung.set()
