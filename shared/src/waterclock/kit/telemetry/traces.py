"""Traces: made only where something asks for them (or a test installs an exporter); else a span costs one comparison.

Their context travels in events as W3C `traceparent`. A run that shares its cause with others, or that a schedule names,
has a trace of its own, whose id follows from the run's, as do the ids of its attempts: so a link can be made by whoever
knows the run, without asking, and a decision made twice begins one trace.

It is long: all that touches the SDK of OpenTelemetry is here.
"""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from waterclock.kit.settings import SettingsError, TelemetrySettings
from waterclock.kit.start import withheld
from waterclock.kit.telemetry.log_lines import lead_lines
from waterclock.kit.telemetry.otel_settings import OtelSettings, read_otel

if TYPE_CHECKING:  # what needs the SDK is imported where tracing is turned on
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.sdk.trace.export import SpanExporter

    from waterclock.kit.telemetry.provider import Made

Attributes = Mapping[str, str | int | float | bool]

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_IDS = r"(-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-)"
_GIVEN = re.compile(rf"00{_IDS}[0-9a-f]{{2}}")
_LATER = re.compile(rf"(?!00|ff)[0-9a-f]{{2}}{_IDS}([0-9a-f]{{2}})(?:-.*)?")
"""Of a version to come (W3C Trace Context, 3.2.2.1): its first four fields are those of ours."""
_LONG, _ODD = 55, "13579bdf"
_LOW_HALF = slice(19, 35)  # of a trace's id, in a traceparent
_LOW_64 = (1 << 64) - 1
_LINKS_MOST = 1_000
"""Of one span. Each of the many is linked to the one anyway."""
_OFF = nullcontext(trace.INVALID_SPAN)
_EVERYTHING = OtelSettings()


class _Tracing:
    """What makes spans; None while tracing is off."""

    made: Made | None = None
    instance: str | None = None


def setup(service: str, settings: TelemetrySettings, *, instance: str | None = None) -> OtelSettings:
    """Configure logging for the process, and tracing if it is asked for. Call once, in `main`.

    `instance` tells processes of the service apart, in traces and in metrics.

    Raises:
        SettingsError: a variable of OpenTelemetry does not fit.
    """
    lead_lines(service, settings)
    from waterclock.kit.telemetry import propagation  # noqa: PLC0415 - it stands on this module

    propagation.choose(os.environ)
    otel = read_otel(settings, instance=instance or f"{socket.gethostname()}-{os.getpid()}")
    send_spans(service, otel)
    return otel


def send_spans(service: str, otel: OtelSettings) -> None:
    """Turn tracing on, if it is asked for.

    Raises:
        SettingsError: a variable of OpenTelemetry does not fit.
    """
    if otel.traces is None:
        return
    with settings_of_theirs():
        from waterclock.kit.telemetry.exporters import span_exporter  # noqa: PLC0415

        install(service, span_exporter(otel.traces), otel)


@contextmanager
def settings_of_theirs() -> Generator[None]:
    """What is imported and made meanwhile reads variables of OpenTelemetry (`OTEL_*`).

    Raises:
        SettingsError: the value of one does not fit.
    """
    os.environ.update(withheld)
    try:
        yield
    except (ValueError, OSError) as error:
        said = " ".join(str(error).split())
        raise SettingsError(said if "OTEL_" in said else f"a variable OTEL_* does not fit: {said}") from error


def install(service: str, processor: SpanProcessor | SpanExporter, otel: OtelSettings = _EVERYTHING) -> None:
    """Turn tracing on, with spans going to `processor`."""
    from waterclock.kit.telemetry import provider as sdk  # noqa: PLC0415 - it brings the SDK

    _Tracing.made = sdk.made(
        sdk.resource_of(service, otel.instance),
        processor,
        share=otel.share,
        follows_parent=otel.follows_parent,
        batching=otel.batching,
        links_most=_LINKS_MOST,
    )
    _Tracing.instance = otel.instance
    if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):  # nobody else has set one
        trace.set_tracer_provider(_Lent())


def hurry() -> None:
    """The process is about to end: what is still held is sent while other things end, too."""
    if _Tracing.made is not None and _Tracing.made.sender is not None:
        _Tracing.made.sender.hurry()


