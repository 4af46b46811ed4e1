"""Probes: whether the process lives, and whether it can do all its work."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

import psycopg
from litestar import get
from psycopg_pool import PoolTimeout

from waterclock.log import leaders
from waterclock.log.errors import LogError, LogFull
from waterclock.log.opening import server_state
from waterclock.log.writable import check_writable
from waterclock.model.errors import Flaw
from waterclock.store import quarantine
from waterclock.store.vigil import within
from waterclock_api.answers import Answer, answer
from waterclock_api.intake import NoQuery, read_query
from waterclock_api.lagging import lags, places_of_all, told
from waterclock_api.parts import Parts, parts_of
from waterclock_api.problems import Unready
from waterclock_api.shapes import Condition
from waterclock_api.spec import AnyRequest, Spec
from waterclock_api.watching import overdue

LOOK = 1.5  # s, for each check
FINE = "ok"


@get("/livez", spec=Spec(scope="probe", answers={200: Condition}))
async def livez(request: AnyRequest) -> Answer:
    """Say that the process lives."""
    read_query(request, NoQuery)
    return answer(Condition(status="alive", checks={}))


@get("/readyz", spec=Spec(scope="probe", answers={200: Condition}))
async def readyz(request: AnyRequest) -> Answer:
    """Say whether commands and reads can be answered, and if not, what is out of reach.

    `schedules` says whether what is due is decided: others' work, so it does not make this process unready. Nor does a
    log at its memory limit, told by `writes`: what relieves it must still get here. `events` says whether there are
    some that nobody can read.
    """
    parts = parts_of(request)
    read_query(request, NoQuery)
    async with asyncio.TaskGroup() as tasks:
        log = tasks.create_task(_log(parts), name="look at the log")
        writes = tasks.create_task(_writes(parts), name="look whether the log takes writes")
        store = tasks.create_task(_store(parts), name="look at the store")
        lag = tasks.create_task(_lag(parts), name="look at the lag")
        events = tasks.create_task(_events(parts), name="look for events that cannot be read")
    checks = {"redis": log.result() if log.result() != FINE else writes.result().wrong, "postgres": store.result()}
    flaws = [Flaw(name, said) for name, said in checks.items() if said != FINE]
    if flaws:
        raise Unready(*flaws)
    beside = {
        "schedules": await _schedules(parts),
        "projection": lag.result(),
        "writes": writes.result().scarce,
        "events": events.result(),
    }
    return answer(Condition(status="ready", checks=checks | beside))


async def _schedules(parts: Parts) -> str:
    try:
        async with asyncio.timeout(LOOK):
            seen = [await leaders.watch(parts.log, partition) for partition in range(parts.log.partitions)]
    except TimeoutError:
        return "not known: redis does not answer"
    except LogError as error:
        return f"not known: {error}"
    troubles = [trouble for partition, one in enumerate(seen) if (trouble := overdue(partition, one)) is not None]
    return "; ".join(troubles) or FINE


async def _log(parts: Parts) -> str:
    try:
        async with asyncio.timeout(LOOK):
            for partition in range(parts.log.partitions):
                if not (await server_state(parts.log, partition)).opened:
                    return f"partition {partition} waits for a projector to open it on this server process"
    except TimeoutError:
        return "does not answer"
    except LogError as error:
        return str(error)
    return FINE


class _Writes(NamedTuple):
    """`wrong`: why nothing can be written; `scarce`: why nothing new."""

    wrong: str = FINE
    scarce: str = FINE


async def _writes(parts: Parts) -> _Writes:
    try:
        async with asyncio.timeout(LOOK):
            await check_writable(parts.log)
    except LogFull:
        return _Writes(scarce="redis is at its memory limit: no new runs, jobs or changes until there is room")
    except TimeoutError:
        return _Writes(wrong="does not answer")
    except LogError as error:
        return _Writes(wrong=str(error))
    return _Writes()


async def _store(parts: Parts) -> str:
    try:
        async with parts.lanes.own.connection(timeout=LOOK) as connection:
            with within(connection, LOOK):
                await connection.execute("SELECT 1")
    except PoolTimeout:
        return "does not answer"
    except psycopg.Error as error:
        return " ".join(str(error).split())
    return FINE


async def _lag(parts: Parts) -> str:
    """How far reads are behind: told, and no reason to be unready, for they are answered."""
    try:
        async with asyncio.timeout(2 * LOOK):
            async with parts.lanes.own.connection(timeout=LOOK) as connection:
                with within(connection, LOOK):
                    places = await places_of_all(connection, parts.log.partitions)
            return told(await lags(parts.log, places))
    except (TimeoutError, PoolTimeout, psycopg.Error, LogError):
        return "not known"


async def _events(parts: Parts) -> str:
    try:
        async with parts.lanes.own.connection(timeout=LOOK) as connection:
            with within(connection, LOOK):
                count = await quarantine.count(connection)
    except (PoolTimeout, psycopg.Error):
        return "not known"
    return f"{count} cannot be read: `waterclock doctor` names them" if count else FINE


@get("/metrics", spec=Spec(scope="list", answers={200: "text"}))
async def metrics(request: AnyRequest) -> Answer:
    """Tell the metrics of this process, and what it sees of the log, as Prometheus reads them."""
    parts = parts_of(request)
    read_query(request, NoQuery)
    accepted = ",".join(value.decode("latin-1") for name, value in request.scope["headers"] if name == b"accept")
    text, kind = await parts.exposition.text(accepted)
    return Answer(text, kind=kind.encode())


HANDLERS = (livez, readyz, metrics)
