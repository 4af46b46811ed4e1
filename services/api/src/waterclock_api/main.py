"""`waterclock api`, `waterclock projector`, `waterclock migrate`."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from contextlib import suppress

import click

from waterclock.kit.addresses import authority
from waterclock.kit.elapsed import told_every
from waterclock.kit.gc_tuning import calm_collector
from waterclock.kit.health import Report, served
from waterclock.kit.heap import give_back, one_heap
from waterclock.kit.service import run_service
from waterclock.kit.settings import SettingsError, TelemetrySettings, read
from waterclock.kit.telemetry import catalog, traces
from waterclock.kit.telemetry.catalog import exposed
from waterclock.kit.telemetry.otlp_metrics import pushing
from waterclock.log.client import Log
from waterclock.log.connection.errors import LogUnavailable, LogUnfit, NotInitialised
from waterclock.log.liveness.projector_end import telling
from waterclock.log.recovery.opening import prepare
from waterclock.store.connection.lanes import statement_seconds
from waterclock.store.connection.migrate import migrate as migrate_store
from waterclock.store.connection.permissions import rights
from waterclock.store.connection.pool import open_pool, unopened_pool
from waterclock.store.connection.startup import open_or_stopped, soon_open
from waterclock.store.partitioning import present
from waterclock_api.access.anonymous import MEANS, SETTING, check_names, is_keyless, why_not
from waterclock_api.access.csrf import CsrfProtection, allowed_hosts, cors_origins
from waterclock_api.access.guard import Access, Limits
from waterclock_api.access.proxies import trusted_networks
from waterclock_api.access.token_settings import TokenSettings
from waterclock_api.app import application, assembled
from waterclock_api.consistency.identity import make_installation
from waterclock_api.consistency.lag import Lags
from waterclock_api.http.cors import CrossOrigin
from waterclock_api.http.gateway import BehindGateway, RequestIds, path_prefix
from waterclock_api.http.server import CONNECTIONS, check_free, serve
from waterclock_api.limits.client_connections import connections_at_most
from waterclock_api.limits.memory_budget import Budget
from waterclock_api.projector.maintenance import kept
from waterclock_api.projector.service import run
from waterclock_api.projector.trim import Keeping
from waterclock_api.routes.system.events import TAGS
from waterclock_api.settings import (
    ApiSettings,
    MigrateSettings,
    ProjectorSettings,
    StoreSettings,
    log_settings,
    queues_of,
)
from waterclock_api.telemetry.instrumentation import Instrumented
from waterclock_api.telemetry.metrics import tell_lags

LOG_FAULTS = (LogUnfit, LogUnavailable)

_log = logging.getLogger(__name__)


@click.command(short_help="Serve the HTTP API.")
def api() -> None:
    """Serve the HTTP API: commands to the log, reads from the read models, live streams."""
    run_service(_serve_api, unfit=LOG_FAULTS, name="waterclock api")


@click.command()
def projector() -> None:
    """Copy every event into the archive and the read models."""
    run_service(_project, unfit=LOG_FAULTS, name="waterclock projector")


@click.command()
def migrate() -> None:
    """Prepare Postgres and Redis for this release; may be repeated."""
    run_service(_migrate, unfit=LOG_FAULTS, name="waterclock migrate")


async def _serve_api(stop: asyncio.Event) -> None:
    own, store = read(ApiSettings, os.environ), read(StoreSettings, os.environ)
    tokens, proxies = read(TokenSettings, os.environ), trusted_networks(own.trusted_proxies)
    prefix = path_prefix(own.path_prefix)
    hosts, origins = allowed_hosts(own.allowed_hosts), cors_origins(own.cors_origins)
    check_free(own.host, own.port)
    told = read(TelemetrySettings, os.environ)
    traces.setup("api", told)
    one_heap()
    give_back()
    for handler in logging.getLogger().handlers:
        handler.addFilter(RequestIds())
    log = await Log.connect(log_settings(), role="api")
    try:
        async with (
            soon_open(
                unopened_pool(
                    store.postgres_url,
                    name="api",
                    max_size=own.postgres_connections,
                    statement_timeout=statement_seconds(own.postgres_connections, own.read_timeout),
                )
            ) as pool,
            assembled(
                log,
                pool,
                streams=min(own.streams, connections_at_most(own.streams + CONNECTIONS) * 3 // 4),
                streams_per_client=own.streams_per_client,
                tokens=tokens,
                proxies=proxies,
                limits=Limits(caller=own.rate_limit, address=own.rate_limit_address),
                budget=Budget(own.held_bytes),
                closed=not is_keyless(own),
                csrf=CsrfProtection(hosts, origins),
            ) as parts,
            pushing(parts.exposition, told.otlp_endpoint, instance=f"{socket.gethostname()}:{own.port}"),
        ):
            await _check_access(own, parts.access)

            def ready() -> None:
                calm_collector()
                _log.info("ready", extra={"url": f"http://{authority(own.host, own.port)}"})

            app = BehindGateway(CrossOrigin(Instrumented(application(parts)), origins), proxies, prefix)
            await serve(
                app,
                own.host,
                own.port,
                stop,
                ready=ready,
                ending=parts.hub.close,
                connections=own.streams + CONNECTIONS,
                keep_alive=own.keep_alive,
            )
    finally:
        await log.close()


async def _project(stop: asyncio.Event) -> None:
    own, store = read(ProjectorSettings, os.environ), read(StoreSettings, os.environ)
    keep = kept(own.keep_events, own.keep_runs)
    told = read(TelemetrySettings, os.environ)
    traces.setup("projector", told)
    log = await Log.connect(log_settings(), role="projector")
    readiness, exposition = _Readiness(), exposed("projector")
    for tag in TAGS:
        catalog.PROJECTED.add(0, tag)  # so that the first of each is seen to come
    try:
        async with (
            telling(log),
            served(own.host, own.health_port, readiness.report, exposition),
            pushing(exposition, told.otlp_endpoint, instance=f"{socket.gethostname()}-{os.getpid()}"),
            open_or_stopped(
                unopened_pool(store.postgres_url, name="projector", max_size=4), stop, away=readiness.unready
            ) as pool,
        ):

            def ready() -> None:
                readiness.lacking = None
                _log.info("ready")

            if pool is None:
                return
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
            )
    finally:
        await log.close()


async def _check_access(own: ApiSettings, access: Access) -> None:
    """Nobody may ask without credentials but this machine, and that by a setting.

    Raises:
        SettingsError: nobody could show credentials.
    """
    if access.possible or not access.keyring.known:  # while they are not known nobody is let in
        return
    if (refusal := why_not(own)) is not None:
        raise SettingsError(refusal)
    await check_names(own.allowed_hosts)
    if not access.asked_for:
        _log.warning("authentication is off", extra={"setting": SETTING, "means": MEANS})


class _Readiness:
    def __init__(self) -> None:
        self.lacking: str | None = "starting"
        self._lags: Lags = {}

    def unready(self, reason: str) -> None:
        self.lacking = reason

    def behind(self, lags: Lags) -> None:
        self._lags = lags
        catalog.FOLLOWED.set(len(lags))
        tell_lags(lags)

    def report(self) -> Report:
        return Report(ready=self.lacking is None, said={"lacking": self.lacking, "lag": self._lags})


async def _migrate(_: asyncio.Event) -> None:
    own, store = read(MigrateSettings, os.environ), read(StoreSettings, os.environ)
    queues = queues_of(own)
    with told_every(_tell_migrating):
        applied = await migrate_store(store.postgres_url)
    log = await Log.reach(log_settings(), role="migrate")
    try:
        async with (
            await open_pool(store.postgres_url, name="migrate", max_size=1) as pool,
            pool.connection() as connection,
        ):
            with suppress(NotInitialised):
                await log.refresh()
            known = await present(connection)
            with rights(store.postgres_url):
                identity = await make_installation(log, connection)
        await prepare(
            log,
            partitions=own.partitions,
            queues=queues,
            archived=known.partitions if known is not None else None,
            restored=known.since if known is not None else 0,
            identity=identity,
        )
    finally:
        await log.close()
    click.echo(f"Postgres: {', '.join(applied) or 'nothing to do'}. Redis: {own.partitions} partition(s), ready.")


def _tell_migrating(seconds: float) -> None:
    click.echo(f"migrating for {seconds:.0f} s; projection may stand still meanwhile", err=True)
