"""The store's clock, as this process reckons it: read now and then, carried on by the monotonic clock between."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from waterclock.log import clock as log_clock
from waterclock.log.client import Log
from waterclock_worker.retry import until_answered

READ_EVERY = 10.0  # s; quartz drifts about a millisecond in that time


class StoreClock:
    """A `waterclock.kit.clock.Clock` whose wall clock is partition 0's; the process's own until `begin`."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def now_ms(self) -> int:
        return int((time.monotonic() + self._offset) * 1000)

    def monotonic(self) -> float:
        return time.monotonic()

    async def begin(self, log: Log) -> None:
        """Set it for the first time, by the server's clock, which is answered also while partition 0 is not open.

        Raises:
            LogUnavailable: no answer.
        """
        await self._set(lambda: log_clock.server_time(log, log.keys.partition(0, "meta")))

    async def read(self, log: Log) -> None:
        """Set it by the store."""
        await self._set(lambda: log_clock.now(log, 0))

    async def _set(self, reading: Callable[[], Awaitable[int]]) -> None:
        before = time.monotonic()
        now_ms = await reading()
        self._offset = now_ms / 1000 - (before + time.monotonic()) / 2  # what the answer took is halved

    async def follow(self, log: Log) -> None:
        """For ever: read it, and again."""
        while True:
            await until_answered(lambda: self.read(log), what="clock")
            await asyncio.sleep(READ_EVERY)
