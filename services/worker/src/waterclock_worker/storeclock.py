"""The store's clock, as this process reckons it: read now and then, carried on by the monotonic clock between."""

from __future__ import annotations

import asyncio
import time

from waterclock.log import clock as log_clock
from waterclock.log.client import Log
from waterclock_worker.patience import until_answered

READ_EVERY = 10.0  # s; quartz drifts about a millisecond in that time


class StoreClock:
    """A `waterclock.kit.clock.Clock` whose wall clock is partition 0's; the process's own until it is first read."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def now_ms(self) -> int:
        return int((time.monotonic() + self._offset) * 1000)

    def monotonic(self) -> float:
        return time.monotonic()

    async def read(self, log: Log) -> None:
        """Set it by the store; what the answer took is halved."""
        before = time.monotonic()
        now_ms = await log_clock.now(log, 0)
        self._offset = now_ms / 1000 - (before + time.monotonic()) / 2

    async def follow(self, log: Log) -> None:
        """For ever: read it, and again."""
        while True:
            await until_answered(lambda: self.read(log), what="clock")
            await asyncio.sleep(READ_EVERY)
