"""What runs in a child process, below its guard: executes one attempt and tells of it through a pipe.

The process is the executor's: it may close streams and descriptors, replace what it likes, lower limits. What is told
after it relies on nothing of that: on functions taken here at import, and on a pipe that the guard holds too.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec

from waterclock.executors.context import RunContext, current_step
from waterclock.executors.definition import AnyExecutor, declared
from waterclock.executors.descriptions import level_of
from waterclock.executors.lifespans import LoopValues, ThreadValues
from waterclock.kit.redaction import own
from waterclock.model.events import Level, StepStatus
from waterclock_worker.execution.children import protocol as words
from waterclock_worker.execution.children.tracing import beneath
from waterclock_worker.module_loader import load_file
from waterclock_worker.reporting.bounds import LINE_MOST, NAME_MOST, cleaned, error_of
from waterclock_worker.reporting.capture.log_records import Whose, named
from waterclock_worker.reporting.outcome import Outcome, outcome_of, params_for, succeeded

STOPPED = 128 + signal.SIGTERM
_fstat, _getpid, _open, _write = os.fstat, os.getpid, os.open, os.write
_set_recursion_limit = sys.setrecursionlimit


class PipeReport:
    """Implements `waterclock.executors.Report`: every word at once, whole, to the pipe."""

    def __init__(self, fd: int, *, guard: int) -> None:
        self._fd = fd
        self._elsewhere = f"/proc/{guard}/fd/{fd}"
        self._pipe = _identity(fd)
        self._lock = threading.Lock()
        self._steps = 0
        self.cancelled = False
        self.concealed = own()

    def tell(self, word: words.Word) -> None:
        line = words.encode(word) + b"\n"
        with self._lock:
            self._write(line)

    def step_started(self, name: str) -> int:
        with self._lock:  # the worker numbers the steps by the order of these words
            self._steps += 1
            self._write(words.encode(words.Began(name=cleaned(self.concealed(name), NAME_MOST))) + b"\n")
            return self._steps

    def logged(self, step: int | None, level: Level, text: str) -> None:
        self.tell(words.Said(step=step, level=level, text=cleaned(self.concealed(text), LINE_MOST)))

    def progressed(self, step: int, done: float, total: float | None) -> None:
        self.tell(words.Progressed(step=step, done=done, total=total))

    def step_finished(self, step: int, status: StepStatus, error: BaseException | None) -> None:
        told = None if error is None else error_of(error, skip=0, conceal=self.concealed)
        self.tell(words.Finished(step=step, status=status, error=told))

    def conceal(self, secret: str) -> None:
        self.concealed = self.concealed.adding(secret)
        self.tell(words.Redacted(secret=secret[: words.SECRET_MOST]))

    def _write(self, line: bytes) -> None:
        if _identity(self._fd) != self._pipe:  # closed, and its number may be a file's by now
            self._fd = _open(self._elsewhere, os.O_WRONLY | os.O_CLOEXEC)
        while line:
            line = line[_write(self._fd, line) :]


def _identity(fd: int) -> tuple[int, int] | None:
    try:
        found = _fstat(fd)
    except OSError:
        return None
    return found.st_dev, found.st_ino


class _PipeHandler(logging.Handler):
    def __init__(self, report: PipeReport) -> None:
        super().__init__(logging.INFO)
        self._report = report

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = self.format(record)
        except Exception:  # noqa: BLE001 - as every handler: a wrong format must not fail what logs it
            self.handleError(record)
        else:
            self._report.logged(current_step.get(), level_of(record.levelno), text)


def main(fd: int, line: bytes) -> None:
    """Execute the task of this line, and tell of it through `fd`."""
    task = words.decode_task(line)
    executing = _getpid()
    streams = sys.stdout, sys.stderr
    sys.path[:] = task.path
    report = PipeReport(fd, guard=os.getppid())
    logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=[_PipeHandler(report)])
    whose = Whose(task.run_id, task.attempt, task.traceparent)
    logging.setLogRecordFactory(named(logging.getLogRecordFactory(), lambda: whose))
    with beneath(task.traceparent, task.tracestate, instance=task.instance):
        outcome = _execute(task, report)
    if _getpid() != executing:
        os._exit(1)  # a copy that the executor forked and let return: it has no say
    _settle_streams(report, streams)
    report.tell(
        words.Ended(
            kind=outcome.kind,
            result=msgspec.Raw(outcome.result),
            error=outcome.error,
            final=outcome.final,
            after=outcome.after,
        )
    )


def _settle_streams(report: PipeReport, streams: Iterable[Any]) -> None:
    """Let printed lines come before the end. One that cannot be flushed must not be found by the interpreter: it would
    end with another code than 0."""
    for stream in streams:
        _flushed(stream)
    for name in ("stdout", "stderr"):
        failure = _flushed(getattr(sys, name, None))
        if failure is not None:
            setattr(sys, name, None)
            if not isinstance(failure, ValueError):  # closed or detached, as it was meant
                report.logged(None, "warning", f"sys.{name} cannot be flushed: {failure!r}")


def _flushed(stream: Any) -> BaseException | None:
    """Why it cannot be."""
    try:
        if stream is not None:
            stream.flush()
    except BaseException as failure:  # noqa: BLE001 - others' code, after their function has returned
        return failure
    return None


def _execute(task: words.Task, report: PipeReport) -> Outcome:
    """SystemExit passes: a child that exits is told by its exit code."""
    try:
        executor = _find(task)
        params = params_for(executor, task.params)
        values = LoopValues() if executor.is_async else ThreadValues()
        context = RunContext(
            run_id=task.run_id,
            attempt=task.attempt,
            fence=task.fence,
            params=params,
            report=report,
            nominal_ms=task.nominal_ms,
            previous_ms=task.previous_ms,
            traceparent=task.traceparent,
            tracestate=task.tracestate,
            deadline_ms=task.deadline_ms,
            values=values,
        )
        arguments = (context,) if executor.params_type is None else (context, params)
        with _depth_kept():
            if isinstance(values, LoopValues):
                returned = asyncio.run(_cancellable(executor, arguments, values, report))
            else:
                signal.signal(signal.SIGTERM, lambda _number, _frame: _leave(report))
                with values:
                    returned = executor.function(*arguments)
        return succeeded(returned, report)
    except SystemExit:
        raise
    except BaseException as error:  # noqa: BLE001 - the edge of a run: whatever it raises is how it ended
        return outcome_of(error, report.concealed)


@contextmanager
def _depth_kept() -> Generator[None]:
    """What is to be told of the function needs a little room to be called in."""
    limit = sys.getrecursionlimit()
    try:
        yield
    finally:
        _set_recursion_limit(limit)


async def _cancellable(
    executor: AnyExecutor, arguments: tuple[Any, ...], values: LoopValues, report: PipeReport
) -> object:
    """SIGTERM cancels the function, as a cancelled attempt in the worker would be."""
    task = asyncio.current_task()
    assert task is not None

    def stop() -> None:
        report.cancelled = True
        task.cancel()

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop)
    try:
        async with values:
            return await executor.function(*arguments)
    except asyncio.CancelledError:
        if report.cancelled:
            sys.exit(STOPPED)
        raise


def _leave(report: PipeReport) -> None:
    """Unwind a plain function, so that its `finally` and `with` blocks run."""
    report.cancelled = True
    sys.exit(STOPPED)


def _find(task: words.Task) -> AnyExecutor:
    try:
        import_module(task.module)
    except ModuleNotFoundError as error:
        if task.file is None or not task.module.startswith(str(error.name)):
            raise
        load_file(Path(task.file), name=task.module)
    for executor in declared():
        if task.key == executor.key and executor.module == task.module:
            return executor
    raise LookupError(f"{task.module} declares no executor {task.key}")
