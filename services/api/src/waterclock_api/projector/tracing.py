"""A projector's transaction in traces: one span for all of it, and one in the trace of each run whose end it projects.

run's trace:  … attempt ─► project        the last word of a run's trace: from here on it can be read
                              ▲ linked
own trace:                 project        linked with each trace whose events are in the batch
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self

from opentelemetry.trace import Span, SpanKind

from waterclock.kit.telemetry import catalog, traces
from waterclock.kit.telemetry.semantics import EVENTS, messaging
from waterclock.model.events import RunCancelled, RunDied, RunFailed, RunSucceeded, RunTimedOut
from waterclock.model.positions import Position
from waterclock.wire.envelope import Entry

GROUP = "projectors"
_NAME = f"project {EVENTS}"
_ENDS = (RunSucceeded, RunFailed, RunTimedOut, RunCancelled, RunDied)


class Traced(AbstractContextManager["Traced"]):
    """The span of one transaction; made only while tracing is on."""

    def __init__(self, partition: int, entries: Sequence[Entry]) -> None:
        self._partition = partition
        self._entries = entries
        self._sampled: dict[Position, str] = {}
        for entry in entries:
            trace: str | None = getattr(entry.event, "traceparent", None)
            if trace is not None and traces.sampled(trace):
                self._sampled[entry.position] = trace
        self._span: Span | None = None
        self._under: AbstractContextManager[object] | None = None

    def __enter__(self) -> Self:
        self._span = traces.begun(
            _NAME,
            links=list(dict.fromkeys(self._sampled.values())),
            kind=SpanKind.CONSUMER,
            attributes=messaging(
                "process", "project", EVENTS, partition=self._partition, count=len(self._entries), group=GROUP
            )
            | {"waterclock.position": str(self._entries[-1].position)},
        )
        self._under = traces.under(self._span)
        self._under.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._span is not None
        assert self._under is not None
        self._under.__exit__(kind, error, trace)
        if kind is not None:
            traces.failed(self._span, kind.__name__)
        self._span.end()

    def tell(self, seconds: float) -> None:
        """It is done, and took that long: tell so in the traces of the runs that have ended."""
        whole = traces.inject(self._span)
        assert whole is not None
        catalog.PROJECTION.exemplify(whole, seconds)
        for entry in self._entries:
            parent = self._sampled.get(entry.position)
            if parent is None or not isinstance(entry.event, _ENDS):
                continue
            position = str(entry.position)
            traces.past(
                _NAME,
                seconds=seconds,
                parent=parent,
                state=entry.event.tracestate,
                links=(whole,),
                kind=SpanKind.CONSUMER,
                attributes=messaging(
                    "process",
                    "project",
                    EVENTS,
                    partition=self._partition,
                    message=position,
                    group=GROUP,
                    run=entry.event.run_id,
                    outcome=entry.event.__struct_config__.tag or "",
                ),
            )
