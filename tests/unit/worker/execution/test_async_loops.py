from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from waterclock.executors.lifespans import AsyncLifespan, LoopValues, lifespan
from waterclock.kit.clock import SystemClock
from waterclock_worker.execution.async_loops import Loops
from waterclock_worker.execution.guarded_loop import AsyncioLoop
from waterclock_worker.execution.threads import Threads


class Heard:
    """Work that keeps what it is told of its loop."""

    name = "r-1"
    key = "x"
    steps = None

    def __init__(self) -> None:
        self.told: list[tuple[str, bool]] = []

    def blocked(self, where: str, *, itself: bool) -> None:
        self.told.append((where, itself))

    def is_over(self, now: float) -> bool:
        del now
        return False

    def time_out(self) -> None:
        raise AssertionError("it has no time")

    def hand_back(self) -> bool:
        return True

    def crash(self, why: str) -> bool:
        del why
        return True


class Note(Heard):
    """Work that says in which thread it ran, after blocking it for a while."""

    def __init__(self, blocks: float = 0.0) -> None:
        super().__init__()
        self.blocks = blocks
        self.ran = threading.Event()
        self.thread = ""

    async def run(self, values: LoopValues) -> None:
        del values
        time.sleep(self.blocks)  # noqa: ASYNC251 - what must not be done
        self.thread = threading.current_thread().name
        self.ran.set()


async def test_work_runs_in_a_thread_of_its_own_and_not_behind_what_blocks() -> None:
    loops = Loops(SystemClock(), AsyncioLoop)
    watching = asyncio.ensure_future(loops.watch())
    blocking, behind, after = Note(blocks=1.5), Note(), Note()
    loops.start([blocking, behind])
    assert await asyncio.to_thread(behind.ran.wait, 5)
    assert not blocking.ran.is_set()
    loops.start([after])
    assert await asyncio.to_thread(after.ran.wait, 5)
    assert after.thread == behind.thread
    assert await asyncio.to_thread(blocking.ran.wait, 5)
    assert blocking.thread not in {after.thread, threading.current_thread().name}
    watching.cancel()
    loops.close()


class Jumps(SystemClock):
    """A clock that can be moved on; `read`: how often it was looked at."""

    def __init__(self) -> None:
        super().__init__()
        self.ahead = 0.0
        self.read = 0

    def monotonic(self) -> float:
        self.read += 1
        return super().monotonic() + self.ahead


async def test_a_loop_is_not_replaced_for_a_pause_of_the_whole_process() -> None:
    clock = Jumps()
    loops = Loops(clock, AsyncioLoop)
    watching = asyncio.ensure_future(loops.watch())
    before = loops.threads
    for _ in range(3):
        looked = clock.read
        while clock.read < looked + 2:  # noqa: ASYNC110 - a look is no event
            await asyncio.sleep(0.01)
        clock.ahead += 3600
    looked = clock.read
    while clock.read < looked + 3:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    assert loops.threads == before
    watching.cancel()
    loops.close()


class Starts(Heard):
    """Work that starts a task of its own, which blocks."""

    def __init__(self) -> None:
        super().__init__()
        self.ran = threading.Event()

    async def run(self, values: LoopValues) -> None:
        await asyncio.ensure_future(Note(blocks=0.6).run(values))
        self.ran.set()


async def test_what_blocks_the_loop_is_told_so_and_so_is_the_log(caplog: pytest.LogCaptureFixture) -> None:
    loops = Loops(SystemClock(), AsyncioLoop)
    watching = asyncio.ensure_future(loops.watch())
    beside, blocking = Starts(), Note(blocks=0.6)
    loops.start([blocking])
    assert await asyncio.to_thread(blocking.ran.wait, 5)
    loops.start([beside])
    assert await asyncio.to_thread(beside.ran.wait, 5)
    [(where, itself)] = blocking.told
    assert itself
    assert Path(__file__).name in where
    assert where.endswith(", in run")
    assert [itself for _, itself in beside.told] == [False]
    said = [record for record in caplog.records if record.message == "event loop blocked"]
    assert [vars(record)["runs"] for record in said] == [["r-1"], ["r-1"]]
    watching.cancel()
    loops.close()


