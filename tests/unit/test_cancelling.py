"""Who survives an error still hears that he is to stop, and goes on as long as he is not."""

import asyncio

import pytest

from waterclock.kit.cancelling import apart

pytestmark = pytest.mark.asyncio


async def failing_when_stopped(begun: asyncio.Event) -> None:
    """A group of tasks of which one answers its cancellation with an error."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_fail_when_stopped(begun))
        await asyncio.Event().wait()


async def _fail_when_stopped(begun: asyncio.Event) -> None:
    begun.set()
    try:
        await asyncio.Event().wait()
    finally:
        raise OSError("the connection went with it")


async def failing() -> None:
    """A group that already waits for its tasks when one of them fails."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_fail())


async def _fail() -> None:
    await asyncio.sleep(0)
    raise OSError("gone")


async def test_a_cancellation_that_a_group_swallows_is_heeded() -> None:
    begun = asyncio.Event()

    async def survive() -> None:
        while True:
            try:
                await apart(failing_when_stopped(begun), name="work")
            except* OSError:
                pass

    task = asyncio.create_task(survive())
    await begun.wait()
    task.cancel()
    await asyncio.wait([task], timeout=15)

    assert task.cancelled()


async def test_without_a_cancellation_errors_are_survived() -> None:
    for _ in range(3):
        with pytest.raises(ExceptionGroup):
            await apart(failing(), name="work")
        await asyncio.sleep(0)


async def test_what_the_work_returns_is_returned() -> None:
    assert await apart(asyncio.sleep(0, "done"), name="work") == "done"
