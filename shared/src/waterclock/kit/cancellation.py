"""Cancellation passes through, at once or when something has come to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")


async def apart(work: Coroutine[Any, Any, T], *, name: str) -> T:
    """Do `work` in a task of its own: for whoever survives errors out of a task group, and tries again.

    When we are cancelled so is the work, and nothing but that is raised. A group that is cancelled while one of its
    tasks fails raises the error alone (Python 3.11 and 3.12), and who survives it would go on, though he was told to
    stop; to look at `cancelling()` afterwards does not help, for a group that fails may leave it counted up.
    """
    task = asyncio.create_task(work, name=name)
    try:
        await asyncio.wait({task})
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # looked at, for it changes nothing any more
        raise
    return task.result()


@contextmanager
def not_swallowed() -> Generator[None]:
    """Raise the cancellation that came meanwhile, if what was awaited ended in any other way.

    For libraries that wait by `asyncio.wait_for`: until Python 3.11 it gives the result that came in the same turn of
    the loop as the cancellation, which is lost then, and who loops goes on for ever.

    Raises:
        CancelledError: we were told to stop.
    """
    task = asyncio.current_task()
    assert task is not None
    before = task.cancelling()
    try:
        yield
    except Exception as error:
        if task.cancelling() > before:
            raise asyncio.CancelledError from error
        raise
    if task.cancelling() > before:
        raise asyncio.CancelledError


async def to_its_end(work: Coroutine[Any, Any, T], *, within: float, name: str) -> T:
    """Do `work`, which is better ended than broken off: when we are cancelled it has `within` s for that.

    The cancellation passes through all the same, and whatever the work came to is told to nobody.
    """
    task = asyncio.create_task(work, name=name)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if not task.done():
            await asyncio.wait({task}, timeout=within)
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # looked at, for it changes nothing any more
        raise
