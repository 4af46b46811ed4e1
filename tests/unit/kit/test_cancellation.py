"""Who survives an error still hears that he is to stop, and goes on as long as he is not."""

import asyncio
from contextlib import suppress

import pytest

from waterclock.kit.cancellation import apart, not_swallowed, to_its_end


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


async def test_what_is_under_way_comes_to_its_end_and_the_cancellation_passes_through() -> None:
    begun, may_end, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        await may_end.wait()
        ended.set()

    task = asyncio.create_task(to_its_end(work(), within=60, name="work"))
    await begun.wait()
    task.cancel()
    await asyncio.sleep(0)
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


async def test_what_does_not_end_in_its_time_is_broken_off() -> None:
    begun = asyncio.Event()
    task = asyncio.create_task(to_its_end(failing_when_stopped(begun), within=0, name="work"))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_what_ends_by_itself_gives_its_result_or_its_error() -> None:
    assert await to_its_end(asyncio.sleep(0, "done"), within=1, name="work") == "done"
    with pytest.raises(ExceptionGroup, match="unhandled"):
        await to_its_end(failing(), within=1, name="work")


@pytest.mark.parametrize("ends", [None, OSError("gone")], ids=["well", "in an error"])
async def test_a_cancellation_that_a_library_swallows_is_heeded(ends: Exception | None) -> None:
    begun = asyncio.Event()

    async def swallow() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if ends is not None:
                raise ends from None

    async def survive() -> None:
        while True:
            try:
                with not_swallowed():
                    await swallow()
            except OSError:
                pass

    task = asyncio.create_task(survive())
    await begun.wait()
    task.cancel()
    await asyncio.wait([task], timeout=15)

    assert task.cancelled()


async def test_a_limit_on_time_that_a_library_swallows_is_told_as_such() -> None:
    async def swallow() -> None:
        async with asyncio.timeout(0.01):
            with not_swallowed(), suppress(asyncio.CancelledError):
                await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await swallow()
