"""A piece of work in a task of its own, so that whoever does it can always be cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


async def apart(work: Coroutine[Any, Any, None], *, name: str) -> None:
    """Do `work`, and raise what it raises; when we are cancelled so is it, and nothing but that is raised.

    A task group whose child fails in the moment of its cancellation raises that failure alone (before Python 3.13), and
    a loop around it that tries again would never end.
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
    task.result()
