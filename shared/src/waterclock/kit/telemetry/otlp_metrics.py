"""Metrics by OTLP: the same numbers that `/metrics` tells, sent every 15 s where an endpoint is set."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from waterclock.kit.telemetry import traces
from waterclock.kit.telemetry.metrics import Exposition
from waterclock.kit.telemetry.sending_times import END_MOST_S, SEND_MOST_S

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricExporter, MetricsData

EVERY_S = 15.0
_CLOSE_MOST_S = 0.1


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

    from waterclock.kit.telemetry.otlp_data import data_of, resource_of  # noqa: PLC0415

    with traces.settings_of_theirs():
        exporter = OTLPMetricExporter(endpoint=f"{endpoint.rstrip('/')}/v1/metrics", timeout=SEND_MOST_S)
    resource = resource_of(exposition.service, instance)
    async with asyncio.TaskGroup() as tasks:
        sending = tasks.create_task(
            _for_ever(exposition, exporter, partial(data_of, exposition, resource)), name="send metrics"
        )
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


async def _for_ever(exposition: Exposition, exporter: MetricExporter, data: Callable[[], MetricsData]) -> None:
    while True:
        await asyncio.sleep(EVERY_S)
        await exposition.look()
        await _aside(_send, exporter, data())


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
