"""`waterclock notifier`: settings → rules, stores, health, judging, sending; the only place that wires them."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import click

from waterclock.client.environment import CallerSettings
from waterclock.client.http import AsyncClient
from waterclock.kit.clock import SystemClock
from waterclock.kit.health import Report, served
from waterclock.kit.service import Unfit, run_service
from waterclock.kit.setting_options import setting_options
from waterclock.kit.settings import RedisSettings, TelemetrySettings, read
from waterclock.kit.telemetry import traces
from waterclock.kit.telemetry.catalog import exposed
from waterclock.kit.telemetry.metrics import Exposition
from waterclock.kit.telemetry.otlp_metrics import pushing
from waterclock.log.client import Log
from waterclock.log.connection.errors import LogUnavailable, LogUnfit
from waterclock.store.ages import age_of
from waterclock.store.connection.pool import Pool, unopened_pool
from waterclock.store.connection.startup import open_or_stopped
from waterclock_api.followers.origin import origin_of
from waterclock_api.notifier.delivery.sender import Sender
from waterclock_api.notifier.housekeeping import keep_house
from waterclock_api.notifier.metrics import Measured
from waterclock_api.notifier.rules_source import BadNotices, RulesSource
from waterclock_api.notifier.sending import sender_of
from waterclock_api.notifier.service import Notifier
from waterclock_api.settings import NotifierSettings, StoreSettings, log_settings

API_TIMEOUT = 30.0  # s
STALLED = 2.5  # s within a transaction: others wait for what it holds

_log = logging.getLogger(__name__)


@setting_options(RedisSettings, StoreSettings, NotifierSettings, CallerSettings, TelemetrySettings)
@click.command()
def notifier() -> None:
    """Run a notifier: it tells people what went wrong."""
    run_service(_notify, unfit=(LogUnfit, LogUnavailable), name="waterclock notifier")


async def _notify(stop: asyncio.Event) -> None:
    own, store = read(NotifierSettings, os.environ), read(StoreSettings, os.environ)
    otel = traces.setup("notifier", read(TelemetrySettings, os.environ))
    settings, clock = log_settings(), SystemClock()
    here = origin_of(settings, own.public_url)
    async with sender_of(own, f"{here.address} {here.prefix}", clock) as sender:
        source = await _source(own, sender)
        log = await Log.connect(settings, role="notifier", only_reads=True)
        readiness, exposition = Readiness(source), exposed("notifier")
        try:
            async with (
                served(own.host, own.health_port, readiness.report, exposition),
                pushing(exposition, otel),
                open_or_stopped(
                    unopened_pool(store.postgres_url, name="notifier", max_size=4, stalled=STALLED),
                    stop,
                    away=readiness.unready,
                ) as pool,
            ):
                if pool is not None:
                    async with _breaker_api() as api, asyncio.TaskGroup() as tasks:
                        beside = tasks.create_task(keep_house(pool, age_of(own.keep_notices)), name="keep house")
                        notifier = Notifier(log, pool, source, sender.send, clock, here=here, api=api, beat=sender.beat)
                        _measured(notifier, log, pool, exposition)
                        await _work(notifier, readiness, stop)
                        beside.cancel()
        finally:
            await log.close()


async def _work(notifier: Notifier, readiness: Readiness, stop: asyncio.Event) -> None:
    readiness.work, readiness.lacking = notifier, None
    reread = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reread.set)

    def ready() -> None:
        rules = notifier.source.rules
        _log.info("ready", extra={"rules": len(rules.file.rules), "channels": len(rules.channels)})

    await notifier.run(stop, reread, ready)


def _measured(notifier: Notifier, log: Log, pool: Pool, exposition: Exposition) -> None:
    watcher, source = notifier.watcher, notifier.source
    Measured(log, pool, look=lambda: watcher.look, channels=source.channels).told_by(exposition)


@asynccontextmanager
async def _breaker_api() -> AsyncGenerator[AsyncClient | None]:
    """The API with the key by which the breaker disables jobs; None: it has no key, and disables none."""
    found = read(CallerSettings, os.environ)
    if found.api_key is None:
        yield None
        return
    async with AsyncClient(found.api_url, key=found.api_key, timeout=API_TIMEOUT, patience=0) as client:
        yield client


async def _source(own: NotifierSettings, sender: Sender) -> RulesSource:
    try:
        return await RulesSource.begin(Path(own.notices), sender.flaws)
    except BadNotices as error:
        raise Unfit(f"WATERCLOCK_NOTICES: {error}") from error


class Readiness:
    def __init__(self, source: RulesSource) -> None:
        self.lacking: str | None = "starting"
        self.work: Notifier | None = None
        self._source = source

    def unready(self, reason: str) -> None:
        self.lacking = reason

    def report(self) -> Report:
        lacking, judged, muted, channels = self.lacking, dict[str, str | None](), None, None
        if self.work is not None:
            lacking = lacking or self.work.lacking
            judged = {str(partition): str(at) if at else None for partition, at in self.work.places.items()}
            muted, channels = self.work.is_muted, self.work.dead_channels
        said: dict[str, object] = {
            "lacking": lacking,
            "judged": judged,
            "muted": muted,
            "channels": "not known" if channels is None else channels or "ok",
            "notices": self._source.wrong or "ok",
        }
        return Report(ready=lacking is None, said=said)
