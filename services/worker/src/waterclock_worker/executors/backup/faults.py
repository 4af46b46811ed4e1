"""What can go wrong with a backup, and waits that end when nothing moves any more."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable, Generator

from waterclock.executors.context import GiveUp


class ChildExit(Exception):
    """A program of PostgreSQL ended with another code than 0; the message ends with its last lines."""


class ChildSignal(Exception):
    """A program of PostgreSQL was ended by a signal."""


class StoreFault(Exception):
    """The object store refused, failed, or did not answer; `code` is its own word, if it had one."""

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class Stalled(Exception):
    """Nothing moved for too long."""


class EmptyDump(Exception):
    """pg_dump ended well and said nothing."""


class TooLarge(Exception):
    """The dump would need more parts than the store takes."""


class Damaged(Exception):
    """What is stored is not what was dumped."""


class NotProved(GiveUp):
    """Only a superuser could restore it, so no drill says whether it can be restored."""


@contextlib.asynccontextmanager
async def moving(limit: float, what: str) -> AsyncGenerator[Callable[[], None]]:
    """Run the block for as long as it calls what it is given, from any thread, at least every `limit` seconds.

    Raises:
        Stalled: it did not.
    """
    last = time.monotonic()

    def moved() -> None:
        nonlocal last
        last = time.monotonic()

    def look() -> None:
        nonlocal timer
        left = last + limit - time.monotonic()
        if left <= 0:
            timeout.reschedule(loop.time())
        else:
            timer = loop.call_later(left, look)

    loop = asyncio.get_running_loop()
    timeout = asyncio.timeout(None)
    timer = loop.call_later(limit, look)
    try:
        async with timeout:
            yield moved
    except TimeoutError:
        if timeout.expired():
            raise Stalled(f"{what}: no progress for {limit:g} s") from None
        raise
    finally:
        timer.cancel()


@contextlib.contextmanager
def unwrapped() -> Generator[None]:
    """Let the first error of a task group out as itself: what it is named by is what the run's reader sees."""
    try:
        yield
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from None
