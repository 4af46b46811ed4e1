"""Cancellation passes through."""

from __future__ import annotations

import asyncio


def heed_cancellation() -> None:
    """To be called where an error out of a task group is survived.

    A group that is cancelled while one of its tasks fails raises the error alone (Python 3.11 and 3.12): who survives
    that error would go on, though he was told to stop.

    Raises:
        CancelledError: this task has been told to stop.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
