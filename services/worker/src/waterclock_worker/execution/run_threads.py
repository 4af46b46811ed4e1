"""The threads behind `asyncio.to_thread`: each run has a share of its own, so that none can use up or end another's."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, ParamSpec, TypeVar

from waterclock_worker.execution.threads import Threads
from waterclock_worker.reporting.capture.current_run import speaking
from waterclock_worker.reporting.step_log import StepLog

P = ParamSpec("P")
T = TypeVar("T")
SHARE = 32
"""Threads of one run at once, as many as asyncio has at most; further work of the run waits."""
IDLE_MOST = 32


class RunThreads(Executor):
    """No run shuts it down; its threads are daemons."""

    def __init__(self) -> None:
        self._threads = Threads(idle_most=IDLE_MOST)
        self._lock = threading.Lock()
        self._working: dict[StepLog | None, int] = {}
        self._waiting: dict[StepLog | None, deque[Callable[[], None]]] = {}

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()

        def work() -> None:
            _run(future, fn, args, kwargs)

        owner = speaking.get()
        with self._lock:
            working = self._working.get(owner, 0)
            if working == SHARE:
                self._waiting.setdefault(owner, deque()).append(work)
                return future
            self._working[owner] = working + 1
        self._threads.run(lambda: self._serve(owner, work))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """It serves all runs: none ends it."""

    def close(self) -> None:
        """Its loop is at its end: no thread is kept for later work."""
        self._threads.close()

    def _serve(self, owner: StepLog | None, work: Callable[[], None]) -> None:
        while True:
            work()
            with self._lock:
                waiting = self._waiting.get(owner)
                if waiting:
                    work = waiting.popleft()
                    continue
                self._waiting.pop(owner, None)
                self._working[owner] -= 1
                if not self._working[owner]:
                    del self._working[owner]
                return


def _run(future: Future[Any], fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = fn(*args, **kwargs)
    except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits
        future.set_exception(error)
    else:
        future.set_result(result)
