"""Waiting for what nobody signals: another process's state, looked at until it is as wanted."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

POLL = 0.05  # s


async def until(look: Callable[[], Awaitable[T | None]], *, within: float, what: str) -> T:
    """What `look` finds, once it finds something true.

    Raises:
        AssertionError: it did not in `within` seconds.
    """
    deadline = time.monotonic() + within
    while not (found := await look()):
        assert time.monotonic() < deadline, f"{what}: not within {within:g} s"
        await asyncio.sleep(POLL)
    return found
