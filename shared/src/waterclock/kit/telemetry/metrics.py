"""Metrics: what a process counts, kept in plain numbers and told as Prometheus reads them, or as OTLP sends them.

    declared once (catalog.py) ── add, set, observe ──► series ──► /metrics (prometheus.py) │ OTLP (otlp_data.py)

The numbers are our own for the worker's hot path: to observe takes 0.2 us, where an instrument of prometheus_client
takes 1.2 and one of the SDK of OpenTelemetry 8.6. Each series is written by one thread; any may read.
"""

from __future__ import annotations

import asyncio
import logging
import time
from bisect import bisect_left
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from waterclock.kit.negotiation import quality

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OPEN_METRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
_OPEN_METRICS, _PLAIN = ("application/openmetrics-text", "1.0.0"), ("text/plain", "0.0.4")
SERIES_MOST = 200
"""Of one metric. What comes beyond is counted together, with `other` for each label."""
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600)
FRESH_S = 1.0
"""What was looked up so lately is told again: however many ask, the stores are asked once."""
LOOK_MOST_S = 2.0

Labels = tuple[str, ...]
Value = TypeVar("Value")

log = logging.getLogger(__name__)


class Metric(Generic[Value]):
    """`by`: the services that tell it. `unit`: of its numbers, `1` for a count."""

    kind = "untyped"

    def __init__(
        self,
        name: str,
        text: str,
        *,
        by: str,
        unit: str = "1",
        labels: Labels = (),
        convention: str | None = None,
        most: int = SERIES_MOST,
    ) -> None:
        """`convention`: what OpenTelemetry calls it, where it has a convention; its labels are then named so too.

        `most`: series that are told apart.
        """
        self.name = f"waterclock_{name}" if convention is None else name
        self.convention = convention
        self.text = text
        self.by = frozenset(by.split())
        self.unit = unit
        self.labels = labels
        self.most = most
        self.series: dict[Labels, Value] = {}

    def _placed(self, labels: Labels) -> Labels:
        """The labels of the series that counts: a new one has its bound."""
        assert len(labels) == len(self.labels), f"{self.name} has the labels {self.labels}"
        return labels if len(self.series) < self.most else ("other",) * len(labels)


class Counter(Metric[float]):
    """Only grows."""

    kind = "counter"

    def add(self, count: float, *labels: str) -> None:
        if labels not in self.series:
            labels = self._placed(labels)
        self.series[labels] = self.series.get(labels, 0) + count

    def replace(self, values: Mapping[Labels, float]) -> None:
        """Tell these counts and no others: a store keeps them, and they grow there."""
        self.series = {}
        for labels, value in values.items():
            self.add(value, *labels)


class Gauge(Metric[float]):
    """What is so now."""

    kind = "gauge"

    def set(self, value: float, *labels: str) -> None:
        if labels not in self.series:
            labels = self._placed(labels)
        self.series[labels] = float(value)  # a bool could not be sent by OTLP, and with it nothing

    def replace(self, values: Mapping[Labels, float]) -> None:
        """Tell these series and no others: what cannot be known is left out, for an old number would lie."""
        self.series = {}
        for labels, value in values.items():
            self.set(value, *labels)


class Exemplar(NamedTuple):
    """One value and the trace in which it came about; `at` in seconds since 1970."""

    value: float
    trace_id: str
    span_id: str
    at: float


class Spread:
    """One series of a histogram: how many fell under each bound, the last beyond all."""

    __slots__ = ("counts", "exemplars", "total")

    def __init__(self, bounds: int) -> None:
        self.counts = [0] * (bounds + 1)
        self.total = 0.0
        self.exemplars: dict[int, Exemplar] = {}  # by the place of their count


class Histogram(Metric[Spread]):
    kind = "histogram"

    def __init__(
        self,
        name: str,
        text: str,
        *,
        by: str,
        labels: Labels = (),
        bounds: Sequence[float] = SECONDS,
        convention: str | None = None,
    ) -> None:
        super().__init__(name, text, by=by, unit="s", labels=labels, convention=convention)
        self.bounds = tuple(bounds)

    def observe(self, value: float, *labels: str, times: int = 1) -> None:
        spread = self.series.get(labels)
        if spread is None:
            spread = self.series.setdefault(self._placed(labels), Spread(len(self.bounds)))
        spread.counts[bisect_left(self.bounds, value)] += times
        spread.total += value * times

    def exemplify(self, traceparent: str | None, value: float, *labels: str) -> None:
        """Name the trace of a value that was observed; of each bucket the last is told. What is not sampled is not."""
        spread = self.series.get(labels)
        if traceparent is None or spread is None or not int(traceparent[53:], 16) & 1:
            return
        shown = Exemplar(value, traceparent[3:35], traceparent[36:52], time.time())
        spread.exemplars[bisect_left(self.bounds, value)] = shown


AnyMetric = Counter | Gauge | Histogram
Look = Callable[[], Awaitable[None]]


class Exposition:
    """What one process tells of itself. `looks` are asked before it does, for what nobody counts as it happens."""

    def __init__(self, service: str, metrics: Iterable[AnyMetric]) -> None:
        self.service = service
        self.metrics = [metric for metric in metrics if service in metric.by]
        self.began_ns = time.time_ns()
        self.looks: list[Look] = []
        self._turn = asyncio.Lock()
        self._looked_at = float("-inf")
        for metric in self.metrics:
            if isinstance(metric, Counter) and not metric.labels:
                metric.add(0)  # so that the first one is seen to come

    async def text(self, accept: str = "") -> tuple[bytes, str]:
        """All metrics, as Prometheus reads them, and their type: with exemplars where OpenMetrics is accepted."""
        await asyncio.to_thread(import_module, "waterclock.kit.telemetry.prometheus")  # once, for 20 ms
        from waterclock.kit.telemetry.prometheus import families, told  # noqa: PLC0415

        await self.look()
        open_metrics = _open_metrics_wanted(accept)
        # Numbers are read here, where they change, and written beside: 200 series of a histogram take 20 ms.
        text = await asyncio.to_thread(told, families(self.metrics), self.of_process, open_metrics=open_metrics)
        return text, OPEN_METRICS if open_metrics else CONTENT_TYPE

    @cached_property
    def of_process(self) -> CollectorRegistry:
        """Beside our own: memory, processor time, descriptors, and what Python's collector did."""
        from waterclock.kit.telemetry.prometheus import of_process  # noqa: PLC0415 - it brings a library

        return of_process()

    async def look(self) -> None:
        """Let gauges be set that are only looked up; each look has its time, beside the others."""
        async with self._turn:
            if time.monotonic() - self._looked_at < FRESH_S:
                return
            async with asyncio.TaskGroup() as tasks:
                for look in self.looks:
                    tasks.create_task(_bounded(look), name="look up metrics")
            self._looked_at = time.monotonic()


def _open_metrics_wanted(accept: str) -> bool:
    """As much as plain text or more, and by its name: `*/*` gets what everybody reads."""
    ours, named = quality(accept, *_OPEN_METRICS)
    plain, _ = quality(accept, *_PLAIN)
    return ours > 0 and (ours > plain or (named and ours == plain))


async def _bounded(look: Look) -> None:
    try:
        async with asyncio.timeout(LOOK_MOST_S):
            await look()
    except TimeoutError:
        log.warning("metrics not collected in time")
