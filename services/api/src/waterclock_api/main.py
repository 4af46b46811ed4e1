"""`waterclock api`: settings → log, Postgres, application, server; the only place that wires them."""

from __future__ import annotations

import asyncio
import logging
import os
import socket

import click

from waterclock.kit.addresses import authority
from waterclock.kit.gc_tuning import calm_collector
from waterclock.kit.heap import give_back, one_heap
from waterclock.kit.service import run_service
from waterclock.kit.setting_options import setting_options
from waterclock.kit.settings import RedisSettings, SettingsError, TelemetrySettings, read
from waterclock.kit.telemetry import traces
from waterclock.kit.telemetry.otlp_metrics import pushing
from waterclock.log.client import Log
from waterclock.log.connection.errors import LogUnavailable, LogUnfit
from waterclock.store.connection.lanes import statement_seconds
from waterclock.store.connection.pool import unopened_pool
from waterclock.store.connection.startup import soon_open
from waterclock_api.access.anonymous import MEANS, SETTING, check_names, is_keyless, why_not
from waterclock_api.access.csrf import CsrfProtection, allowed_hosts, cors_origins
from waterclock_api.access.guard import Access, Limits
from waterclock_api.access.proxies import trusted_networks
from waterclock_api.access.token_settings import TokenSettings
from waterclock_api.app import application, assembled
from waterclock_api.consistency.default_zone import session_of
from waterclock_api.http.cors import CrossOrigin
from waterclock_api.http.gateway import BehindGateway, RequestIds, path_prefix
from waterclock_api.http.server import CONNECTIONS, check_free, serve
from waterclock_api.limits.client_connections import connections_at_most
from waterclock_api.limits.memory_budget import Budget
from waterclock_api.settings import ApiSettings, StoreSettings, log_settings
from waterclock_api.telemetry.instrumentation import Instrumented

_log = logging.getLogger(__name__)


@setting_options(RedisSettings, StoreSettings, ApiSettings, TokenSettings, TelemetrySettings)
@click.command(short_help="Serve the HTTP API.")
def api() -> None:
    """Serve the HTTP API: commands, reads and live streams."""
    run_service(_serve_api, unfit=(LogUnfit, LogUnavailable), name="waterclock api")


async def _serve_api(stop: asyncio.Event) -> None:
    own, store = read(ApiSettings, os.environ), read(StoreSettings, os.environ)
    tokens, proxies = read(TokenSettings, os.environ), trusted_networks(own.trusted_proxies)
    prefix = path_prefix(own.path_prefix)
    hosts, origins = allowed_hosts(own.allowed_hosts), cors_origins(own.cors_origins)
    check_free(own.host, own.port)
    otel = traces.setup("api", read(TelemetrySettings, os.environ), instance=f"{socket.gethostname()}:{own.port}")
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
                    said=session_of(own.timezone),
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
                zone=own.timezone,
                csrf=CsrfProtection(hosts, origins),
            ) as parts,
            pushing(parts.exposition, otel),
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
        _log.info("authentication is off", extra={"setting": SETTING, "means": MEANS})
