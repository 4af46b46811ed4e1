"""What an executor prints or logs, led into its run's log.

A context variable says for which attempt the code at hand runs; it travels with tasks and with threads that are started
in a copy of the context. Where it says nothing, output goes where it always went.
"""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TextIO

from waterclock.executors import current_step
from waterclock.model.events import Level
from waterclock.sayings import level_of
from waterclock_worker.naming import Whose, named
from waterclock_worker.steps import StepLog

speaking: ContextVar[StepLog | None] = ContextVar("speaking", default=None)
"""The step log of the attempt for which the caller runs."""


@contextmanager
def captured() -> Generator[None]:
    """While it lasts, `print` and `logging` of an executor land in its run's log."""
    root, out, err = logging.getLogger(), sys.stdout, sys.stderr
    handlers = list(root.handlers)
    ours, level = _RunHandler(), root.level
    factory = logging.getLogRecordFactory()
    logging.setLogRecordFactory(named(factory, _whose))
    sys.stdout, sys.stderr = _Stream(out, "info"), _Stream(err, "warning")
    root.addHandler(ours)
    root.setLevel(min(level, logging.INFO))
    filters = _outside_runs(level)
    for handler in handlers:
        handler.addFilter(filters)
    try:
        yield
    finally:
        for handler in handlers:
            handler.removeFilter(filters)
        root.setLevel(level)
        root.removeHandler(ours)
        logging.setLogRecordFactory(factory)
        sys.stdout, sys.stderr = out, err


def _whose() -> Whose | None:
    steps = speaking.get()
    return None if steps is None else Whose(steps.run_id, steps.attempt, steps.traceparent)


class _Stream(io.TextIOBase):
    """Standard output or error: whole lines of a run go to its report, all else to the stream that was there."""

    def __init__(self, behind: TextIO, level: Level) -> None:
        self._behind = behind
        self._level: Level = level

    def write(self, text: str) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        steps = speaking.get()
        if steps is None:
            return self._behind.write(text)
        steps.printed(current_step.get(), self._level, text)
        return len(text)

    def flush(self) -> None:
        """An unfinished line is told too: who flushes wants it seen."""
        steps = speaking.get()
        if steps is None:
            self._behind.flush()
        else:
            steps.flush(current_step.get(), self._level)

    def fileno(self) -> int:
        return self._behind.fileno()

    def isatty(self) -> bool:
        return speaking.get() is None and self._behind.isatty()

    @property
    def encoding(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self._behind.encoding


class _RunHandler(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("%(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        steps = speaking.get()
        if steps is not None:
            try:
                text = self.format(record)
            except Exception:  # noqa: BLE001 - as every handler: a wrong format must not fail what logs it
                self.handleError(record)
            else:
                steps.logged(current_step.get(), level_of(record.levelno), text)


def _outside_runs(level: int) -> Callable[[logging.LogRecord], bool]:
    """What the process's own handlers pass on: our lines, and those of libraries from the level that was set."""

    def passes(record: logging.LogRecord) -> bool:
        return speaking.get() is None and (record.levelno >= level or record.name.startswith("waterclock"))

    return passes
