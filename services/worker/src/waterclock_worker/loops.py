"""Where `async def` executors run: an event loop in a thread of its own, apart from the worker's I/O.

An executor that blocks its loop stops what else runs there, but neither claims nor renewals, and not what comes after
it: a loop that does not answer is left to what it has begun, and another takes its place. Whose fault that is, is said.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Protocol

from waterclock.kit.clock import Clock
from waterclock.lifespans import LoopValues

BLOCKED_AFTER = 0.25  # s without an answer
_LOOK_EVERY = 0.1  # s

log = logging.getLogger(__name__)


class Work(Protocol):
    """Something to be run on an executors' loop, with the values of that loop; it never raises."""

    @property
    def name(self) -> str: ...

    def run(self, values: LoopValues) -> Coroutine[None, None, None]: ...

    def blocked(self, where: str, *, itself: bool) -> None:
        """The loop has not answered for a while; it stands at `where`. `itself`: this work holds it, and no other."""
        ...


class ExecutorLoop:
    """One thread with one loop and the values it has opened; ended by `close`, or with the process."""

    def __init__(self, number: int, new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
        self.waiting: deque[Work] = deque()  # handed over, not begun
        self.asked_at: float | None = None  # when an answer was asked for that has not come
        self._begun: dict[asyncio.Task[None], Work] = {}
        self._loop = new_loop()
        self._stopping = asyncio.Event()
        self._started = threading.Event()
        self._tasks: asyncio.TaskGroup | None = None
        self._values = LoopValues()
        self.thread = threading.Thread(target=self._run, name=f"executors-{number}", daemon=True)
        self.thread.start()
        self._started.wait()

    def start(self, work: Sequence[Work]) -> None:
        """Run these; from any thread."""
        self.waiting.extend(work)
        self._call(self._begin, len(work))

    def ask(self, now: float) -> None:
        """Ask for a sign of life, unless one is still due."""
        if self.asked_at is None:
            self.asked_at = now
            self._call(self._answer)

    def tell(self) -> None:
        """Say what blocks the loop: to the work that does; to all, if it is a task that one of them began."""
        frames = sys._current_frames()  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - the way into a thread
        frame = frames.get(self.thread.ident or 0)
        where = "?" if frame is None else f"{frame.f_code.co_filename}:{frame.f_lineno}, in {frame.f_code.co_name}"
        holding = asyncio.current_task(self._loop)
        begun = dict(self._begun)
        found = [begun[holding]] if holding in begun else [*begun.values()]
        log.warning("executors' loop is blocked", extra={"at": where, "runs": [one.name for one in found]})
        for one in found:
            one.blocked(where, itself=holding in begun)

    def close(self) -> None:
        """Let what runs come to its end, then leave its values and end the thread."""
        self._call(self._stopping.set)

    def _call(self, call: Callable[..., object], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(call, *arguments)

    def _begin(self, count: int) -> None:
        assert self._tasks is not None
        for _ in range(count):
            self._tasks.create_task(self._next(), name="attempt")

    async def _next(self) -> None:
        """Work waits until its task really runs: what stands behind one that blocks can still be taken elsewhere."""
        try:
            work = self.waiting.popleft()
        except IndexError:
            return
        task = asyncio.current_task()
        assert task is not None
        self._begun[task] = work
        await work.run(self._values)
        del self._begun[task]

    def _answer(self) -> None:
        self.asked_at = None

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            self._started.set()
            await self._stopping.wait()
        await self._values.close()


class Loops:
    """The executors' loop in use, and those that were left behind blocked. Belongs to the worker's I/O loop."""

    def __init__(self, clock: Clock, new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
        self._clock = clock
        self._new_loop = new_loop
        self._count = 0
        self._closed = False
        self._left: list[ExecutorLoop] = []
        self._current = self._another()

    def start(self, work: Sequence[Work]) -> None:
        self._current.start(work)

    async def watch(self) -> None:
        """Until `close`: replace the loop when it is blocked, and take over what it has not begun."""
        while not self._closed:
            now = self._clock.monotonic()
            asked_at = self._current.asked_at
            if asked_at is not None and now - asked_at > BLOCKED_AFTER:
                self._replace()
            self._current.ask(now)
            await asyncio.sleep(_LOOK_EVERY)

    def close(self) -> None:
        """What was handed over before comes to its end; what comes after is not begun."""
        self._closed = True
        self._current.close()

    @property
    def threads(self) -> list[threading.Thread]:
        """Of the loop in use, and of those left behind that have not come to their end."""
        return [self._current.thread, *(one.thread for one in self._left)]

    def _replace(self) -> None:
        blocked, self._current = self._current, self._another()
        blocked.tell()
        blocked.close()
        self._left = [one for one in (*self._left, blocked) if one.thread.is_alive()]
        taken: list[Work] = []
        while blocked.waiting:
            try:
                taken.append(blocked.waiting.popleft())
            except IndexError:
                break
        if taken:
            self._current.start(taken)

    def _another(self) -> ExecutorLoop:
        self._count += 1
        return ExecutorLoop(self._count, self._new_loop)
