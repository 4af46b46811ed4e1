"""Calls that are repeated until the log answers them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from waterclock.kit.randomness import fraction
from waterclock.log.connection.errors import Halted
from waterclock.log.connection.transient import PASSES

T = TypeVar("T")
FIRST, LONGEST = 0.05, 1.0  # s between two tries
OPENING = 6
"""The try at which it is told that a partition is not open, after a second or so: at a start it is about to be."""

log = logging.getLogger(__name__)


async def until_answered(call: Callable[[], Awaitable[T]], *, what: str) -> T:
    """Call again and again while what is wrong with the log passes by itself: every script may be repeated as it was.

    The caller ends the wait by cancelling it, which it may do only where a lost answer does not matter.
    """
    wait, tries, told = FIRST, 0, False
    while True:
        try:
            answer = await call()
        except PASSES as error:
            tries += 1
            if not told and tries >= (OPENING if isinstance(error, Halted) else 1):
                told = True
                log.warning("redis unavailable", extra={"what": what, "error": str(error)})
            await asyncio.sleep(wait * (0.5 + fraction() / 2))
            wait = min(wait * 2, LONGEST)
        else:
            if told:
                log.info("redis available again", extra={"what": what})
            return answer
