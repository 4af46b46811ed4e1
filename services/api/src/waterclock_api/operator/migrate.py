"""`waterclock migrate`: the schema of Postgres, the partitions and queues of the log."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress

import click

from waterclock.cli.output import complain
from waterclock.kit.elapsed import told_every
from waterclock.kit.service import run_service
from waterclock.kit.setting_options import setting_options
from waterclock.kit.settings import RedisSettings, read
from waterclock.log.client import Log
from waterclock.log.connection.errors import LogUnavailable, LogUnfit, NotInitialised
from waterclock.log.recovery.opening import prepare
from waterclock.store.connection.migrate import migrate as migrate_store
from waterclock.store.connection.permissions import rights
from waterclock.store.connection.pool import open_pool
from waterclock.store.partitioning import present
from waterclock.store.retention import age_of_runs
from waterclock_api.consistency.identity import make_installation
from waterclock_api.settings import MigrateSettings, StoreSettings, log_settings, queues_of

RETENTION = "0022_retention"
"""The migration that says of a new store for how long it keeps ended runs."""


@setting_options(RedisSettings, StoreSettings, MigrateSettings)
@click.command()
def migrate() -> None:
    """Migrate Postgres and Redis to this release; may be repeated."""
    run_service(_migrate, unfit=(LogUnfit, LogUnavailable), name="waterclock migrate")


async def _migrate(_: asyncio.Event) -> None:
    own, store = read(MigrateSettings, os.environ), read(StoreSettings, os.environ)
    queues = queues_of(own)
    with told_every(_tell_migrating):
        applied = await migrate_store(store.postgres_url, tell=complain)
    log = await Log.reach(log_settings(), role="migrate")
    try:
        async with (
            await open_pool(store.postgres_url, name="migrate", max_size=1) as pool,
            pool.connection() as connection,
        ):
            with suppress(NotInitialised):
                await log.refresh()
            known = await present(connection)
            age = await age_of_runs(connection)
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
    if age is not None and RETENTION in applied:
        click.echo(f"Ended runs are kept for {age}; WATERCLOCK_KEEP_RUNS of the projectors overrides it.")


def _tell_migrating(seconds: float) -> None:
    click.echo(f"migrating for {seconds:.0f} s; projection may stand still meanwhile", err=True)