def shutdown() -> None:
    """Send what is still held, and turn tracing off."""
    if _Tracing.made is not None:
        _Tracing.made.provider.shutdown()
        _Tracing.made = None


def tracing() -> bool:
    return _Tracing.made is not None


def instance() -> str | None:
    """What tells this process apart in its traces, for those that tell of its work in its name."""
    return _Tracing.instance


def span(
    name: str,
    *,
    links: Sequence[str] = (),
    attributes: Attributes | None = None,
    kind: SpanKind = SpanKind.INTERNAL,
) -> AbstractContextManager[Span]:
    """Work under a span, a child of the current one; `links` are traceparents from events.

    What the work raises is told as `error.type`, without its text.
    """
    if _Tracing.made is None:
        return _OFF
    return _working(begun(name, links=links, attributes=attributes, kind=kind))


@contextmanager
def _working(current: Span) -> Generator[Span]:
    try:
        with under(current):
            yield current
    except Exception as error:
        failed(current, type(error).__name__)
        raise
    finally:
        current.end()


def begun(
    name: str,
    *,
    parent: str | None = None,
    state: str | None = None,
    at: str | None = None,
    links: Sequence[str] = (),
    attributes: Attributes | None = None,
    kind: SpanKind = SpanKind.INTERNAL,
) -> Span:
    """A span that the caller ends, beneath `parent`, a traceparent, or the current one; only while tracing is on.

    `state`: the tracestate of the parent.

    `at`: the traceparent that it is to have. Of what is not sampled it records nothing, and is what it stands beneath.
    """
    own = _Tracing.made
    assert own is not None
    above = trace.get_current_span().get_span_context() if parent is None else _context_of(parent, state)
    if above.is_valid and not above.trace_flags.sampled:  # here, for the SDK takes four times as long for the same
        return trace.NonRecordingSpan(above)
    if not above.is_valid and at is None and not any(map(sampled, links)):
        trace_id = own.ids.generate_trace_id()
        if trace_id & _LOW_64 >= own.below:
            return trace.NonRecordingSpan(SpanContext(trace_id, own.ids.generate_span_id(), is_remote=False))
    context = None if parent is None else beneath(parent, state)
    return _start(name, context, at=at, links=links, attributes=attributes, kind=kind)


def under(current: Span) -> AbstractContextManager[Span]:
    """Let it be the current span, without ending it."""
    return trace.use_span(current, record_exception=False, set_status_on_exception=False)


def past(
    name: str,
    *,
    seconds: float,
    parent: str | None,
    state: str | None = None,
    at: str | None = None,
    links: Sequence[str] = (),
    attributes: Attributes | None = None,
    kind: SpanKind = SpanKind.INTERNAL,
    error: str | None = None,
) -> str | None:
    """Tell of work that took `seconds` and has ended now, under `parent`; returns its traceparent, None while off.

    Of a trace that is not sampled nothing is told, and `parent` is returned.
    """
    if _Tracing.made is None:
        return None
    if parent is not None and not sampled(parent):
        return decided(parent)
    now = time.time_ns()
    context = beneath(parent, state) if parent else Context()
    began = now - int(seconds * 1e9)
    done = _start(name, context, at=at, links=links, attributes=attributes, kind=kind, began=began)
    if error is not None:
        failed(done, error)
    done.end(now)
    return _told(done.get_span_context())


def origin(run_id: str, links: Sequence[str] = ()) -> str | None:
    """The traceparent with which a run's own trace begins; None while off. It is sampled where a link of it is."""
    own = _Tracing.made
    if own is None:
        return None
    hashed = sha256(run_id.encode()).digest()
    trace_id = int.from_bytes(hashed[:16])
    taken = trace_id & _LOW_64 < own.below or (own.follows_parent and any(map(sampled, links)))
    return _told(SpanContext(trace_id, int.from_bytes(hashed[16:24]), is_remote=True, trace_flags=TraceFlags(taken)))


def of_attempt(traceparent: str, run_id: str, number: int) -> str:
    """The traceparent of an attempt of a run, in the trace that is given by any other of it."""
    span_id = sha256(f"{run_id} {number}".encode()).hexdigest()[:16]
    return f"{traceparent[:36]}{span_id}{traceparent[52:]}"


