"""Records of `logging` while a worker works: those of a run land in its log, the worker's own where they always went,
whatever a run makes of `logging` meanwhile.

What a run sets by `setLevel`, `disable` and `addHandler` counts for itself alone. For all others levels, `disabled`,
`propagate` and the root's handlers count as they are kept (logging_state.py).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from waterclock.executors.context import current_step
from waterclock.executors.descriptions import level_of
from waterclock_worker.reporting.capture.current_run import speaking
from waterclock_worker.reporting.capture.log_records import Whose, named
from waterclock_worker.reporting.capture.logging_state import NEVER, LoggingState
from waterclock_worker.reporting.capture.streams import is_ours
from waterclock_worker.reporting.step_log import StepLog

_OURS = "waterclock_worker"


class _RunHandler(logging.Handler):
    """Among the root's handlers, so that `basicConfig` sees that there is one."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("%(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        steps = _hearing(record)
        if steps is not None:
            try:
                text = self.format(record)
            except Exception:  # noqa: BLE001 - as every handler: a wrong format must not fail what logs it
                self.handleError(record)
            else:
                steps.logged(current_step.get(), level_of(record.levelno), text)


class LogCapture:
    """The way of records, as the worker wants it; one of them is in place at a time."""

    def __init__(self) -> None:
        self.handler = _RunHandler()
        self.state = LoggingState(self.handler)
        self.choosing: set[StepLog] = set()  # runs that go on and have set levels

    def chooses(self, steps: StepLog) -> None:
        """The run has set a level: it has its way for itself."""
        if not steps.closed:
            self.choosing.add(steps)

    @contextmanager
    def led(self) -> Generator[None]:
        """While it lasts, `logging` goes the worker's way."""
        root = logging.root
        kind: Any = logging.Logger
        handlers, level, factory = list(root.handlers), root.level, logging.getLogRecordFactory()
        plain = kind.isEnabledFor, kind.handle, kind.callHandlers
        filters = _outside_runs(level)
        for handler in handlers:
            handler.addFilter(filters)
        logging.setLogRecordFactory(named(factory, _whose))
        root.addHandler(self.handler)
        root.setLevel(min(level, logging.INFO))
        self.state.keep()
        kind.isEnabledFor = self._asking(plain[0])
        kind.handle = self._handling()
        kind.callHandlers = self._calling(plain[2])
        try:
            yield
        finally:
            kind.isEnabledFor, kind.handle, kind.callHandlers = plain
            for handler in handlers:
                handler.removeFilter(filters)
            root.setLevel(level)
            root.removeHandler(self.handler)
            logging.setLogRecordFactory(factory)

    def _asking(self, plain: Callable[[logging.Logger, int], bool]) -> Callable[[logging.Logger, int], bool]:
        standing, choosing = self.state.standing, self.choosing

        def is_enabled(logger: logging.Logger, level: int) -> bool:
            now = plain(logger, level)
            if choosing:
                return now if speaking.get() in choosing else level >= standing(logger).level
            return now or level >= standing(logger).level

        return is_enabled

    def _handling(self) -> Callable[[logging.Logger, logging.LogRecord], None]:
        standing = self.state.standing

        def handle(logger: logging.Logger, record: logging.LogRecord) -> None:
            if logger.disabled and standing(logger).level == NEVER:
                return
            passed: Any = logger.filter(record)
            if passed:
                logger.callHandlers(passed if isinstance(passed, logging.LogRecord) else record)

        return handle

    def _calling(
        self, plain: Callable[[logging.Logger, logging.LogRecord], None]
    ) -> Callable[[logging.Logger, logging.LogRecord], None]:
        added, ours = self.state.added, self.handler

        def call_handlers(logger: logging.Logger, record: logging.LogRecord) -> None:
            steps = _hearing(record)
            called: list[logging.Handler] = []
            at: logging.Logger | None = logger
            while at is not None:
                for handler in tuple(at.handlers):
                    if added and added.get(handler, (steps,))[0] is not steps:
                        continue  # another run's own
                    called.append(handler)
                    if record.levelno >= handler.level:
                        handler.handle(record)
                at = at.parent if at.propagate else None
            if steps is None:
                missing = tuple(one for one in self.state.behind if one not in called)
            else:
                lands = ours in called or any(one in added and is_ours(getattr(one, "stream", None)) for one in called)
                missing = () if lands else (ours,)
            if missing and self.state.standing(logger).lands:
                for handler in missing:
                    if record.levelno >= handler.level:
                        handler.handle(record)
            elif not called:
                plain(logger, record)  # as `logging` does where there is no handler

        return call_handlers


def _hearing(record: logging.LogRecord) -> StepLog | None:
    """The run in whose log it belongs. What the worker says for one that has ended is the worker's own."""
    steps = speaking.get()
    return None if steps is not None and steps.closed and record.name.startswith(_OURS) else steps


def _whose() -> Whose | None:
    steps = speaking.get()
    return None if steps is None else Whose(steps.run_id, steps.attempt, steps.traceparent)


def _outside_runs(level: int) -> Callable[[logging.LogRecord], bool]:
    """What the process's own handlers pass on: our lines, and those of libraries from the level that was set."""

    def passes(record: logging.LogRecord) -> bool:
        return _hearing(record) is None and (record.levelno >= level or record.name.startswith("waterclock"))

    return passes
