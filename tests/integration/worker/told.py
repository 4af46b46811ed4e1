"""Executors that tell all they can, and succeed at the second attempt.

Their logger has a handler of their author's, whose lines go to standard error: a worker's own, of a child its run's.
"""

from __future__ import annotations

import json
import logging
import os

from opentelemetry import trace

from waterclock import Retry, RunContext, executor

_tracer = trace.get_tracer(__name__)


class _Lines(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        told = {"event": record.getMessage(), "span": record.__dict__["otelSpanID"]}
        told |= {name: record.__dict__[name] for name in ("run", "attempt", "trace_id")}
        os.write(2, json.dumps(told).encode() + b"\n")


logging.getLogger("waterclock.run").addHandler(_Lines())


@executor("told.here")
async def here(ctx: RunContext) -> None:
    async with ctx.step("First"):
        with _tracer.start_as_current_span("own work"), _tracer.start_as_current_span("own work beneath it"):
            ctx.logger.info("by its own logger")
    with ctx.step("Second"):
        _end(ctx)


@executor("told.child", subprocess=True)
def in_child(ctx: RunContext) -> None:
    with ctx.step("First"), _tracer.start_as_current_span("own work"):
        ctx.logger.info("by its own logger")
    _end(ctx)


def _end(ctx: RunContext) -> None:
    if ctx.attempt == 1:
        raise Retry(0, "once more")
