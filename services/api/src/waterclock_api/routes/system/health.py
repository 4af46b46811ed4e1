"""Probes: whether the process lives, and whether it can do all its work."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

import psycopg
from litestar import get
from psycopg_pool import PoolTimeout

from waterclock.log.connection.errors import LogError, LogFull
from waterclock.log.liveness import leadership
from waterclock.log.recovery.opening import server_state
from waterclock.log.writable import check_writable
from waterclock.model.errors import Flaw
from waterclock.store import quarantine
from waterclock.store.connection.errors import SCHEMA_MISSING
from waterclock.store.connection.migrate import has_schema
from waterclock.store.connection.watchdog import within
from waterclock_api.consistency.clocks import Clocks, look, offset_of_postgres
from waterclock_api.consistency.clocks import told as clocks_told
from waterclock_api.consistency.fit import misfit
from waterclock_api.consistency.lag import lags, places_of_all, told
from waterclock_api.dependencies import Dependencies, dependencies_of
from waterclock_api.http.problems import Unready
from waterclock_api.http.request_query import NoQuery, read_query
from waterclock_api.http.response import Answer, answer
from waterclock_api.http.route import AnyRequest, Spec
from waterclock_api.schemas.responses import Condition
from waterclock_api.telemetry.schedule_watch import overdue

LOOK = 1.5  # s, for each check
FINE = "ok"


@get("/livez", spec=Spec(scope="probe", answers={200: Condition}))
async def livez(request: AnyRequest) -> Answer:
    """Liveness probe."""
    read_query(request, NoQuery)
    return answer(Condition(status="alive", checks={}))


@get("/readyz", spec=Spec(scope="probe", answers={200: Condition}))
async def readyz(request: AnyRequest) -> Answer:
    """Readiness probe: whether commands and reads can be served, and if not, what is unavailable.

    Some checks report without making the process unready: `schedules`, whether due jobs are decided; `writes`, whether
    Redis is at its memory limit; `projection`, whether event log and archive fit and how far the read models are
    behind; `clocks`, whether the clock of Redis is off; `events`, whether some events cannot be read.
    """
    parts = dependencies_of(request)
    read_query(request, NoQuery)
    async with asyncio.TaskGroup() as tasks:
        log = tasks.create_task(_log(parts), name="look at the log")
        writes = tasks.create_task(_writes(parts), name="look whether the log takes writes")
        store = tasks.create_task(_store(parts), name="look at the store")
        projection = tasks.create_task(_projection(parts), name="look how log and archive fit")
        clocks = tasks.create_task(_clocks(parts), name="look at the clocks")
        events = tasks.create_task(_events(parts), name="look for events that cannot be read")
    projected = projection.result()
    redis = "; ".join([log.result(), *projected.misfits]) if log.result() != FINE else writes.result().wrong
    checks = {"redis": redis, "postgres": store.result().said}
    flaws = [Flaw(name, said) for name, said in checks.items() if said != FINE]
    if flaws:
        raise Unready(*flaws)
    beside = {
        "schedules": await _schedules(parts),
        "projection": "; ".join(projected.misfits) or projected.lag,
        "writes": writes.result().scarce,
        "clocks": _clocks_told(clocks.result(), store.result().offset),
        "events": events.result(),
    }
    return answer(Condition(status="ready", checks=checks | beside))


async def _schedules(parts: Dependencies) -> str:
    try:
        async with asyncio.timeout(LOOK):
            seen = [await leadership.watch(parts.log, partition) for partition in range(parts.log.partitions)]
    except TimeoutError:
        return "not known: redis does not answer"
    except LogError as error:
        return f"not known: {error}"
    troubles = [trouble for partition, one in enumerate(seen) if (trouble := overdue(partition, one)) is not None]
    return "; ".join(troubles) or FINE


async def _log(parts: Dependencies) -> str:
    try:
        async with asyncio.timeout(LOOK):
            for partition in range(parts.log.partitions):
                if not (await server_state(parts.log, partition)).opened:
                    return f"partition {partition} waits for a projector to open it on this Redis server"
    except TimeoutError:
        return "does not answer"
    except LogError as error:
        return str(error)
    return FINE


class _Writes(NamedTuple):
    """`wrong`: why nothing can be written; `scarce`: why nothing new."""

    wrong: str = FINE
    scarce: str = FINE


async def _writes(parts: Dependencies) -> _Writes:
    try:
        async with asyncio.timeout(LOOK):
            await check_writable(parts.log)
    except LogFull:
        return _Writes(scarce="redis is at its memory limit: new runs, jobs and changes are refused")
    except TimeoutError:
        return _Writes(wrong="does not answer")
    except LogError as error:
        return _Writes(wrong=str(error))
    return _Writes()


class _Store(NamedTuple):
    """`offset`: of its clock from ours, ms; None: it is not known."""

    said: str = FINE
    offset: int | None = None


async def _store(parts: Dependencies) -> _Store:
    try:
        async with parts.lanes.own.connection(timeout=LOOK) as connection:
            with within(connection, LOOK):
                offset = await offset_of_postgres(parts.clock, connection)
                return _Store(FINE if await has_schema(connection) else SCHEMA_MISSING, offset)
    except PoolTimeout:
        return _Store("does not answer")
    except psycopg.Error as error:
        return _Store(" ".join(str(error).split()))


class _Projected(NamedTuple):
    """`misfits`: of partitions of which nothing is projected, for log and archive do not fit; `lag`: of all."""

    lag: str
    misfits: Sequence[str] = ()


async def _projection(parts: Dependencies) -> _Projected:
    """How far reads are behind: told, and no reason to be unready, for they are answered."""
    try:
        async with asyncio.timeout(2 * LOOK):
            async with parts.lanes.own.connection(timeout=LOOK) as connection:
                with within(connection, 2 * LOOK):
                    places = await places_of_all(connection, parts.log.partitions)
                    looked = [await misfit(parts.log, connection, partition) for partition in places]
            return _Projected(told(await lags(parts.log, places)), [one.said for one in looked if one is not None])
    except (TimeoutError, PoolTimeout, psycopg.Error, LogError):
        return _Projected("not known")


async def _clocks(parts: Dependencies) -> Clocks | None:
    try:
        async with asyncio.timeout(LOOK):
            return await look(parts.log, parts.clock)
    except (TimeoutError, LogError):
        return None


def _clocks_told(found: Clocks | None, postgres: int | None) -> str:
    return "not known" if found is None else clocks_told(found, postgres)


async def _events(parts: Dependencies) -> str:
    try:
        async with parts.lanes.own.connection(timeout=LOOK) as connection:
            with within(connection, LOOK):
                count = await quarantine.count(connection)
    except (PoolTimeout, psycopg.Error):
        return "not known"
    return f"{count} cannot be read: `waterclock doctor` names them" if count else FINE


@get("/metrics", spec=Spec(scope="list", answers={200: "text"}))
async def metrics(request: AnyRequest) -> Answer:
    """Prometheus metrics."""
    parts = dependencies_of(request)
    read_query(request, NoQuery)
    accepted = ",".join(value.decode("latin-1") for name, value in request.scope["headers"] if name == b"accept")
    text, kind = await parts.exposition.text(accepted)
    return Answer(text, kind=kind.encode())


HANDLERS = (livez, readyz, metrics)
