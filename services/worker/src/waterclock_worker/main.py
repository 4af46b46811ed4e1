"""`waterclock worker`: settings → log, registry, worker, its host; the only place that wires them."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import click
import msgspec

from waterclock.kit.gc_tuning import calm_collector
from waterclock.kit.health import served
from waterclock.kit.heap import one_heap
from waterclock.kit.service import run_service
from waterclock.kit.setting_options import setting_options
from waterclock.kit.settings import RedisSettings, SettingsError, TelemetrySettings, read
from waterclock.kit.telemetry import log_lines, traces
from waterclock.kit.telemetry.catalog import exposed
from waterclock.kit.telemetry.metrics import Exposition
from waterclock.kit.telemetry.otlp_metrics import pushing
from waterclock.log.broker import asyncapi as document_of
from waterclock.log.broker import broker_at, broker_of, hosted
from waterclock.log.client import Log, LogSettings
from waterclock.log.clock import server_time
from waterclock.log.connection.errors import LogUnavailable, LogUnfit
from waterclock.wire.keys import Keys
from waterclock_worker.announced_places import reach_of
from waterclock_worker.control import app_of
from waterclock_worker.execution.guarded_loop import UvLoop, own_tasks_told
from waterclock_worker.registry import discover
from waterclock_worker.settings import ReachSettings, WorkerSettings
from waterclock_worker.worker import Worker

log = logging.getLogger(__name__)


@setting_options(
    *(RedisSettings, WorkerSettings, TelemetrySettings, ReachSettings),
    also={"worker_name": "--name"},
    but=("executors",),
    of_process=(ReachSettings,),
)
@click.command()
@click.option(
    "--executors",
    multiple=True,
    metavar="MODULE|PATH",
    help="Modules or .py files of executors, beside those of entry points; repeatable. [WATERCLOCK_EXECUTORS]",
)
@click.option("--asyncapi", is_flag=True, help="Print the AsyncAPI document and exit.")
def worker(*, asyncapi: bool, executors: tuple[str, ...]) -> None:
    """Run a worker."""
    if asyncapi:
        redis = read(RedisSettings, os.environ)
        click.echo(document_of(app_of(None, broker_at(redis.redis_url), Keys(redis.key_prefix), since_ms=0)))
        return
    with own_tasks_told():  # before modules of executors are loaded, which may take it by its name
        run_service(lambda stop: serve(stop, executors), unfit=(LogUnfit, LogUnavailable), name="waterclock worker")
    log_lines.flush()
    printing = threading.Thread(
        target=sys.stdout.flush, daemon=True
    )  # by executors, outside runs; it may take for ever
    printing.start()
    printing.join(log_lines.FLUSH_MOST_S)
    os._exit(0)  # a thread of an executor that never returns must not keep a drained worker alive


async def serve(stop: asyncio.Event, executors: tuple[str, ...]) -> None:
    """Work until `stop` is set, then drain; `executors`, where there are any, overrule those of the environment.

    Raises:
        SettingsError, Unfit, LogUnfit, LogUnavailable: it cannot start; the message is one line.
    """
    redis = read(RedisSettings, os.environ)
    settings = read(WorkerSettings, os.environ)
    if executors:
        settings = msgspec.structs.replace(settings, executors=executors)
    otel = traces.setup("worker", read(TelemetrySettings, os.environ), instance=settings.name)
    if settings.lease < 1:
        raise SettingsError("WATERCLOCK_LEASE: must be at least 1 second")
    one_heap()
    registry = discover(settings.executors)
    reach = reach_of(os.environ)
    calm_collector()
    log_settings = LogSettings(
        url=redis.redis_url,
        address_map=redis.redis_address_map,
        prefix=redis.key_prefix,
        control_timeout=min(2.0, settings.renew_every),
        replicas=redis.log_replicas,
    )
    store = await Log.connect(log_settings, role="worker")
    try:
        made = Worker(store, log_settings, registry, settings, reach=reach, new_loop=UvLoop)
        exposition = exposed("worker", looks=[made.look])
        async with pushing(exposition, otel):
            await _host(made, store, settings, stop, exposition)
    finally:
        await store.close()


async def _host(
    made: Worker,
    store: Log,
    settings: WorkerSettings,
    stop: asyncio.Event,
    exposition: Exposition,
) -> None:
    """Run the worker inside its FastStream application, until it has drained."""
    ended = asyncio.Event()

    @asynccontextmanager
    async def host() -> AsyncGenerator[None]:
        serving = served(settings.host, settings.health_port, made.report, exposition)
        async with asyncio.TaskGroup() as tasks, serving:
            working = tasks.create_task(made.run(), name="worker")
            working.add_done_callback(lambda _: ended.set())
            stopping = tasks.create_task(_drain_on(stop, made), name="drain on signal")
            try:
                yield
            finally:
                stopping.cancel()

    await made.clock.begin(store)
    since_ms = await server_time(store, store.keys.control)
    broker = broker_of(store.nodes, store.keys.control)
    app = app_of(made, broker, store.keys, since_ms=since_ms, host=host)
    async with hosted(app):
        await ended.wait()


async def _drain_on(stop: asyncio.Event, made: Worker) -> None:
    await stop.wait()
    made.drain()
