"""One event loop of executors in a thread of its own: it runs until it is closed, whatever the executors do to it.

`SystemExit` and `KeyboardInterrupt` of a task leave `run_forever`, so that is called again: the other tasks are as they
were. What it fails with otherwise ends it after a few trials in a row; the runs that it held are then handed back.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from contextvars import Context
from typing import Any, Protocol, cast

from waterclock.executors.lifespans import LoopValues
from waterclock_worker.execution.guarded_loop import ENDS, NewLoop, RunTask
from waterclock_worker.reporting.step_log import StepLog

FAILURES_MOST = 3
"""In a row: a loop that fails as often without having got on is past use."""
LEAVING_MOST = 5.0
"""Seconds for tasks that nobody waits for, once the values of the loop are left."""

log = logging.getLogger(__name__)


class Work(Protocol):
    """Something to be run on an executors' loop, with the values of that loop; it never raises."""

    @property
    def name(self) -> str: ...

    @property
    def key(self) -> str:
        """Of its executor."""
        ...

    @property
    def steps(self) -> StepLog | None: ...

    def run(self, values: LoopValues) -> Coroutine[None, None, None]: ...

    def blocked(self, where: str, *, itself: bool) -> None:
        """The loop has not answered for a while; it stands at `where`. `itself`: this work holds it, and no other."""
        ...

    def is_over(self, now: float) -> bool:
        """Whether it is past its time."""
        ...

    def time_out(self) -> None:
        """Ask it to stop, for it is past its time."""
        ...

    def hand_back(self) -> bool:
        """Its loop does not go on, by another's fault. Returns whether it had not ended before."""
        ...

    def crash(self, why: str) -> bool:
        """Its loop has ended, by no other's fault. Returns whether it had not ended before."""
        ...


