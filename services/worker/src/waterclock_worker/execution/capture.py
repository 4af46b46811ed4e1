"""What an executor prints or logs, led into its run's log, and what it changes in the process, found and put back.

A context variable says for which attempt the code at hand runs (reporting/speaking.py); it travels with tasks and with
threads that are started in a copy of the context. Where it says nothing, output goes where it always went.
"""

from __future__ import annotations

import decimal
import logging
import signal
import sys
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from contextvars import copy_context

from waterclock.executors import lifespans
from waterclock_worker.execution.isolation.state_watch import ADVICE, StateWatch
from waterclock_worker.reporting.capture import run_output, streams
from waterclock_worker.reporting.capture.current_run import speaking
from waterclock_worker.reporting.capture.log_capture import LogCapture
from waterclock_worker.reporting.step_log import StepLog

_ALARMS = (signal.SIGALRM, signal.SIGVTALRM, signal.SIGPROF)
log = logging.getLogger(__name__)


class _Process:
    """What holds for this process while workers work in it: in tests there may be several."""

    workers = 0
    logs: LogCapture | None = None
    watch: StateWatch | None = None
    decimals_shared = False  # the contexts of runs would share one of `decimal`


@contextmanager
def captured() -> Generator[None]:
    """While it lasts, `print` and `logging` of an executor land in its run's log, and the process is watched."""
    if _Process.workers:
        _Process.workers += 1
        try:
            yield
        finally:
            _Process.workers -= 1
        return
    logs = LogCapture()
    watch = StateWatch(logs)
    with _alarms_heard(), logs.led(), watch.in_place():
        _Process.workers, _Process.logs, _Process.watch = 1, logs, watch
        _Process.decimals_shared = any(one.name == "decimal_context" for one in copy_context())
        lifespans.around = watch.opening
        try:
            yield
        finally:
            lifespans.around = lifespans.unwatched
            _Process.workers, _Process.logs, _Process.watch = 0, None, None


def begun(runs: Sequence[StepLog]) -> None:
    """These begin in this process. On the worker's I/O loop."""
    if _Process.watch is not None:
        with _guarded():
            _Process.watch.begun(runs)


def ended(runs: Sequence[StepLog]) -> None:
    """These have ended, and what they told is not closed: they are told what they have changed. On the I/O loop."""
    if _Process.watch is not None:
        with _guarded():
            _Process.watch.ended(runs)


@contextmanager
def _guarded() -> Generator[None]:
    """What others have made of the process may refuse to be looked at: no ending waits for that."""
    try:
        yield
    except Exception:
        log.exception("process state not checked")


def entered(steps: StepLog) -> None:
    """From here on the caller, a task or a thread, runs for this attempt."""
    speaking.set(steps)
    if _Process.decimals_shared:
        decimal.setcontext(decimal.getcontext().copy())


def left(steps: StepLog) -> None:
    """The attempt's function has returned: tell what its streams still hold, and free its thread of what it has set."""
    if streams.put_by or run_output.made_by:
        streams.left(steps)
    logs = _Process.logs
    if logs is not None and logs.choosing:
        logs.choosing.discard(steps)
    if sys.getprofile() is not None or sys.gettrace() is not None:
        _untraced(steps)


def _untraced(steps: StepLog) -> None:
    """A thread is used again; a loop is used by all. Where a debugger or a measurement traces all threads, it stays."""
    found: list[str] = []
    if sys.getprofile() is not None and threading.getprofile() is None:
        sys.setprofile(None)
        found.append("sys.setprofile")
    if sys.gettrace() is not None and threading.gettrace() is None:
        sys.settrace(None)
        found.append("sys.settrace")
    for name in found:
        text = f"{name} was left changed in a thread that other runs use. It was restored: {ADVICE}"
        steps.logged(None, "warning", text)


@contextmanager
def _alarms_heard() -> Generator[None]:
    """A timer that a run sets (`signal.alarm`) would end the process: its signal does, where nobody takes it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def heard(number: int, _frame: object) -> None:
        if _Process.watch is not None:
            _Process.watch.rang(number)
        log.warning("timer of a run ignored", extra={"signal": signal.Signals(number).name})

    deaf = [number for number in _ALARMS if signal.getsignal(number) is signal.SIG_DFL]
    for number in deaf:
        signal.signal(number, heard)
    try:
        yield
    finally:
        for number in deaf:
            signal.signal(number, signal.SIG_DFL)
