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
from waterclock.log.liveness.waiting import Demand, demand_of
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
from waterclock_api.schemas.requests import PauseWrite, QueuesQuery
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


@get(PATH, spec=Spec(scope="list", query=QueuesQuery, answers={200: Queues}))
async def list_queues(request: AnyRequest) -> Answer:
    """List the queues and count their unfinished runs.

    `waiting` and `oldestWaitMs` are read from the event log; `delayed`, `blocked`, `running` and the rates come from
    the read models. With `executor`, only runs of these executors count: scale the workers that have them by `demand`,
    also from zero.
    """
    parts = dependencies_of(request)
    query = read_query(request, QueuesQuery)
    held = [await depths(parts.log, partition) for partition in range(parts.log.partitions)]
    demands = {known.name: _demand(held, known.name) for known in parts.log.queues}
    wanted: list[frozenset[str]] | None = None
    if query.executor:
        wanted = [await parts.registry.names_of(executor) for executor in query.executor]
        found = [await parts.waiting.of(partition) for partition in range(parts.log.partitions)]
        demands = {queue: demand_of(found, queue, wanted) for queue in demands}
    names = None if wanted is None else frozenset[str]().union(*wanted)
    async with parts.reading(listing(request)) as connection:
        counts = await read_models.queues(connection, parts.now_ms(), names)
    paused = {name for name, depth in held[TRUTH].queues.items() if depth.paused}
    items = [
        _queue(
            known,
            demands[known.name],
            counts.get(known.name, QueueCount()),
            paused=known.name in paused,
            with_aside=names is not None,
        )
        for known in parts.log.queues
    ]
    return answer(Queues(items=items, demand=sum(one.demand for one in items), next_cursor=None))


@post(f"{PATH}/{{name:str}}/pause", status_code=200, spec=_COMMAND)
async def pause_queue(request: AnyRequest, name: Id) -> Answer:
    """Pause a queue: workers start no more runs from it. Runs in progress continue."""
    return await _set(request, name, QueuePaused)


@post(f"{PATH}/{{name:str}}/resume", status_code=200, spec=_COMMAND)
async def resume_queue(request: AnyRequest, name: Id) -> Answer:
    """Resume a paused queue."""
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


def _demand(held: list[Depths], queue: str) -> Demand:
    """What waits in a queue, whatever its executors."""
    found = [(each.now, each.queues[queue]) for each in held if queue in each.queues]
    ages = [now - depth.since for now, depth in found if depth.since]
    aside = sum(depth.aside for _, depth in found)
    return Demand(sum(depth.queued for _, depth in found) + aside, aside, max(0, *ages) if ages else None)


def _queue(known: KnownQueue, demand: Demand, count: QueueCount, *, paused: bool, with_aside: bool) -> Queue:
    wanted = demand.waiting - (0 if with_aside else demand.aside)
    return Queue(
        name=known.name,
        weight=known.weight,
        paused=paused,
        waiting=demand.waiting,
        aside=demand.aside,
        delayed=count.delayed,
        blocked=count.blocked,
        running=count.running,
        demand=count.running + (0 if paused else wanted),
        oldest_wait_ms=demand.oldest_ms,
        started_per_minute=count.started,
        ended_per_minute=count.ended,
    )


HANDLERS = (list_queues, pause_queue, resume_queue)
