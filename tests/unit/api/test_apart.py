"""Work done apart: its failures are ours, and our cancellation is never lost in them."""

import asyncio

import pytest

from waterclock_api.apart import apart


async def fails(error: Exception) -> None:
    raise error


async def fails_when_cancelled(begun: asyncio.Event) -> None:
    """As a task group does whose child fails in that moment."""
    begun.set()
    try:
        await asyncio.Event().wait()
    finally:
        raise ExceptionGroup("late", [OSError("gone")])


@pytest.mark.asyncio
async def test_a_failure_is_raised() -> None:
    with pytest.raises(OSError, match="gone"):
        await apart(fails(OSError("gone")), name="work")


@pytest.mark.asyncio
async def test_whoever_is_cancelled_ends_whatever_the_work_raises_then() -> None:
    begun = asyncio.Event()
    task = asyncio.create_task(apart(fails_when_cancelled(begun), name="work"))
    await begun.wait()
    task.cancel()

    async with asyncio.timeout(10):
        with pytest.raises(asyncio.CancelledError):
            await task
