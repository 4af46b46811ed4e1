"""`waterclock publisher`: settings → stores, target, health, publishing; the only place that wires them."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Sequence

import click

from waterclock.kit.health import Report, served
from waterclock.kit.service import Unfit, run_service
from waterclock.kit.setting_options import setting_options
from waterclock.kit.settings import RedisSettings, TelemetrySettings, read
from waterclock.kit.telemetry import traces
from waterclock.kit.telemetry.catalog import exposed
from waterclock.kit.telemetry.otlp_metrics import pushing
from waterclock.log.broker import asyncapi as drawn
from waterclock.log.client import Log
from waterclock.log.connection.errors import LogUnavailable, LogUnfit
from waterclock.model.events import TAGS, tags_of
from waterclock.store.connection.pool import unopened_pool
from waterclock.store.connection.startup import open_or_stopped
from waterclock_api.followers.origin import origin_of, source_of
from waterclock_api.publisher.follow import LOST, Wanted
from waterclock_api.publisher.service import Publisher
from waterclock_api.publisher.target import Target
from waterclock_api.settings import PublisherSettings, StoreSettings, log_settings

_log = logging.getLogger(__name__)


@setting_options(RedisSettings, StoreSettings, PublisherSettings, TelemetrySettings)
@click.command()
@click.option("--asyncapi", is_flag=True, help="Print the AsyncAPI document and exit.")
def publisher(*, asyncapi: bool) -> None:
    """Run a publisher: it passes events on to other services."""
    if asyncapi:
        click.echo(document())
        return
    run_service(_publish, unfit=(LogUnfit, LogUnavailable), name="waterclock publisher")


def document() -> str:
    """The AsyncAPI document of a publisher, JSON. Needs no server."""
    target = Target("redis://localhost:6379", PublisherSettings(publish_url="").publish_stream, 1)
    return drawn(target.application())


async def _publish(stop: asyncio.Event) -> None:
    own, store, settings = read(PublisherSettings, os.environ), read(StoreSettings, os.environ), log_settings()
    otel = traces.setup("publisher", read(TelemetrySettings, os.environ))
    wanted, target = Wanted(types_of(own.publish_types), own.publish_groups), target_of(own, settings.prefix)
    here = origin_of(settings, own.public_url)
    log = await Log.connect(settings, role="publisher", only_reads=True)
    readiness, exposition = _Readiness(), exposed("publisher")
    try:
        async with (
            served(own.host, own.health_port, readiness.report, exposition),
            pushing(exposition, otel),
            open_or_stopped(
                unopened_pool(store.postgres_url, name="publisher", max_size=2), stop, away=readiness.unready
            ) as pool,
        ):
            if pool is not None:
                source = source_of(own.public_url, f"{here.address} {here.prefix}")
                readiness.work, readiness.lacking = Publisher(log, pool, target, wanted, here=here, source=source), None
                await readiness.work.run(stop, lambda: _log.info("ready", extra={"stream": own.publish_stream}))
    finally:
        await target.close()
        await log.close()


def target_of(own: PublisherSettings, prefix: str) -> Target:
    """
    Raises:
        Unfit: the URL is none of one server, or the stream is a key of the event log.
    """
    if own.publish_stream.startswith((f"{{{prefix}:", f"{prefix}:")):
        raise Unfit(
            f"WATERCLOCK_PUBLISH_STREAM: {own.publish_stream!r} begins with the key prefix of the event log, {prefix}: "
            "choose another name"
        )
    try:
        return Target(own.publish_url, own.publish_stream, own.publish_length)
    except ValueError as error:
        raise Unfit(f"WATERCLOCK_PUBLISH_URL: {error}") from error


def types_of(given: Sequence[str]) -> tuple[str, ...]:
    """Types of events that are named by themselves, or by what stands before their dot.

    Raises:
        Unfit: no event has such a type.
    """
    found = [LOST]
    for one in given:
        fits = tags_of(one)
        if not fits:
            raise Unfit(f"WATERCLOCK_PUBLISH_TYPES: no event is a {one!r}; types are {', '.join(TAGS)}")
        found += fits
    return tuple(dict.fromkeys(found))


class _Readiness:
    def __init__(self) -> None:
        self.lacking: str | None = "starting"
        self.work: Publisher | None = None

    def unready(self, reason: str) -> None:
        self.lacking = reason

    def report(self) -> Report:
        lacking, places, muted = self.lacking, dict[str, str | None](), None
        if self.work is not None:
            lacking = lacking or self.work.lacking
            places = {str(partition): str(at) if at else None for partition, at in self.work.places.items()}
            muted = self.work.is_muted
        return Report(ready=lacking is None, said={"lacking": lacking, "published": places, "muted": muted})
