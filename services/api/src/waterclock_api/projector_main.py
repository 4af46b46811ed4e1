"""`waterclock projector`: settings → log, Postgres, health, projection; the only place that wires them."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Collection

import click

from waterclock.kit.gc_tuning import calm_collector
from waterclock.kit.health import Report, served
from waterclock.kit.service import run_service
from waterclock.kit.setting_options import setting_options
from waterclock.kit.settings import RedisSettings, TelemetrySettings, read
from waterclock.kit.telemetry import catalog, traces
from waterclock.kit.telemetry.catalog import exposed
from waterclock.kit.telemetry.otlp_metrics import pushing
from waterclock.log.client import Log
from waterclock.log.connection.errors import LogUnavailable, LogUnfit
from waterclock.log.liveness.projector_end import telling
from waterclock.model.events import TAGS
from waterclock.store.connection.pool import unopened_pool
from waterclock.store.connection.startup import open_or_stopped
from waterclock_api.consistency.lag import Lags
from waterclock_api.projector.maintenance import kept
from waterclock_api.projector.monitored_jobs import MonitoredJobs
from waterclock_api.projector.service import run
from waterclock_api.projector.trim import Keeping
from waterclock_api.settings import ProjectorSettings, StoreSettings, log_settings
from waterclock_api.telemetry.metrics import tell_lags
from waterclock_api.validation.stored_jobs import StoredJobs

_log = logging.getLogger(__name__)


@setting_options(RedisSettings, StoreSettings, ProjectorSettings, TelemetrySettings)
@click.command()
def projector() -> None:
    """Run a projector: it copies events into archive and read models."""
    run_service(_project, unfit=(LogUnfit, LogUnavailable), name="waterclock projector")


async def _project(stop: asyncio.Event) -> None:
    own, store = read(ProjectorSettings, os.environ), read(StoreSettings, os.environ)
    keep = kept(own.keep_events, own.keep_runs)
    otel = traces.setup("projector", read(TelemetrySettings, os.environ))
    log = await Log.connect(log_settings(), role="projector")
    readiness, exposition = _Readiness(), exposed("projector")
    for tag in TAGS:
        catalog.PROJECTED.add(0, tag)  # so that the first of each is seen to come
    try:
        async with (
            telling(log),
            served(own.host, own.health_port, readiness.report, exposition),
            pushing(exposition, otel),
            open_or_stopped(
                unopened_pool(store.postgres_url, name="projector", max_size=4), stop, away=readiness.unready
            ) as pool,
        ):

            def ready() -> None:
                readiness.lacking = None
                _log.info("ready")

            if pool is None:
                return
            exposition.looks.append(MonitoredJobs(pool, lambda: readiness.followed).look)
            keeping = Keeping(keep_bytes=own.stream_bytes, trim_after=own.trim_after)
            calm_collector()
            await run(
                log,
                pool,
                stop=stop,
                ready=ready,
                unready=readiness.unready,
                behind=readiness.behind,
                keeping=keeping,
                keep=keep,
                beside={"check stored jobs": StoredJobs(pool).keep},
            )
    finally:
        await log.close()


class _Readiness:
    def __init__(self) -> None:
        self.lacking: str | None = "starting"
        self._lags: Lags = {}

    @property
    def followed(self) -> Collection[int]:
        """Partitions that this projector follows."""
        return self._lags.keys()

    def unready(self, reason: str) -> None:
        self.lacking = reason

    def behind(self, lags: Lags) -> None:
        self._lags = lags
        catalog.FOLLOWED.set(len(lags))
        tell_lags(lags)

    def report(self) -> Report:
        return Report(ready=self.lacking is None, said={"lacking": self.lacking, "lag": self._lags})