class ExecutorLoop:
    """One thread with one loop and the values it has opened; ended by `close`, or with the process."""

    def __init__(self, number: int, key: str | None, new_loop: NewLoop, ended: Callable[[str], None]) -> None:
        """`key`: of the executor whose own it is, None: it is that of all. `ended`: called from any thread with the
        executor whose run would have ended the loop."""
        self.key = key
        self.waiting: deque[Work] = deque()  # handed over, not begun
        self._asked_at: float | None = None  # when an answer was asked for that has not come
        self._excused = 0.0  # s since then in which nobody looked
        self.failure: BaseException | None = None  # what it has ended with
        self._given_up = threading.Event()
        self._ended = ended
        self._begun: dict[asyncio.Task[None], Work] = {}
        self._open = 0  # tasks that have not ended
        self._failures = 0
        self._told: list[BaseException] = []  # what has left the loop by a run's task, since it was last looked at
        self._stopping = self._over = False
        self._values = LoopValues()
        self._leaving: asyncio.Task[None] | None = None
        self._loop = new_loop()
        self._loop.guard(self)
        name = f"executors-{number}"
        self.thread = threading.Thread(target=self._run, name=f"{name} {key}" if key else name, daemon=True)
        self.thread.start()

    def start(self, work: Sequence[Work]) -> None:
        """Run these; from any thread."""
        self.waiting.extend(work)
        self._call(self._begin, len(work))

    def ask(self, now: float) -> None:
        """Ask for a sign of life, unless one is still due."""
        if self._asked_at is None:
            self._asked_at, self._excused = now, 0.0
            self._call(self._answer)

    def silent_for(self, now: float) -> float:
        """Seconds that an answer is due."""
        asked_at = self._asked_at
        return 0.0 if asked_at is None else now - asked_at - self._excused

    def excuse(self, seconds: float) -> None:
        """The process, or whoever looks, stood still so long: that is not the loop's fault."""
        self._excused += seconds

    def close(self) -> None:
        """Let what runs come to its end, then leave its values and end the thread."""
        self._call(self._stop)

    def give_up(self) -> None:
        """Its runs are given up: one that has failed may end."""
        self._given_up.set()

    @property
    def begun(self) -> list[Work]:
        return [*self._begun.copy().values()]

    def where(self) -> str:
        """The line at which its thread stands."""
        frames = sys._current_frames()  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - the way into a thread
        frame = frames.get(self.thread.ident or 0)
        return "?" if frame is None else f"{frame.f_code.co_filename}:{frame.f_lineno}, in {frame.f_code.co_name}"

    def holder(self) -> Work | None:
        """The work whose task, or a task of which, runs now; None if that cannot be told."""
        task = asyncio.current_task(self._loop)
        found = self._begun.get(task) if task is not None else None
        return found or (self._work_of(getattr(task, "owner", None)) if task is not None else None)

    def executes(self, task: asyncio.Task[Any]) -> bool:
        return task in self._begun

    def is_under_way(self, steps: StepLog) -> bool:
        return self._work_of(steps) is not None

    def stopped_by(self, steps: StepLog | None) -> None:
        work = self._work_of(steps)
        if work is not None:
            self._ended(work.key)

    def _work_of(self, steps: StepLog | None) -> Work | None:
        if steps is None:
            return None
        return next((one for one in self.begun if one.steps is steps), None)

    def _call(self, call: Callable[..., object], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_from_host(call, *arguments)

    def _begin(self, count: int) -> None:
        self._open += count
        for _ in range(count):
            self._loop.create_own_task(self._next(), "attempt")

    async def _next(self) -> None:
        """Work waits until its task really runs: what stands behind one that blocks can still be taken elsewhere."""
        try:
            work = self.waiting.popleft()
        except IndexError:
            work = None
        if work is not None:
            task = asyncio.current_task()
            assert isinstance(task, RunTask)
            task.owner = work.steps
            self._begun[task] = work
            await work.run(self._values)
            del self._begun[task]
        self._open -= 1
        if self._stopping:
            self._leave_when_empty()

    def _answer(self) -> None:
        self._asked_at = None
        self._failures = 0

    def _stop(self) -> None:
        self._stopping = True
        self._leave_when_empty()

    def _leave_when_empty(self) -> None:
        if not self._open and self._leaving is None:
            self._leaving = self._loop.create_own_task(self._leave(), "leave the executors' loop")

    async def _leave(self) -> None:
        await self._values.close()
        self._over = True
        self._loop.release()
        self._loop.stop()

    def _run(self) -> None:
        while not self._over:
            try:
                self._loop.run_forever()
            except ENDS as error:
                self._loop.call_from_host(self._tell_of_nobodys, error)
            except BaseException as error:  # noqa: BLE001 - the edge of a thread: whatever it is, its runs go elsewhere
                self._failures += 1
                if self._failures == FAILURES_MOST:
                    self._fail(error)
                    return
        with contextlib.suppress(*ENDS):  # of a task that was left behind
            _clear(self._loop)

    def _fail(self, error: BaseException) -> None:
        """What the loop held is freed here, where it belongs, once its runs are given up."""
        self.failure = error
        self._given_up.wait()
        for task in asyncio.all_tasks(self._loop):
            setattr(task, "_log_destroy_pending", False)  # noqa: B010 - no declared name; asyncio's own `gather` does so
            with contextlib.suppress(BaseException):  # of foreign code, whose loop is gone
                cast("Coroutine[Any, Any, None]", task.get_coro()).close()
        self._loop.release()
        with contextlib.suppress(Exception):  # it has been broken
            self._loop.close()

    def undone(self, steps: StepLog, error: BaseException) -> None:
        self._told.append(error)
        Context().run(self._tell, steps, error)  # else the worker's line would be one of the run

    def _tell_of_nobodys(self, error: BaseException) -> None:
        """Called after `undone`, where a run's task has raised it: else a callback did."""
        if not any(told is error for told in self._told):
            self._tell(None, error)
        self._told.clear()

    def _tell(self, steps: StepLog | None, error: BaseException) -> None:
        work, kind = self._work_of(steps), type(error).__name__
        whose = {"run": steps.run_id if steps is not None else None, "executor": work.key if work is not None else None}
        log.warning("end of the event loop prevented", extra=whose | {"error": f"{kind}: {error}"})
        if steps is not None:
            what = f"{kind} of a task of this run would have ended the event loop of all executors"
            steps.logged(None, "warning", f"{what}: it continues, for the other runs")
        if work is not None:
            self._ended(work.key)


def _clear(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel what was left behind, and close the loop."""
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.wait(left, timeout=LEAVING_MOST))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()
