"""Our metrics as values of the SDK of OpenTelemetry, which its exporter sends."""

from __future__ import annotations

import time
from collections.abc import Callable

from opentelemetry.sdk.metrics import Exemplar
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from prometheus_client.metrics_core import Metric as Family

from waterclock.kit.telemetry import metrics
from waterclock.kit.telemetry.metrics import AnyMetric, Exposition, Labels

_CUMULATIVE = AggregationTemporality.CUMULATIVE


def data_of(exposition: Exposition, resource: Resource) -> MetricsData:
    """What the process tells now, as the SDK's own values."""
    began, now = exposition.began_ns, time.time_ns()
    found = [_metric(metric, began, now) for metric in exposition.metrics if metric.series]
    found += [_of_process(family, began, now) for family in exposition.of_process.collect()]
    scope = InstrumentationScope("waterclock")
    return MetricsData([ResourceMetrics(resource, [ScopeMetrics(scope, found, "")], "")])


def _metric(metric: AnyMetric, began: int, now: int) -> Metric:
    attributes: Callable[[Labels], dict[str, str]] = lambda labels: dict(zip(metric.labels, labels, strict=True))  # noqa: E731
    if isinstance(metric, metrics.Histogram):
        spreads = [
            HistogramDataPoint(
                attributes=attributes(labels),
                start_time_unix_nano=began,
                time_unix_nano=now,
                count=sum(counts := list(spread.counts)),
                sum=spread.total,
                bucket_counts=counts,
                explicit_bounds=metric.bounds,
                min=0,
                max=0,
                exemplars=[_exemplar(one) for one in list(spread.exemplars.values())],
            )
            for labels, spread in list(metric.series.items())
        ]
        return Metric(metric.convention or metric.name, metric.text, metric.unit, Histogram(spreads, _CUMULATIVE))
    points = [NumberDataPoint(attributes(labels), began, now, value) for labels, value in list(metric.series.items())]
    if isinstance(metric, metrics.Counter):
        return Metric(metric.name, metric.text, metric.unit, Sum(points, _CUMULATIVE, is_monotonic=True))
    return Metric(metric.name, metric.text, metric.unit, Gauge(points))


def _of_process(family: Family, began: int, now: int) -> Metric:
    points = [NumberDataPoint(sample.labels, began, now, sample.value) for sample in family.samples]
    name = family.samples[0].name if family.samples else family.name
    counts = family.type == "counter"
    return Metric(
        name, family.documentation, "", Sum(points, _CUMULATIVE, is_monotonic=True) if counts else Gauge(points)
    )


def _exemplar(one: metrics.Exemplar) -> Exemplar:
    return Exemplar({}, one.value, int(one.at * 1e9), int(one.span_id, 16), int(one.trace_id, 16))
