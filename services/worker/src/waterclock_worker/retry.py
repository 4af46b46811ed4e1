"""Calls that are repeated until the log answers them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from waterclock.kit.randomness import fraction
from waterclock.log.connection.transient import PASSES

T = TypeVar("T")
FIRST, LONGEST = 0.05, 1.0  # s between two tries

log = logging.getLogger(__name__)


async def until_answered(call: Callable[[], Awaitable[T]], *, what: str) -> T:
    """Call again and again while what is wrong with the log passes by itself: every script may be repeated as it was.

    The caller ends the wait by cancelling it, which it may do only where a lost answer does not matter.
    """
    wait = FIRST
    while True:
        try:
            answer = await call()
        except PASSES as error:
            if wait == FIRST:
                log.warning("redis unavailable", extra={"what": what, "error": str(error)})
            await asyncio.sleep(wait * (0.5 + fraction() / 2))
            wait = min(wait * 2, LONGEST)
        else:
            if wait != FIRST:
                log.info("redis available again", extra={"what": what})
            return answer
