"""Metrics by OTLP: the same numbers that `/metrics` tells, sent every 15 s where an endpoint is set."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from opentelemetry.sdk.metrics import Exemplar
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricExporter,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from waterclock.kit.telemetry import metrics, traces
from waterclock.kit.telemetry.metrics import AnyMetric, Exposition, Labels
from waterclock.kit.telemetry.span_sender import END_MOST_S, SEND_MOST_S

EVERY_S = 15.0
_CLOSE_MOST_S = 0.1
_CUMULATIVE = AggregationTemporality.CUMULATIVE


@asynccontextmanager
async def pushing(exposition: Exposition, endpoint: str | None, *, instance: str) -> AsyncGenerator[None]:
    """Send while the context lasts, and once more at its end, for a bounded time, while traces are sent. Without an
    endpoint nothing is sent.

    `instance` tells processes of a service apart.

    Raises:
        SettingsError: a variable of OpenTelemetry does not fit.
    """
    if endpoint is None or traces.is_disabled(os.environ):
        yield
        return
    # Imported where it is needed: every start of every process would pay for it.
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter  # noqa: PLC0415

    with traces.settings_of_theirs():
        exporter = OTLPMetricExporter(endpoint=f"{endpoint.rstrip('/')}/v1/metrics", timeout=SEND_MOST_S)
    resource = resource_of(exposition.service, instance)
    async with asyncio.TaskGroup() as tasks:
        sending = tasks.create_task(_for_ever(exposition, exporter, resource), name="send metrics")
        try:
            yield
        finally:
            sending.cancel()
    traces.hurry()
    with suppress(TimeoutError):
        async with asyncio.timeout(END_MOST_S):
            await _aside(_send, exporter, data_of(exposition, resource))
    with suppress(TimeoutError):
        async with asyncio.timeout(_CLOSE_MOST_S):
            await _aside(_close, exporter)


def resource_of(service: str, instance: str) -> Resource:
    return Resource.create({"service.name": f"waterclock-{service}", "service.instance.id": instance})


async def _for_ever(exposition: Exposition, exporter: MetricExporter, resource: Resource) -> None:
    while True:
        await asyncio.sleep(EVERY_S)
        await exposition.look()
        await _aside(_send, exporter, data_of(exposition, resource))


async def _aside(do: Callable[..., None], *arguments: Any) -> None:
    """In a thread that nobody waits for: the loop's own hold up its end as long as a collector says nothing."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()

    def ended(error: Exception | None) -> None:
        if not done.done():
            done.set_result(None) if error is None else done.set_exception(error)

    def work() -> None:
        try:
            do(*arguments)
        except Exception as error:  # noqa: BLE001 - told to whoever waits
            told: Exception | None = error
        else:
            told = None
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(ended, told)

    threading.Thread(target=work, name="send metrics", daemon=True).start()
    await done


def _send(exporter: MetricExporter, data: MetricsData) -> None:
    """One that is not taken is said by the exporter; what it counted is in the next."""
    exporter.export(data)  # pyright: ignore[reportUnknownMemberType]


def _close(exporter: MetricExporter) -> None:
    exporter.shutdown()  # pyright: ignore[reportUnknownMemberType]


def data_of(exposition: Exposition, resource: Resource) -> MetricsData:
    """What the process tells now, as the SDK's own values."""
    began, now = exposition.began_ns, time.time_ns()
    found = [_metric(metric, began, now) for metric in exposition.metrics if metric.series]
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


def _exemplar(one: metrics.Exemplar) -> Exemplar:
    return Exemplar({}, one.value, int(one.at * 1e9), int(one.span_id, 16), int(one.trace_id, 16))
