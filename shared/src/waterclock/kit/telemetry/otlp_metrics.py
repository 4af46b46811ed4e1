"""Metrics by OTLP: the same numbers that `/metrics` tells, sent every 15 s where something asks for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from waterclock.kit.telemetry import traces
from waterclock.kit.telemetry.metrics import Exposition
from waterclock.kit.telemetry.otel_settings import END_MOST_S, OtelSettings

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricExporter, MetricsData

_CLOSE_MOST_S = 0.1


@asynccontextmanager
async def pushing(exposition: Exposition, otel: OtelSettings) -> AsyncGenerator[None]:
    """Send while the context lasts, and once more at its end, for a bounded time, while traces are sent; if anything
    asks for it.

    Raises:
        SettingsError: a variable of OpenTelemetry does not fit.
    """
    if otel.metrics is None:
        yield
        return
    # Imported where it is needed: every start of every process would pay for it.
    with traces.settings_of_theirs():
        from waterclock.kit.telemetry.exporters import metric_exporter  # noqa: PLC0415
        from waterclock.kit.telemetry.otlp_data import data_of  # noqa: PLC0415
        from waterclock.kit.telemetry.provider import resource_of  # noqa: PLC0415

        exporter = metric_exporter(otel.metrics)
        resource = resource_of(exposition.service, otel.instance)
    async with asyncio.TaskGroup() as tasks:
        sending = tasks.create_task(
            _for_ever(exposition, exporter, partial(data_of, exposition, resource), every=otel.metrics_every),
            name="send metrics",
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


async def _for_ever(
    exposition: Exposition, exporter: MetricExporter, data: Callable[[], MetricsData], *, every: float
) -> None:
    while True:
        await asyncio.sleep(every)
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
