"""What exited is started again, and nothing else is."""

import asyncio
import os
import signal
import sys
from typing import Self

import pytest

from waterclock_dev.servers.children import Child
from waterclock_dev.servers.server import ServerError
from waterclock_dev.servers.supervise import keep, together, until

WAIT = 20.0  # s


class Sleeper:
    """A part that does nothing, and may fail to start."""

    name = "sleeper"

    def __init__(self) -> None:
        self.failures: list[Exception] = []
        self.starts = 0
        self.child: Child | None = None

    @property
    def pid(self) -> int:
        assert self.child is not None
        return self.child.pid

    async def start(self) -> None:
        self.starts += 1
        if self.failures:
            raise self.failures.pop()
        self.child = Child([sys.executable, "-c", "import time; time.sleep(600)"], name=self.name)

    async def exited(self) -> int:
        assert self.child is not None
        return await self.child.exited()

    async def stop(self) -> None:
        assert self.child is not None
        await self.child.kill()


class Kept:
    """A sleeper, kept, and what is told of it."""

    def __init__(self) -> None:
        self.part = Sleeper()
        self.told: list[str] = []
        self.restarted = asyncio.Event()

    async def __aenter__(self) -> Self:
        await self.part.start()
        self._tasks = asyncio.TaskGroup()
        await self._tasks.__aenter__()
        self._keeping = self._tasks.create_task(
            keep(self.part, tell=self.told.append, started=self.restarted.set), name="keep"
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        self._keeping.cancel()
        await self._tasks.__aexit__(None, None, None)
        await self.part.stop()


async def test_a_part_that_was_killed_runs_again_under_a_new_pid() -> None:
    async with Kept() as kept, asyncio.timeout(WAIT):
        first = kept.part.pid
        os.kill(first, signal.SIGKILL)
        await kept.restarted.wait()
        assert kept.part.pid != first
        assert kept.told == ["sleeper was ended by signal 9; it starts again in 0.1 s"]


async def test_a_part_that_does_not_start_is_tried_again_after_longer_pauses() -> None:
    async with Kept() as kept, asyncio.timeout(WAIT):
        kept.part.failures = [ServerError("no luck"), OSError("no memory")]
        os.kill(kept.part.pid, signal.SIGKILL)
        await kept.restarted.wait()
        pauses = [line.rpartition("in ")[2] for line in kept.told if "again" in line]
        assert pauses == ["0.1 s", "0.2 s", "0.4 s"]
        assert [line for line in kept.told if "again" not in line] == ["no memory", "no luck"]


async def test_a_part_that_is_silent_is_left_alone() -> None:
    async with Kept() as kept, asyncio.timeout(WAIT):
        os.kill(kept.part.pid, signal.SIGSTOP)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(kept.restarted.wait(), 0.5)
        assert kept.part.starts == 1


async def test_the_first_error_of_several_is_raised_as_it_is() -> None:
    async def fail() -> None:
        raise ServerError("broken")

    async def last() -> None:
        await asyncio.Event().wait()

    with pytest.raises(ServerError, match="broken"):
        await together(fail(), last())


async def test_work_ends_when_it_is_told_to_stop() -> None:
    stop = asyncio.Event()
    ended: list[str] = []

    async def work() -> None:
        stop.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cleaned up")

    await asyncio.wait_for(until(stop, work()), WAIT)
    assert ended == ["cleaned up"]


async def test_an_error_in_the_work_is_not_mistaken_for_a_stop() -> None:
    async def work() -> None:
        raise ServerError("broken")

    with pytest.raises(ServerError):
        await asyncio.wait_for(until(asyncio.Event(), work()), WAIT)
