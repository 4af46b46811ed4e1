"""What a process tells, as Prometheus reads it: our numbers as they stand, and those of the process and of Python.

Imported where it is told first, for a start would pay 20 ms for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import cast

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.openmetrics.exposition import ALLOWUTF8
from prometheus_client.openmetrics.exposition import (
    generate_latest as generate_open_metrics,  # pyright: ignore[reportUnknownVariableType] - it has no types
)
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar as Shown

from waterclock.kit.telemetry.metrics import AnyMetric, Counter, Exemplar, Gauge, Histogram


def of_process() -> CollectorRegistry:
    """Metrics of this process and of its Python, under the names that all have: `process_…`, `python_…`."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


def families(metrics: Iterable[AnyMetric]) -> list[Family]:
    """Our numbers as they stand now; what is not known is left out."""
    return [_family(metric) for metric in metrics if metric.series]


def told(ours: Sequence[Family], beside: CollectorRegistry, *, open_metrics: bool) -> bytes:
    """All of it, and what stands `beside` it, as text; in OpenMetrics with exemplars."""
    registry = CollectorRegistry()
    registry.register(_Fixed(ours))
    registry.register(beside)
    if open_metrics:  # no name of ours is to be escaped: to say so takes half the time
        return cast("bytes", generate_open_metrics(registry, escaping=ALLOWUTF8))
    return generate_latest(registry)


class _Fixed(Collector):
    def __init__(self, found: Sequence[Family]) -> None:
        self._found = found

    def collect(self) -> Sequence[Family]:
        return self._found


def _family(metric: AnyMetric) -> Family:
    names = [name.replace(".", "_") for name in metric.labels]  # OpenTelemetry's conventions have dots
    match metric:
        case Counter():
            counted = CounterMetricFamily(metric.name, metric.text, labels=names)
            for labels, value in list(metric.series.items()):
                counted.add_metric(labels, value)
            return counted
        case Gauge():
            now = GaugeMetricFamily(metric.name, metric.text, labels=names)
            for labels, value in list(metric.series.items()):
                now.add_metric(labels, value)
            return now
        case Histogram():
            return _spread(metric, names)


def _spread(metric: Histogram, names: list[str]) -> Family:
    found = HistogramMetricFamily(metric.name, metric.text, labels=names)
    bounds = [*(str(float(bound)) for bound in metric.bounds), "+Inf"]
    for labels, spread in list(metric.series.items()):
        buckets: list[tuple[str, float] | tuple[str, float, Shown]] = []
        for place, reached in enumerate(accumulate(list(spread.counts))):
            exemplar = spread.exemplars.get(place)
            bucket = bounds[place], reached
            buckets.append(bucket if exemplar is None else (*bucket, _shown(exemplar)))
        found.add_metric(labels, buckets, spread.total)
    return found


def _shown(exemplar: Exemplar) -> Shown:
    return Shown({"trace_id": exemplar.trace_id, "span_id": exemplar.span_id}, exemplar.value, round(exemplar.at, 3))
