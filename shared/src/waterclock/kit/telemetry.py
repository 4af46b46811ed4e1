"""Log lines and traces.

A log line is a name and fields: `log.info("run claimed", extra={"run": run_id})`. Traces are made only where an OTLP
endpoint is set (or a test installs an exporter); otherwise a span costs one comparison. Their context travels in events
as W3C `traceparent`.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from waterclock.kit.settings import TelemetrySettings

Attributes = Mapping[str, str | int | float | bool]

_propagator = TraceContextTextMapPropagator()
_standard = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class _Tracing:
    """The provider in use; None while tracing is off."""

    provider: TracerProvider | None = None


def setup(service: str, settings: TelemetrySettings) -> None:
    """Configure logging for the process, and tracing if an endpoint is set. Call once, in `main`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json(service) if settings.log_format == "json" else _Text(service))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("waterclock").setLevel(settings.log_level.upper())
    for package in ("api", "scheduler", "worker", "dev"):
        logging.getLogger(f"waterclock_{package}").setLevel(settings.log_level.upper())
    if settings.otlp_endpoint is not None:
        # Imported where it is needed: it takes 0.3 s, which every start of every process would pay.
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415

        endpoint = f"{settings.otlp_endpoint.rstrip('/')}/v1/traces"
        install(service, BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))


def install(service: str, processor: SpanProcessor | SpanExporter) -> None:
    """Turn tracing on, with spans going to `processor`."""
    provider = TracerProvider(resource=Resource.create({"service.name": f"waterclock-{service}"}))
    if isinstance(processor, SpanExporter):
        processor = BatchSpanProcessor(processor)
    provider.add_span_processor(processor)
    _Tracing.provider = provider


def shutdown() -> None:
    """Send what is still held, and turn tracing off."""
    if _Tracing.provider is not None:
        _Tracing.provider.shutdown()
        _Tracing.provider = None


def tracing() -> bool:
    return _Tracing.provider is not None


@contextmanager
def span(
    name: str,
    *,
    parent: str | None = None,
    links: Sequence[str] = (),
    attributes: Attributes | None = None,
    kind: SpanKind = SpanKind.INTERNAL,
) -> Generator[Span]:
    """Work under a span; `parent` and `links` are traceparents from events. Without a parent the current span is it."""
    provider = _Tracing.provider
    if provider is None:
        yield trace.INVALID_SPAN
        return
    context = _propagator.extract({"traceparent": parent}) if parent else None
    linked = [trace.Link(_context_of(one)) for one in links]
    with provider.get_tracer("waterclock").start_as_current_span(
        name, context=context, kind=kind, links=linked, attributes=attributes
    ) as current:
        yield current


def past(name: str, *, seconds: float, parent: str | None, attributes: Attributes | None = None) -> str | None:
    """Tell of work that took `seconds` and has ended now, under `parent`; returns its traceparent, None while off."""
    if _Tracing.provider is None:
        return None
    context = _propagator.extract({"traceparent": parent}) if parent else Context()
    now = time.time_ns()
    began = now - int(seconds * 1e9)
    done = _Tracing.provider.get_tracer("waterclock").start_span(
        name, context=context, start_time=began, attributes=attributes
    )
    done.end(now)
    carrier: dict[str, str] = {}
    _propagator.inject(carrier, trace.set_span_in_context(done))
    return carrier.get("traceparent")


def _context_of(traceparent: str) -> trace.SpanContext:
    return trace.get_current_span(_propagator.extract({"traceparent": traceparent})).get_span_context()


def inject() -> str | None:
    """The current span as a traceparent, for an event or a request; None while tracing is off."""
    if _Tracing.provider is None:
        return None
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return carrier.get("traceparent")


def trace_id() -> str | None:
    """The current trace's id as 32 hex digits, to be named in answers; None outside a trace."""
    context = trace.get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid else None


def failed(current: Span, reason: str) -> None:
    """Mark a span as that of something that went wrong."""
    current.set_status(Status(StatusCode.ERROR, reason))


class _Line(logging.Formatter):
    def __init__(self, service: str) -> None:
        super().__init__()
        self.service = service

    def fields(self, record: logging.LogRecord) -> dict[str, object]:
        return {name: value for name, value in vars(record).items() if name not in _standard}

    def moment(self, record: logging.LogRecord) -> str:
        return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _Text(_Line):
    def format(self, record: logging.LogRecord) -> str:
        fields = "".join(f" {name}={value}" for name, value in self.fields(record).items())
        line = f"{self.moment(record)} {record.levelname.lower():7} {self.service}: {record.getMessage()}{fields}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class _Json(_Line):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": self.moment(record),
            "level": record.levelname.lower(),
            "service": self.service,
            "event": record.getMessage(),
            "logger": record.name,
            **self.fields(record),
        }
        if (current := trace_id()) is not None:
            line["traceId"] = current
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)
