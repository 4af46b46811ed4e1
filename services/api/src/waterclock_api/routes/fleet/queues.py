"""Routes of queues: how full they are, and whether workers may take from them."""

from __future__ import annotations

from litestar import get, post

from waterclock.kit.telemetry import traces
from waterclock.log.client import Queue as KnownQueue
from waterclock.log.commands.idempotency import KeyReused as Reused
from waterclock.log.commands.idempotency import Replayed
from waterclock.log.commands.queues import TRUTH, Depths, depths, set_paused
from waterclock.log.commands.requests import check_queue
from waterclock.log.connection.errors import UnknownQueue
from waterclock.model.errors import Flaw, KeyReused, NotFound
from waterclock.model.events import QueuePaused, QueueResumed
from waterclock_api.commands.idempotency import REPLAYED
from waterclock_api.commands.outage_retry import appended
from waterclock_api.dependencies import Dependencies, dependencies_of
from waterclock_api.http.caller import Caller, caller_of
from waterclock_api.http.request_body import read_json, read_struct, refuse
from waterclock_api.http.request_query import NoQuery, read_query
from waterclock_api.http.response import Answer, answer
from waterclock_api.http.route import AnyRequest, Id, Spec
from waterclock_api.queries import read_models
from waterclock_api.queries.read_models import QueueCount
from waterclock_api.queries.slow_reads import listing
from waterclock_api.schemas.requests import PauseWrite
from waterclock_api.schemas.responses import Queue, Queues, QueueState
from waterclock_api.telemetry.tracing import asked

PATH = "/v1/monitor/queues"
_COMMAND = Spec(
    scope="admin",
    body=PauseWrite,
    body_optional=True,
    answers={200: QueueState},
    refuses=(404, 413, 415, 422),
    keyed=True,
)


@get(PATH, spec=Spec(scope="list", answers={200: Queues}))
async def list_queues(request: AnyRequest) -> Answer:
    """List the queues: what waits in the log now; what is delayed, blocked and running as the read models have it."""
    parts = dependencies_of(request)
    read_query(request, NoQuery)
    waiting = [await depths(parts.log, partition) for partition in range(parts.log.partitions)]
    async with parts.reading(listing(request)) as connection:
        counts = await read_models.queues(connection, parts.now_ms())
    items = [_queue(known, waiting, counts.get(known.name, QueueCount())) for known in parts.log.queues]
    return answer(Queues(items=items, next_cursor=None))


@post(f"{PATH}/{{name:str}}/pause", status_code=200, spec=_COMMAND)
async def pause_queue(request: AnyRequest, name: Id) -> Answer:
    """Pause a queue: no worker takes from it any more; what runs goes on. A paused one stays so."""
    return await _set(request, name, QueuePaused)


@post(f"{PATH}/{{name:str}}/resume", status_code=200, spec=_COMMAND)
async def resume_queue(request: AnyRequest, name: Id) -> Answer:
    """Let workers take from a queue again, at once."""
    return await _set(request, name, QueueResumed)


async def _set(request: AnyRequest, name: str, kind: type[QueuePaused | QueueResumed]) -> Answer:
    parts = dependencies_of(request)
    read_query(request, NoQuery)
    body = await read_json(request, optional=True)
    caller = caller_of(request, body)
    with asked(caller, "pause queue" if kind is QueuePaused else "resume queue"):
        flaws: list[Flaw] = []
        write = read_struct(PauseWrite, body, flaws)
        refuse(flaws)
        try:
            await check_queue(parts.log, name)
        except UnknownQueue as error:
            raise NotFound("queue", name) from error
        replayed = await _append(parts, caller, kind, name, write.reason)
        state = QueueState(name=name, paused=kind is QueuePaused)
        return answer(state, headers=REPLAYED if replayed else None)


async def _append(
    parts: Dependencies, caller: Caller, kind: type[QueuePaused | QueueResumed], name: str, reason: str | None
) -> bool:
    """Whether the command had been executed before."""
    event = kind(
        queue=name,
        reason=reason,
        actor=caller.actor,
        command_id=caller.command.id,
        traceparent=traces.inject() or caller.traceparent,
    )
    done = await appended(parts.clock, lambda: set_paused(parts.log, command=caller.command, event=event))
    if isinstance(done, Reused):
        raise KeyReused
    return isinstance(done, Replayed) and caller.command.client


def _queue(known: KnownQueue, partitions: list[Depths], count: QueueCount) -> Queue:
    found = [(each.now, each.queues[known.name]) for each in partitions if known.name in each.queues]
    waits = [now - depth.since for now, depth in found if depth.since]
    startable = sum(depth.queued for _, depth in found)
    paused = bool(partitions[TRUTH].queues[known.name].paused)
    return Queue(
        name=known.name,
        weight=known.weight,
        paused=paused,
        waiting=startable + sum(depth.aside for _, depth in found),
        delayed=count.delayed,
        blocked=count.blocked,
        running=count.running,
        demand=count.running + (0 if paused else startable),
        oldest_wait_ms=max(0, *waits) if waits else None,
        started_per_minute=count.started,
        ended_per_minute=count.ended,
    )


HANDLERS = (list_queues, pause_queue, resume_queue)
