"""Short outages that a command outlives."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from waterclock.kit import telemetry
from waterclock.kit.clock import Clock
from waterclock.log.errors import Halted, LogUnavailable

PATIENCE = 2.0  # s
_PAUSE = 0.05  # s

T = TypeVar("T")


async def appended(clock: Clock, call: Callable[[], Awaitable[T]]) -> T:
    """Do `call`, a script that may be repeated as it is, again while the log is out of reach or halted, for 2 s.

    Raises:
        LogUnavailable, Halted: it still is.
    """
    deadline = clock.monotonic() + PATIENCE
    with telemetry.span("append"):
        while True:
            try:
                return await call()
            except (LogUnavailable, Halted):
                if clock.monotonic() + _PAUSE > deadline:
                    raise
            await asyncio.sleep(_PAUSE)
