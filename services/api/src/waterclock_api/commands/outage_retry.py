"""Short outages that a command outlives."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from opentelemetry.trace import SpanKind

from waterclock.kit.clock import Clock
from waterclock.kit.telemetry import traces
from waterclock.kit.telemetry.semantics import EVENTS, messaging
from waterclock.log.connection.errors import Halted, LogRefuses, LogUnavailable

PATIENCE = 2.0  # s
_PAUSE = 0.05  # s
_APPEND = messaging("send", "append", EVENTS)

T = TypeVar("T")


async def appended(clock: Clock, call: Callable[[], Awaitable[T]]) -> T:
    """Do `call`, a script that may be repeated as it is, again while the log is unreachable or halted, for 2 s.

    Raises:
        LogUnavailable, Halted: it still is.
        LogRefuses, at once: it is there, and does nothing now.
    """
    deadline = clock.monotonic() + PATIENCE
    with traces.span(f"append {EVENTS}", kind=SpanKind.CLIENT, attributes=_APPEND):
        while True:
            try:
                return await call()
            except LogRefuses:
                raise
            except (LogUnavailable, Halted):
                if clock.monotonic() + _PAUSE > deadline:
                    raise
            await asyncio.sleep(_PAUSE)
