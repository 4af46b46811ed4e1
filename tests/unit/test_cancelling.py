"""Who survives an error still hears that he is to stop."""

import asyncio

import pytest

from waterclock.kit.cancelling import heed_cancellation

pytestmark = pytest.mark.asyncio


async def failing_when_stopped() -> None:
    """A group of tasks of which one answers its cancellation with an error."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_fail_when_stopped())
        await asyncio.Event().wait()


async def _fail_when_stopped() -> None:
    try:
        await asyncio.Event().wait()
    finally:
        raise OSError("the connection went with it")


async def test_a_cancellation_that_a_group_swallows_is_heeded() -> None:
    async def survive() -> None:
        while True:
            try:
                await failing_when_stopped()
            except* OSError:
                pass
            heed_cancellation()

    task = asyncio.create_task(survive())
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    task.cancel()
    await asyncio.wait([task], timeout=5)

    assert task.cancelled()


async def test_without_a_cancellation_nothing_is_heeded() -> None:
    heed_cancellation()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await asyncio.Event().wait()
    heed_cancellation()
