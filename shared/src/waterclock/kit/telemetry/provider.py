"""What makes spans: the SDK of OpenTelemetry, imported where tracing is turned on. It takes a tenth of a start."""

from __future__ import annotations

from typing import NamedTuple

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, SpanProcessor, Tracer, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased

from waterclock.kit.telemetry.sampling import Ids, Sampled
from waterclock.kit.telemetry.sending_times import SEND_MOST_S
from waterclock.kit.telemetry.span_processor import Sender


class Made(NamedTuple):
    provider: TracerProvider
    tracer: Tracer
    ids: Ids
    sender: Sender | None
    below: int  # of the low half of a trace's id: a trace that begins here is sampled


def made(service: str, processor: SpanProcessor | SpanExporter, *, sample: float, links_most: int) -> Made:
    """A provider whose spans go to `processor`; of the traces that begin here, this share is sampled."""
    ids = Ids()
    provider = TracerProvider(
        resource=Resource.create({"service.name": f"waterclock-{service}"}),
        sampler=Sampled(sample),
        id_generator=ids,
        span_limits=SpanLimits(max_links=links_most),
    )
    if isinstance(processor, SpanProcessor):
        sender, given = None, processor
    else:
        sender = given = Sender(processor)
    provider.add_span_processor(given)
    tracer = provider.get_tracer("waterclock")
    assert isinstance(tracer, Tracer)
    return Made(provider, tracer, ids, sender, TraceIdRatioBased.get_bound_for_rate(sample))


def exporter_to(endpoint: str) -> SpanExporter:
    # Imported where it is needed: it takes 0.3 s.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415

    return OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=SEND_MOST_S)
