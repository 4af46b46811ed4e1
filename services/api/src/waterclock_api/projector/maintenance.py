"""What the projector does now and then beside projecting: months for the archive, and what is kept for a time only."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import timedelta

import psycopg

from waterclock.kit.settings import SettingsError
from waterclock.log.client import Log
from waterclock.log.clock import server_time
from waterclock.log.connection.errors import LogError
from waterclock.model.outcomes import RunStatus
from waterclock.store import retention
from waterclock.store.ages import age_of
from waterclock.store.archive import make_months
from waterclock.store.connection.pool import Connection, Pool
from waterclock.store.connection.transient import PASSES
from waterclock.store.retention import ENDED, Keep
from waterclock_api.consistency.clocks import postgres_time
from waterclock_api.projector.handover import connect_keeping

EVERY = 3600.0  # s
AGAIN = 60.0  # s, after a failure

_log = logging.getLogger(__name__)


async def keep_house(log: Log, pool: Pool, keep: Keep) -> None:
    """Until cancelled."""
    while True:
        pause = EVERY
        try:
            async with await connect_keeping(pool) as connection:
                await _make_months(connection)
                if await retention.take(connection):
                    wanted = await in_force(connection, keep)
                    await retention.forget(connection, wanted, await agreed_time(log, connection))
        except (*PASSES, LogError) as error:
            _log.warning("retention failed", extra={"reason": " ".join(str(error).split())})
            pause = AGAIN
        await asyncio.sleep(pause)


async def in_force(connection: Connection, keep: Keep) -> Keep:
    """What is to be kept, where the store has a say in it by what that says now."""
    age = await retention.age_of_runs(connection) if keep.by_store else None
    return keep if age is None else Keep(events=keep.events, runs=_runs([age]))


async def agreed_time(log: Log, connection: Connection) -> int:
    """The earliest of the stores' clocks, ms: what is forgotten for its age is so old by all of them, and is for good.

    Raises:
        LogUnavailable: the log's is not known.
    """
    clocks = [await server_time(log, log.keys.partition(partition, "meta")) for partition in range(log.partitions)]
    return min(*clocks, await postgres_time(connection))


async def _make_months(connection: Connection) -> None:
    """Without the right to make tables the archive's default table takes the events."""
    try:
        await make_months(connection)
    except psycopg.errors.InsufficientPrivilege as error:
        _log.warning("archive tables not created", extra={"reason": str(error).strip()})


def kept(events: str | None, runs: Sequence[str]) -> Keep:
    """What the settings say: `90d`, `36h` or `forever`; of runs for all, or by `status=age`, the more special first.

    Without a word on runs the store has the say.

    Raises:
        SettingsError: that cannot be read, or is less than two days.
    """
    of_events = None if events is None else _age("WATERCLOCK_KEEP_EVENTS", events)
    return Keep(events=of_events, runs=_runs(runs), by_store=not runs)


def _runs(runs: Sequence[str]) -> dict[RunStatus, timedelta]:
    """
    Raises:
        SettingsError: that cannot be read, or is less than two days.
    """
    of_runs: dict[RunStatus, timedelta | None] = {}
    for text in sorted(runs, key=lambda text: "=" in text):
        name, given, age = text.rpartition("=")
        if given and name not in ENDED:
            raise SettingsError(f"WATERCLOCK_KEEP_RUNS: {name!r} is not one of {', '.join(ENDED)}")
        found = _age("WATERCLOCK_KEEP_RUNS", age)
        of_runs |= {status: found for status in ENDED if not given or status == name}
    return {status: age for status, age in of_runs.items() if age is not None}


def _age(setting: str, text: str) -> timedelta | None:
    try:
        return age_of(text)
    except ValueError as error:
        raise SettingsError(f"{setting}: {error}") from None
