"""When this machine stood still: then nobody could have been on time."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import NamedTuple

from waterclock.kit.clock import SystemClock

_LOOK = 0.05  # s
_LONG_MS = 300  # a loop that is so late was kept from the processor


class Span(NamedTuple):
    """A time in which something was away: wall clock, ms."""

    began: int
    ended: int


def within(spans: list[Span], after: int, through: int) -> int:
    """How much of (after, through] the spans cover, ms; they may overlap."""
    covered, reached = 0, after
    for began, ended in sorted(spans):
        low, high = max(began, reached), min(ended, through)
        covered += max(0, high - low)
        reached = max(reached, high)
    return covered


@asynccontextmanager
async def watched() -> AsyncGenerator[list[Span]]:
    """Grows with each time in which this process, which does little, did not come to run."""
    stalls: list[Span] = []
    clock = SystemClock()

    async def look() -> None:
        before = clock.now_ms()
        while True:
            await asyncio.sleep(_LOOK)
            now = clock.now_ms()
            if now - before > _LONG_MS:
                stalls.append(Span(before, now))
            before = now

    async with asyncio.TaskGroup() as tasks:
        looking = tasks.create_task(look(), name="watch for stalls")
        yield stalls
        looking.cancel()
