"""The event loop that executors share: what one of them does to it reaches no other.

    loop.stop, SystemExit of a task, …  → left undone, or the loop is run again
    task.cancel                         → only by the run whose task it is, or by us
    asyncio.to_thread                   → threads of the run's own share

Who calls is known by `speaking`, which travels with tasks and `asyncio.to_thread`. Where it says nothing, a lifespan or
a thread that somebody started calls.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import Executor
from contextlib import contextmanager
from contextvars import Context, ContextVar, copy_context
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

import uvloop

from waterclock.executors.context import current_step
from waterclock_worker.execution.run_threads import RunThreads
from waterclock_worker.reporting.capture.current_run import speaking
from waterclock_worker.reporting.step_log import StepLog

T = TypeVar("T")
ENDS = (SystemExit, KeyboardInterrupt)
"""What leaves a loop when a task or callback raises it."""
KEEPER = "lifespan "
"""How names of tasks begin that keep a lifespan open."""

_FOREIGN = "it is not a task of this run, and its run continues"
_STRANGE = "it came from a thread that belongs to no run: start the thread with `contextvars.copy_context().run`"
_BELONGS = "other runs share the event loop of executors"

log = logging.getLogger(__name__)

strange: ContextVar[bool] = ContextVar("strange", default=False)
"""The call came from a thread that belongs to no run, for all that can be seen of it."""

_chosen: ContextVar[Executor | None] = ContextVar("chosen", default=None)
"""The default executor that a run has set: for itself."""


class Host(Protocol):
    """Who runs the loop."""

    def executes(self, task: asyncio.Task[Any]) -> bool:
        """Whether it is the task of an attempt, and not one that an attempt began."""
        ...

    def is_under_way(self, steps: StepLog) -> bool: ...

    def undone(self, steps: StepLog, error: BaseException) -> None:
        """A task of this run has ended with what ends a loop."""
        ...

    def stopped_by(self, steps: StepLog | None) -> None:
        """Somebody asked the loop to stop."""
        ...


class RunTask(asyncio.Task[T]):
    """A task on the loop; `owner`: the attempt whose code made it."""

    __slots__ = ("ours", "owner")

    ours: bool  # no foreign code made it
    owner: StepLog | None

    def cancel(self, msg: Any | None = None) -> bool:
        """Cancel it, unless it belongs to another run that is under way: then it goes on, and the caller is told."""
        caller, owner = speaking.get(), getattr(self, "owner", None)
        if (caller is not None and owner is caller) or self._is_let(caller, owner):
            return super().cancel(msg)
        if caller is None and owner is not None:
            tell_undone("cancel() of a task of this run", owner, _STRANGE)
        else:
            tell_undone(f"cancel() of a task, {self.get_name()}", caller, _STRANGE if caller is None else _FOREIGN)
        return False

    def _is_let(self, caller: StepLog | None, owner: StepLog | None) -> bool:
        """Whether one may cancel it who is not its owner."""
        loop = self.get_loop()
        if not isinstance(loop, GuardedLoop) or loop.host is None:
            return True
        if owner is None:
            may = not strange.get() if caller is None else not self.get_name().startswith(KEEPER)
            return may and not self.ours
        if owner.cancelled:  # it is asked to stop
            return True
        if loop.host.executes(self):
            return False
        return not strange.get() if caller is None else not loop.host.is_under_way(owner)


if TYPE_CHECKING:  # the stubs of the three do not agree
    _Loop = _Uv = asyncio.BaseEventLoop
else:
    _Loop, _Uv = asyncio.AbstractEventLoop, uvloop.Loop


class GuardedLoop(_Loop):
    """Stands before a loop's class. While it has a host, what is everybody's cannot be changed by a run."""

    host: Host | None = None
    _threads: RunThreads
    _for_all: Executor | None = None  # set outside of runs

    def guard(self, host: Host) -> None:
        self._threads = RunThreads()
        self.host = host

    def release(self) -> None:
        """From now on it does what it is told, for its end."""
        self.host = None
        self._threads.close()

    def create_task(
        self,
        coro: Generator[Any, None, T] | Coroutine[Any, Any, T],
        *,
        name: object = None,
        context: Context | None = None,
        **more: Any,
    ) -> asyncio.Task[T]:
        if self.get_task_factory() is not None:
            return super().create_task(coro, name=name, context=context, **more)
        task: RunTask[T] = RunTask(coro, loop=self, name=cast("Any", name), context=context, **more)
        task.owner = speaking.get() if context is None else context.get(speaking)
        task.ours = False
        if task.owner is not None:
            task.add_done_callback(self._look_at_end)
        return task

    def create_own_task(self, coro: Coroutine[Any, Any, T], name: str) -> RunTask[T]:
        """One that serves the loop itself, or an attempt; whatever makes it, it is not for that run."""
        context = copy_context()
        context.run(speaking.set, None)
        task: RunTask[T] = RunTask(coro, loop=self, name=name, context=context)
        task.owner, task.ours = None, True
        return task

    def call_from_host(self, callback: Callable[..., object], *args: Any) -> None:
        super().call_soon_threadsafe(callback, *args)

    def call_soon_threadsafe(
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        if context is None and self.host is not None and speaking.get() is None:
            context = copy_context()
            context.run(strange.set, True)
        return super().call_soon_threadsafe(callback, *args, context=context)

    def stop(self) -> None:
        if self.host is None:
            super().stop()
            return
        caller = speaking.get()
        tell_undone("loop.stop()", caller, _BELONGS)
        self.host.stopped_by(caller)

    def close(self) -> None:
        if self.host is not None:
            raise RuntimeError("Cannot close a running event loop")
        super().close()

    def set_debug(self, enabled: bool) -> None:
        if self._may("loop.set_debug()"):
            super().set_debug(enabled)

    def set_exception_handler(self, handler: Any) -> None:
        if self._may("loop.set_exception_handler()"):
            super().set_exception_handler(handler)

    def set_task_factory(self, factory: Any) -> None:
        if self._may("loop.set_task_factory()"):
            super().set_task_factory(factory)

    async def shutdown_asyncgens(self) -> None:
        if self._may("loop.shutdown_asyncgens()"):
            await super().shutdown_asyncgens()

    def run_in_executor(self, executor: Executor | None, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:
        if executor is None and self.host is not None:
            executor = _chosen.get() or self._for_all or self._threads
        return super().run_in_executor(executor, func, *args)

    def set_default_executor(self, executor: Any) -> None:
        """That of the run which sets it, and of no other; outside of runs, that of all which set none."""
        if self.host is None:
            super().set_default_executor(executor)
        elif speaking.get() is None:
            self._for_all = executor
        else:
            _chosen.set(executor)

    async def shutdown_default_executor(self, *arguments: Any, **named: Any) -> None:
        """A run shuts down what it has set itself."""
        if self.host is None:
            await super().shutdown_default_executor(*arguments, **named)
        elif (chosen := _chosen.get()) is not None:
            _chosen.set(None)
            await super().run_in_executor(self._threads, chosen.shutdown)
        else:
            self._may("loop.shutdown_default_executor()")

    def _look_at_end(self, task: asyncio.Task[Any]) -> None:
        """Of a task that a run has made: what ends a loop is told. `exception()` would count as having looked at it."""
        error = cast("BaseException | None", getattr(task, "_exception"))  # noqa: B009 - not a declared name
        if isinstance(error, ENDS) and self.host is not None and isinstance(task, RunTask) and task.owner is not None:
            task.exception()  # it is told: nobody has to say once more that it was not looked at
            self.host.undone(task.owner, error)

    def _may(self, what: str) -> bool:
        """Outside of runs."""
        caller = speaking.get()
        if self.host is None or caller is None:
            return True
        tell_undone(what, caller, _BELONGS)
        return False


class AsyncioLoop(GuardedLoop, asyncio.SelectorEventLoop):
    """asyncio's own."""


class UvLoop(GuardedLoop, _Uv):
    """That of workers."""


NewLoop = Callable[[], GuardedLoop]


@contextmanager
def own_tasks_told() -> Generator[None]:
    """While it lasts, `asyncio.all_tasks` tells a run on a guarded loop of its own tasks only."""
    real = asyncio.all_tasks

    def all_tasks(loop: asyncio.AbstractEventLoop | None = None) -> set[asyncio.Task[Any]]:
        loop, caller = loop or asyncio.get_running_loop(), speaking.get()
        found = real(loop)
        if caller is None or not isinstance(loop, GuardedLoop):
            return found
        return {task for task in found if getattr(task, "owner", None) is caller}

    asyncio.all_tasks = asyncio.tasks.all_tasks = all_tasks
    try:
        yield
    finally:
        asyncio.all_tasks = asyncio.tasks.all_tasks = real


def tell_undone(what: str, caller: StepLog | None, why: str) -> None:
    """Say in the log of the run that did it, else in the worker's, that something was left undone."""
    text = f"{what} was ignored: {why}"
    if caller is None:
        log.warning("call ignored", extra={"what": what, "why": why})
    else:
        caller.logged(current_step.get(), "warning", text)