async def test_idle_threads_are_used_again() -> None:
    threads = Threads()
    seen: list[str] = []
    for _ in range(3):
        threads.run(lambda: seen.append(threading.current_thread().name))
        while not threads.idle:  # noqa: ASYNC110 - a thread says nothing when it is idle again
            await asyncio.sleep(0.001)
    assert seen == ["executor-1"] * 3


class Asks(Heard):
    """Work that has threads of its loop do something, all at the same time."""

    def __init__(self, *, blocks: float = 0.0) -> None:
        super().__init__()
        self.blocks = blocks
        self.used: set[threading.Thread] = set()
        self.ran = threading.Event()

    async def run(self, values: LoopValues) -> None:  # noqa: ARG002
        together = threading.Barrier(3)

        def work() -> None:
            self.used.add(threading.current_thread())
            together.wait(5)

        async with asyncio.TaskGroup() as tasks:
            for _ in range(together.parties):
                tasks.create_task(asyncio.to_thread(work))
        time.sleep(self.blocks)  # noqa: ASYNC251 - what must not be done
        self.ran.set()


@pytest.mark.parametrize("blocks", [0.0, 1.5])
async def test_a_loop_that_ends_or_is_replaced_leaves_no_thread_behind(blocks: float) -> None:
    loops = Loops(SystemClock(), AsyncioLoop)
    watching = asyncio.ensure_future(loops.watch())
    asking, behind = Asks(blocks=blocks), Note()
    loops.start([asking])
    loops.start([behind])
    assert await asyncio.to_thread(asking.ran.wait, 5)
    assert await asyncio.to_thread(behind.ran.wait, 5)
    assert len(asking.used) == 3
    if not blocks:
        assert {thread.is_alive() for thread in asking.used} == {True}  # it would be used again
        loops.close()
    for thread in asking.used:
        await asyncio.to_thread(thread.join, 5)
        assert not thread.is_alive()
    watching.cancel()
    loops.close()


async def test_a_thread_that_works_while_they_are_closed_ends_when_it_is_done() -> None:
    threads, going, done = Threads(), threading.Event(), threading.Event()
    used: list[threading.Thread] = []

    def work() -> None:
        used.append(threading.current_thread())
        going.set()
        done.wait(5)

    threads.run(work)
    assert await asyncio.to_thread(going.wait, 5)
    threads.close()
    done.set()
    await asyncio.to_thread(used[0].join, 5)
    assert not used[0].is_alive()


class Use(Heard):
    """Work that uses a value."""

    def __init__(self, one: AsyncLifespan[int], *, blocks: float = 0.0) -> None:
        super().__init__()
        self.one = one
        self.blocks = blocks
        self.begun = threading.Event()
        self.ran = threading.Event()
        self.value = 0

    async def run(self, values: LoopValues) -> None:
        self.value = await values.use(self.one)
        self.begun.set()
        time.sleep(self.blocks)  # noqa: ASYNC251 - what must not be done
        self.again = await values.use(self.one)
        self.ran.set()


async def test_a_loop_that_replaces_a_blocked_one_has_values_of_its_own_and_each_leaves_its_own() -> None:
    told: list[tuple[str, int, str]] = []

    @lifespan
    async def number() -> AsyncIterator[int]:
        mine = len(told) + 1
        told.append(("opened", mine, threading.current_thread().name))
        yield mine
        told.append(("left", mine, threading.current_thread().name))

    loops = Loops(SystemClock(), AsyncioLoop)
    watching = asyncio.ensure_future(loops.watch())
    blocking, other = Use(number, blocks=1.0), Use(number)
    loops.start([blocking])
    assert await asyncio.to_thread(blocking.begun.wait, 5)
    (before,) = loops.threads
    while before in loops.threads[:1]:  # noqa: ASYNC110 - until the watch has replaced it
        await asyncio.sleep(0.01)
    loops.start([other])
    assert await asyncio.to_thread(other.ran.wait, 5)
    assert (blocking.value, other.value) == (1, 2)
    assert not blocking.ran.is_set()
    watching.cancel()
    loops.close()
    for thread in loops.threads:
        await asyncio.to_thread(thread.join, 5)
    assert (blocking.again, other.again) == (1, 2)
    first, second = told[0][2], told[1][2]
    assert first != second
    assert set(told) == {
        (word, value, name) for word in ("opened", "left") for value, name in ((1, first), (2, second))
    }
