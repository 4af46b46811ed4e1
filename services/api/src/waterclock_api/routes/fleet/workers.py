"""Routes of the fleet: the workers, and the executors that they announced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from litestar import get

from waterclock.log.liveness.sessions import LEASE_MS, SessionList, list_sessions
from waterclock.model.timestamps import stamp
from waterclock_api.dependencies import dependencies_of
from waterclock_api.http.request_query import read_query
from waterclock_api.http.response import Answer, answer
from waterclock_api.http.route import AnyRequest, Spec
from waterclock_api.queries import read_models
from waterclock_api.queries.pages import room_for
from waterclock_api.queries.rows import Row
from waterclock_api.queries.slow_reads import listing
from waterclock_api.schemas.requests import ExecutorsQuery, PageQuery
from waterclock_api.schemas.responses import Executors, Worker, Workers
from waterclock_api.validation.live_executors import LiveSession

_LEFT: dict[str, Literal["left", "lost"]] = {"drained": "left", "lost": "lost"}


@get("/v1/monitor/workers", spec=Spec(scope="list", query=PageQuery, answers={200: Workers}))
async def list_workers(request: AnyRequest) -> Answer:
    """List the starts of worker processes, those that have not left first, each newest first."""
    parts = dependencies_of(request)
    query = read_query(request, PageQuery)
    hold = await room_for(request)
    async with parts.reading(listing(request)) as connection:
        rows, more = await read_models.workers(connection, query, hold)
    here = [row[0] for row in rows if row[6] is None]
    sessions_of_all = (
        [await list_sessions(parts.log, partition, here) for partition in range(parts.log.partitions)] if here else []
    )
    live = await parts.live.all_sessions() if here else None
    items = [_worker(row, sessions_of_all, here.index(row[0]) if row[6] is None else None, live or {}) for row in rows]
    return answer(Workers(items=items, next_cursor=more), hold=hold)


@get("/v1/monitor/executors", spec=Spec(scope="list", query=ExecutorsQuery, answers={200: Executors}))
async def list_executors(request: AnyRequest) -> Answer:
    """List every executor that a worker ever announced, with the schemas of its parameters and its result."""
    parts = dependencies_of(request)
    query = read_query(request, ExecutorsQuery)
    hold = await room_for(request)
    live = await parts.live.all_sessions()
    alive = None if live is None else list(live)
    async with parts.reading(listing(request)) as connection:
        return answer(await read_models.executors(connection, query.cursor, alive, hold), hold=hold)


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


HANDLERS = (list_workers, list_executors)
