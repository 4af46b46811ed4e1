"""Log records of an executor name its run: for handlers of its author's, which know nothing of ours.

    waterclock_run, waterclock_attempt      and in a trace   otelTraceID, otelSpanID

The last two are what OpenTelemetry's own instrumentation of `logging` calls them.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Any, NamedTuple


class Whose(NamedTuple):
    """The attempt for which the caller runs; `traceparent` where it is traced."""

    run_id: str
    attempt: int
    traceparent: str | None


def named(factory: Callable[..., logging.LogRecord], whose: Callable[[], Whose | None]) -> Callable[..., Any]:
    """A factory of records that asks whose each is."""

    def made(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = factory(*args, **kwargs)
        if (found := whose()) is not None:
            record.waterclock_run, record.waterclock_attempt = found.run_id, found.attempt
            if found.traceparent is not None:
                record.otelTraceID, record.otelSpanID = found.traceparent[3:35], _span_id(found.traceparent)
        return record

    return made


def _span_id(traceparent: str) -> str:
    """Of the span at hand, if the executor has begun one, else of the attempt's."""
    if "opentelemetry.trace" not in sys.modules:
        return traceparent[36:52]
    from opentelemetry import trace  # noqa: PLC0415 - a child process imports it only where its executor does

    context = trace.get_current_span().get_span_context()
    return f"{context.span_id:016x}" if context.is_valid else traceparent[36:52]
