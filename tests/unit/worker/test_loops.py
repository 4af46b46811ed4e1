from __future__ import annotations

import asyncio
import threading
import time

import pytest

from waterclock.kit.clock import SystemClock
from waterclock_worker.loops import Loops
from waterclock_worker.threads import Threads

pytestmark = pytest.mark.asyncio


class Note:
    """Work that says in which thread it ran, after blocking it for a while."""

    def __init__(self, blocks: float = 0.0) -> None:
        self.blocks = blocks
        self.ran = threading.Event()
        self.thread = ""

    async def run(self) -> None:
        time.sleep(self.blocks)  # noqa: ASYNC251 - what must not be done
        self.thread = threading.current_thread().name
        self.ran.set()


async def test_work_runs_in_a_thread_of_its_own_and_not_behind_what_blocks() -> None:
    loops = Loops(SystemClock(), asyncio.new_event_loop)
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


async def test_idle_threads_are_used_again() -> None:
    threads = Threads()
    seen: list[str] = []
    for _ in range(3):
        threads.run(lambda: seen.append(threading.current_thread().name))
        while not threads.idle:  # noqa: ASYNC110 - a thread says nothing when it is idle again
            await asyncio.sleep(0.001)
    assert seen == ["executor-1"] * 3
