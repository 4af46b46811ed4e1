"""Which ids spans have, and of which traces anything is told: what the SDK of OpenTelemetry asks us."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult, TraceIdRatioBased
from opentelemetry.trace import SpanContext, SpanKind


class Ids(threading.local, RandomIdGenerator):
    """Ids by chance, but for a span that is told which it has. It is started by the thread that was told."""

    told: SpanContext | None = None

    def generate_span_id(self) -> int:
        return super().generate_span_id() if self.told is None else self.told.span_id

    def generate_trace_id(self) -> int:
        return super().generate_trace_id() if self.told is None else self.told.trace_id

    def is_trace_id_random(self) -> bool:
        return False


class Sampled(Sampler):
    """As the parent was; without one, if anything that is linked was, else by share of the ids of traces.

    Where parents are not followed: by that share alone.
    """

    def __init__(self, share: float, *, follows_parent: bool = True) -> None:
        self._share = TraceIdRatioBased(share)
        self._follows_parent = follows_parent

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Any = None,
        links: Sequence[trace.Link] | None = None,
        trace_state: trace.TraceState | None = None,
    ) -> SamplingResult:
        parent = trace.get_current_span(parent_context).get_span_context()
        if not self._follows_parent:
            return self._share.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)
        if parent.is_valid:
            taken = bool(parent.trace_flags.sampled)
        elif any(link.context.trace_flags.sampled for link in links or ()):
            taken = True
        else:
            return self._share.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)
        return SamplingResult(
            Decision.RECORD_AND_SAMPLE if taken else Decision.DROP, attributes, parent.trace_state or None
        )

    def get_description(self) -> str:
        share = self._share.get_description()
        return f"ParentOrLinkElse({share})" if self._follows_parent else share