def sampled(traceparent: str | None) -> bool:
    if traceparent is None or len(traceparent) != _LONG:
        return False
    own = _Tracing.made
    if own is None or own.follows_parent:
        return traceparent[-1] in _ODD
    return int(traceparent[_LOW_HALF], 16) < own.below


def decided(traceparent: str) -> str:
    """A traceparent that says whether it is sampled here, where that is not for its parent to say."""
    own = _Tracing.made
    if own is None or own.follows_parent or len(traceparent) != _LONG:
        return traceparent
    return f"{traceparent[:-2]}{sampled(traceparent):02x}"


def given(text: str | None) -> str | None:
    """What a client calls its traceparent, as one of our version, if it is one."""
    if text is None or _GIVEN.fullmatch(text):
        return text
    later = _LATER.fullmatch(text)
    return None if later is None else f"00{later[1]}{int(later[2], 16) & 1:02x}"


def inject(current: Span | None = None) -> str | None:
    """A span, or the current one, as a traceparent, for an event or a request; None while tracing is off."""
    if _Tracing.made is None:
        return None
    context = (current or trace.get_current_span()).get_span_context()
    return _told(context) if context.is_valid else None


def describe(attributes: Attributes) -> None:
    """Add to the current span."""
    trace.get_current_span().set_attributes(attributes)


def link(traceparent: str) -> None:
    """Link the current span, that of one cause with many effects, to one of them."""
    trace.get_current_span().add_link(_context_of(traceparent))


def trace_id() -> str | None:
    """The current trace's id as 32 hex digits, to be named in answers; None outside a trace."""
    context = trace.get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid else None


def failed(current: Span, error: str) -> None:
    """Mark a span as that of something that went wrong, by the name of an error."""
    current.set_attribute("error.type", error)
    current.set_status(Status(StatusCode.ERROR))


def _start(
    name: str,
    context: Context | None,
    *,
    at: str | None,
    links: Sequence[str],
    attributes: Attributes | None,
    kind: SpanKind,
    began: int | None = None,
) -> Span:
    own = _Tracing.made
    assert own is not None
    linked = [trace.Link(_context_of(one)) for one in links[:_LINKS_MOST]]
    own.ids.told = None if at is None else _context_of(at)
    try:
        return own.tracer.start_span(
            name, context=context, kind=kind, links=linked, attributes=attributes, start_time=began
        )
    finally:
        own.ids.told = None


def beneath(traceparent: str, tracestate: str | None = None) -> Context:
    """What stands beneath the span of another process."""
    return trace.set_span_in_context(trace.NonRecordingSpan(_context_of(traceparent, tracestate)), Context())


def told_by(context: Context) -> tuple[str, str | None] | None:
    """The traceparent and the tracestate of what a context says to stand beneath; None for nothing."""
    found = trace.get_current_span(context).get_span_context()
    return (_told(found), found.trace_state.to_header() or None) if found.is_valid else None


def _context_of(traceparent: str, tracestate: str | None = None) -> SpanContext:
    found = _TRACEPARENT.fullmatch(decided(traceparent))
    if found is None:
        return trace.INVALID_SPAN_CONTEXT
    flags = TraceFlags(int(found[3], 16))
    state = None if tracestate is None else TraceState.from_header([tracestate])
    return SpanContext(int(found[1], 16), int(found[2], 16), is_remote=True, trace_flags=flags, trace_state=state)


def _told(context: SpanContext) -> str:
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def provider() -> trace.TracerProvider:
    """For spans that executors make: ours, while tracing is on."""
    return trace.NoOpTracerProvider() if _Tracing.made is None else _Tracing.made.provider


class _Lent(trace.TracerProvider):
    """OpenTelemetry's global provider, which is set once: whichever is ours at the time."""

    def get_tracer(
        self,
        instrumenting_module_name: str,
        instrumenting_library_version: str | None = None,
        schema_url: str | None = None,
        attributes: Any = None,
    ) -> trace.Tracer:
        return provider().get_tracer(instrumenting_module_name, instrumenting_library_version, schema_url, attributes)
