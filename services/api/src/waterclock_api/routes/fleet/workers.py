"""Routes of the fleet: the workers, which can be drained, and the executors that they announced."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Literal

from litestar import get, post

from waterclock.log.control import Control, say
from waterclock.log.liveness.sessions import LEASE_MS, SessionList, list_sessions
from waterclock.model.errors import Flaw, NotFound
from waterclock.model.timestamps import stamp
from waterclock_api.commands.outage_retry import appended
from waterclock_api.dependencies import Dependencies, dependencies_of
from waterclock_api.http.caller import caller_of
from waterclock_api.http.request_body import read_json, read_struct, refuse
from waterclock_api.http.request_query import NoQuery, read_query
from waterclock_api.http.response import Answer, answer
from waterclock_api.http.route import AnyRequest, Id, Spec
from waterclock_api.queries import read_models
from waterclock_api.queries.pages import room_for
from waterclock_api.queries.rows import Row
from waterclock_api.queries.slow_reads import listing
from waterclock_api.queries.sources import ONE
from waterclock_api.schemas.requests import DrainWrite, ExecutorsQuery, PageQuery
from waterclock_api.schemas.responses import Executors, Worker, Workers
from waterclock_api.telemetry.tracing import asked
from waterclock_api.validation.live_executors import LiveSession

_log = logging.getLogger(__name__)

_LEFT: dict[str, Literal["left", "lost"]] = {"drained": "left", "lost": "lost"}


@get("/v1/monitor/workers", spec=Spec(scope="list", query=PageQuery, answers={200: Workers}))
async def list_workers(request: AnyRequest) -> Answer:
    """List workers: one item for each start of a process, live ones first."""
    parts = dependencies_of(request)
    query = read_query(request, PageQuery)
    hold = await room_for(request)
    async with parts.reading(listing(request)) as connection:
        rows, more = await read_models.workers(connection, query, hold)
    return answer(Workers(items=await _workers(parts, rows), next_cursor=more), hold=hold)


@post(
    "/v1/monitor/workers/{name:str}/drain",
    status_code=202,
    spec=Spec(scope="admin", body=DrainWrite, body_optional=True, answers={202: Workers}, refuses=(404, 413, 415, 422)),
)
async def drain_worker(request: AnyRequest, name: Id) -> Answer:
    """Drain a worker: it takes no more runs, finishes or hands back those it has, and stops.

    A name means all live processes with that name. Processes that start later are not affected.
    """
    parts = dependencies_of(request)
    read_query(request, NoQuery)
    body = await read_json(request, optional=True)
    caller = caller_of(request, body)
    with asked(caller, "drain worker"):
        flaws: list[Flaw] = []
        write = read_struct(DrainWrite, body, flaws)
        refuse(flaws)
        called = await _called(parts, name)
        for each in called:
            word = Control(say="drain", worker=each.id, by=caller.actor)
            await appended(parts.clock, lambda word=word: say(parts.log, word))
            about = {"worker": each.name, "session": each.id, "by": caller.actor, "reason": write.reason}
            _log.info("drain requested", extra=about)
    return answer(Workers(items=called, next_cursor=None), status=202)


@get("/v1/monitor/executors", spec=Spec(scope="list", query=ExecutorsQuery, answers={200: Executors}))
async def list_executors(request: AnyRequest) -> Answer:
    """List all executors that workers have announced, with their JSON Schemas."""
    parts = dependencies_of(request)
    query = read_query(request, ExecutorsQuery)
    hold = await room_for(request)
    live = await parts.live.all_sessions()
    alive = None if live is None else list(live)
    async with parts.reading(listing(request)) as connection:
        return answer(await read_models.executors(connection, query.cursor, alive, hold), hold=hold)


async def _called(parts: Dependencies, name: str) -> list[Worker]:
    """The workers of that name, or the one with that session, that may hear us.

    Raises:
        NotFound: there is none.
    """
    async with parts.reading(ONE) as connection:
        rows = await read_models.workers_called(connection, name) if "\0" not in name else ()
    here = [one for one in await _workers(parts, rows) if one.status in ("live", "silent")]
    if not here:
        raise NotFound("live worker with the name or id", name)
    return here


async def _workers(parts: Dependencies, rows: Sequence[Row]) -> list[Worker]:
    """What the read models have of workers, with what the log has of them this moment."""
    here = [row[0] for row in rows if row[6] is None]
    sessions_of_all = (
        [await list_sessions(parts.log, partition, here) for partition in range(parts.log.partitions)] if here else []
    )
    live = await parts.live.all_sessions() if here else None
    return [_worker(row, sessions_of_all, here.index(row[0]) if row[6] is None else None, live or {}) for row in rows]


def _worker(
    row: Row, sessions_of_all: Sequence[SessionList], place: int | None, live: Mapping[str, LiveSession]
) -> Worker:
    """`place`: of its session among those that were mustered."""
    session, name, queues, slots, executors, started_at, left_at, reason = row
    sessions = [
        (each.now, state)
        for each in sessions_of_all
        if place is not None and (state := each.sessions[place]) is not None
    ]
    alive = [(now, state) for now, state in sessions if state.renewal >= 0]
    status: Literal["live", "silent", "gone", "left", "lost"] = "gone"
    if left_at is not None:
        status = _LEFT[reason]
    elif alive:
        status = "live" if any(now - state.heard_at <= LEASE_MS for now, state in alive) else "silent"
    heard_at = max((state.heard_at for _, state in sessions), default=0)
    return Worker(
        id=session,
        name=name,
        queues=queues,
        slots=slots,
        running=sum(state.running for _, state in sessions),
        executors=executors,
        last_read_at=stamp(heard_at) if heard_at else None,
        started_at=stamp(started_at),
        left_at=None if left_at is None else stamp(left_at),
        status=status,
        takes_any=live[session].executors is None if session in live else None,
    )


HANDLERS = (list_workers, drain_worker, list_executors)
