"""What makes spans: the SDK of OpenTelemetry, imported where tracing is turned on. It takes a tenth of a start."""

from __future__ import annotations

from importlib.metadata import version
from typing import NamedTuple

from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import SpanLimits, SpanProcessor, Tracer, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased

from waterclock.kit.telemetry.otel_settings import Batching
from waterclock.kit.telemetry.sampling import Ids, Sampled
from waterclock.kit.telemetry.span_processor import Sender


class Made(NamedTuple):
    provider: TracerProvider
    tracer: Tracer
    ids: Ids
    sender: Sender | None
    below: int  # of the low half of a trace's id: a trace that begins here is sampled
    follows_parent: bool  # else each trace is sampled by its id alone, whoever began it


def made(
    resource: Resource,
    processor: SpanProcessor | SpanExporter,
    *,
    share: float,
    follows_parent: bool,
    batching: Batching,
    links_most: int,
) -> Made:
    """A provider whose spans go to `processor`; of the traces that begin here, this share is sampled."""
    ids = Ids()
    provider = TracerProvider(
        resource=resource,
        sampler=Sampled(share, follows_parent=follows_parent),
        id_generator=ids,
        span_limits=SpanLimits(max_links=links_most),
    )
    if isinstance(processor, SpanProcessor):
        sender, given = None, processor
    else:
        sender = given = Sender(processor, batching)
    provider.add_span_processor(given)
    tracer = provider.get_tracer("waterclock")
    assert isinstance(tracer, Tracer)
    below = TraceIdRatioBased.get_bound_for_rate(share)
    return Made(provider, tracer, ids, sender, below, follows_parent)


def resource_of(service: str, instance: str | None) -> Resource:
    """What a process is called, in its traces and in its metrics alike; what the environment says of it holds."""
    ours = {"service.name": f"waterclock-{service}", "service.version": version("waterclock")}
    if instance is not None:
        ours["service.instance.id"] = instance
    theirs = OTELResourceDetector().detect().attributes
    return Resource.create({name: value for name, value in ours.items() if name not in theirs})
