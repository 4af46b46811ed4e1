"""Executors that tell of themselves: spans of their own, records of `logging`."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager

from opentelemetry import trace

from waterclock import RunContext, executor

_log = logging.getLogger("an.executor")


class _Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@contextmanager
def records() -> Generator[list[logging.LogRecord]]:
    """What executors log, as a handler of their author's gets it."""
    kept = _Kept()
    loggers = _log, logging.getLogger("waterclock.run")
    for logger in loggers:
        logger.addHandler(kept)
    try:
        yield kept.records
    finally:
        for logger in loggers:
            logger.removeHandler(kept)


@executor("t.tells")
async def tells(ctx: RunContext) -> None:
    _log.info("outside")
    with trace.get_tracer(__name__).start_as_current_span("own work"):
        _log.info("inside")
    ctx.logger.info("by its own logger", extra={"more": "x"})


@executor("t.tells.child", subprocess=True)
def tells_in_child(ctx: RunContext) -> None:
    with trace.get_tracer(__name__).start_as_current_span("own work"):
        logging.getLogger().handlers[0].setFormatter(
            logging.Formatter("%(waterclock_run)s %(waterclock_attempt)s %(otelTraceID)s %(otelSpanID)s")
        )
        _log.info("inside")
    del ctx
