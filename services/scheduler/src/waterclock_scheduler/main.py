"""`waterclock scheduler`: settings → log, scheduler, messages, health; the only place that wires them."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from typing import Annotated, cast

import click
import msgspec

from waterclock.kit.clock import SystemClock
from waterclock.kit.health import Report, served
from waterclock.kit.randomness import token
from waterclock.kit.service import run_service
from waterclock.kit.setting_options import setting_options
from waterclock.kit.settings import NAME, Host, RedisSettings, Seconds, TelemetrySettings, helps, read
from waterclock.kit.telemetry import traces
from waterclock.kit.telemetry.catalog import exposed
from waterclock.kit.telemetry.otel_settings import OtelSettings
from waterclock.kit.telemetry.otlp_metrics import pushing
from waterclock.log.broker import asyncapi as drawn
from waterclock.log.broker import broker_at, broker_of
from waterclock.log.client import Log, LogSettings
from waterclock.log.connection.errors import LogUnavailable, LogUnfit
from waterclock.log.liveness.sweep import Sweeper
from waterclock.log.recovery.losses import Losses
from waterclock.wire.keys import Keys
from waterclock_scheduler.app import Messages, application
from waterclock_scheduler.scheduler import Scheduler

STUCK_LIMIT_S = 60.0
"""An instant that could have been decided for so long means that this process does not do its work."""

log_line = logging.getLogger(__name__)


class SchedulerSettings(msgspec.Struct, frozen=True, kw_only=True):
    scheduler_name: Annotated[
        Annotated[str, msgspec.Meta(max_length=64), NAME] | None,
        helps(
            "Name shown in events; unset: host name and process id.",
            example="scheduler-1",
            more="A random suffix is added, so that no two processes share a name.",
        ),
    ] = None
    scheduler_term: Annotated[
        float,
        msgspec.Meta(ge=1, le=60),
        helps("Seconds until another scheduler takes over from a leader that died."),
    ] = 3
    lease: Annotated[
        Seconds,
        helps(
            "Seconds without a renewal after which a worker counts as dead.",
            more="Set it to the same value for all workers and schedulers.",
        ),
    ] = 8
    host: Annotated[Host, helps("Address to serve health checks and metrics on.")] = "127.0.0.1"
    health_port: Annotated[
        Annotated[int, msgspec.Meta(ge=1, le=65535)] | None,
        helps("Port of /livez, /readyz and /metrics; unset: they are not served.", example="9101"),
    ] = None


@setting_options(RedisSettings, SchedulerSettings, TelemetrySettings, also={"scheduler_name": "--name"})
@click.command()
@click.option("--asyncapi", is_flag=True, help="Print the AsyncAPI document and exit.")
def scheduler(*, asyncapi: bool) -> None:
    """Run a scheduler."""
    if asyncapi:
        click.echo(document(read(RedisSettings, os.environ)))
        return
    run_service(_serve, unfit=(LogUnfit, LogUnavailable), name="waterclock scheduler")


def document(redis: RedisSettings) -> str:
    """The AsyncAPI document of a scheduler, JSON. Needs no server."""
    broker = broker_at(redis.redis_url)
    messages = Messages(Scheduler("scheduler", ttl_s=1, clock=SystemClock()), broker, Keys(redis.key_prefix))
    messages.hear_schedulers()
    messages.hear_streams(1, since_ms=0)
    return drawn(application(broker))


async def _serve(stop: asyncio.Event) -> None:
    redis, own = read(RedisSettings, os.environ), read(SchedulerSettings, os.environ)
    name = _name(own)
    otel = traces.setup("scheduler", read(TelemetrySettings, os.environ), instance=name)
    settings = LogSettings(
        url=redis.redis_url,
        address_map=redis.redis_address_map,
        prefix=redis.key_prefix,
        replicas=redis.log_replicas,
    )
    log = await Log.connect(settings, role="scheduler")
    try:
        await _schedule(log, own, stop, name=name, otel=otel)
    finally:
        await log.close()


async def _schedule(log: Log, own: SchedulerSettings, stop: asyncio.Event, *, name: str, otel: OtelSettings) -> None:
    clock = SystemClock()
    scheduler = Scheduler(name, ttl_s=own.scheduler_term, clock=clock)
    broker = broker_of(log.nodes, log.keys.schedulers)
    messages = Messages(scheduler, broker, log.keys)
    messages.hear_schedulers()
    if not log.server.cluster:  # there streams are on many nodes, and the broker reads from one: the walk looks itself
        messages.hear_streams(log.partitions, since_ms=await _server_ms(log))
    app = application(broker)
    exposition = exposed("scheduler", looks=[scheduler.look])
    async with (
        served(own.host, own.health_port, lambda: _report(scheduler), exposition),
        pushing(exposition, otel),
    ):
        try:
            await app.start()
            log_line.info("ready", extra={"scheduler": scheduler.name, "partitions": log.partitions})
            handed_over = asyncio.Event()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(messages.speak(handed_over), name="speak to other schedulers")
                sweepers = [
                    Sweeper(log, partition, clock, lease=own.lease, returns_aside=True)
                    for partition in range(log.partitions)
                ]
                sweeping = [tasks.create_task(each.run(), name="sweep") for each in sweepers]
                sweeping.append(tasks.create_task(Losses(log, actor="scheduler").keep(), name="tell losses"))
                await scheduler.run(log, stop)
                for each in sweeping:
                    each.cancel()
                handed_over.set()
        finally:
            await app.stop()


async def _server_ms(log: Log) -> int:
    """The server's time, by which streams number their entries; told also while the log is halted."""
    seconds, micros = cast("list[bytes]", await log.execute(log.keys.partition(0, "meta"), "TIME"))
    return int(seconds) * 1000 + int(micros) // 1000


def _name(own: SchedulerSettings) -> str:
    """Never that of another process, whatever the setting says: a leader is told by it."""
    given = own.scheduler_name or f"{socket.gethostname()}-{os.getpid()}"
    return f"{given}-{token(4)}"


def _report(scheduler: Scheduler) -> Report:
    well = scheduler.stuck_s() < STUCK_LIMIT_S
    ages = {partition: round(age, 3) for partition, age in scheduler.oldest_undecided_s().items()}
    oldest = max(ages.values(), default=0.0)
    said: dict[str, object] = {
        "leads": scheduler.leads,
        "oldestUndecidedS": oldest,
        "oldestUndecidedOfPartitionS": ages,
    }
    return Report(alive=well, ready=well, said=said)
