"""Routes of runs: trigger and cancel, and what became of them."""

from __future__ import annotations

from functools import partial
from typing import Any

from litestar import get, post

from waterclock.kit.telemetry import traces
from waterclock.log.commands.bodies import body_of
from waterclock.log.commands.jobs import StoredJob
from waterclock.log.commands.requests import Request
from waterclock.model.definition import Definition, Overlap
from waterclock.model.errors import Flaw, NotFound
from waterclock.model.events import RunRequested
from waterclock.model.ids import RunId, requested_run
from waterclock.model.parameters.authority import Asked as AskedOf
from waterclock.model.timestamps import stamp
from waterclock_api.commands.cancel_run import cancel_one
from waterclock_api.commands.idempotency import earlier_or_refuse
from waterclock_api.commands.request_run import PATH, executor_notes, ready_at_of, request_of_job, told_run
from waterclock_api.commands.run_scope import asked_by, hold
from waterclock_api.dependencies import Dependencies, dependencies_of
from waterclock_api.http.caller import Caller, caller_of
from waterclock_api.http.request_body import read_json, read_struct, refuse
from waterclock_api.http.request_query import NoQuery, read_query
from waterclock_api.http.response import Answer, answer
from waterclock_api.http.route import AnyRequest, Id, Spec
from waterclock_api.live.history import run_subject
from waterclock_api.live.resume import resumed_at
from waterclock_api.live.stream import EventStream
from waterclock_api.queries import read_models
from waterclock_api.queries.executor_waits import with_waits
from waterclock_api.queries.lookup import is_run, run_or_refuse
from waterclock_api.queries.notices.promises import with_broken
from waterclock_api.queries.pages import room_for, room_if_large
from waterclock_api.queries.slow_reads import listing_runs, until_left
from waterclock_api.queries.sources import ONE
from waterclock_api.schemas.requests import (
    CancelWrite,
    RunQuery,
    RunsQuery,
    StreamQuery,
    TriggerWrite,
)
from waterclock_api.schemas.responses import Asked, BriefRuns, Note, Run, Runs
from waterclock_api.telemetry.tracing import asked
from waterclock_api.validation.notes import bounded, notes_of, of_overlap
from waterclock_api.validation.place_bounds import check_places
from waterclock_api.validation.values import check_params, check_params_size, check_queue


@post(
    "/v1/monitor/jobs/{job_id:str}/trigger",
    spec=Spec(
        scope="run",
        body=TriggerWrite,
        body_optional=True,
        answers={202: Asked},
        refuses=(404, 409, 413, 415, 422),
        keyed=True,
    ),
)
async def trigger_job(request: AnyRequest, job_id: Id) -> Answer:
    """Run a job now or later, also if it is disabled."""
    parts = dependencies_of(request)
    read_query(request, NoQuery)
    body = await read_json(request, optional=True)
    caller = caller_of(request, body)
    with asked(caller, "trigger job"):
        given = await earlier_or_refuse(parts, caller, job_id)
        if given is not None and given.run_id is not None:
            notes = await _notes_again(parts, job_id, body)
            return told_run(RunId(given.run_id), replayed=True, notes=notes)
        notes: tuple[Note, ...] = ()

        async def wish(stored: StoredJob) -> Request:
            nonlocal notes
            checked: list[Note] = []
            wanted = await _wish(parts, caller, stored, body, checked)
            of_job = await _notes(parts, stored, body)
            notes = bounded((*checked, *of_job)) if checked else of_job
            return wanted

        done = await request_of_job(parts, caller.command, job_id, wish)
        return told_run(done.run_id, replayed=done.replayed, notes=notes)


@get(PATH, spec=Spec(scope="list", query=RunsQuery, answers={200: (Runs, BriefRuns)}))
async def list_runs(request: AnyRequest) -> Answer:
    """List runs, newest first."""
    return await until_left(request, _runs(request, read_query(request, RunsQuery)))


async def _runs(request: AnyRequest, query: RunsQuery) -> Answer:
    parts = dependencies_of(request)
    hold, of = await room_for(request), listing_runs(request, query)
    if query.view == "brief":
        async with parts.reading(of) as connection:
            brief = await read_models.brief_runs(connection, query, parts.now_ms(), hold)
        told = await with_waits(parts, of, brief.items)
        return answer(BriefRuns(items=told, next_cursor=brief.next_cursor), hold=hold)
    async with parts.reading(of) as connection:
        page = await read_models.runs(connection, query, parts.now_ms(), hold)
    items = await with_waits(parts, of, page.items)
    return answer(Runs(items=items, next_cursor=page.next_cursor), hold=hold)


@get(f"{PATH}/{{run_id:str}}", spec=Spec(scope="query", query=RunQuery, answers={200: Run}, refuses=(404,)))
async def get_run(request: AnyRequest, run_id: Id) -> Answer:
    """Get a run with its attempts and steps."""
    parts = dependencies_of(request)
    query = read_query(request, RunQuery)
    hold = room_if_large(request)
    found = await run_or_refuse(parts, run_id, hold, all_steps=query.steps == "all")
    [run] = await with_waits(parts, ONE, [found])
    if run.job_id is not None:
        async with parts.reading(ONE) as connection:
            run = await with_broken(connection, run)
    return answer(run, hold=hold)


@get(
    f"{PATH}/{{run_id:str}}/logs/stream",
    spec=Spec(scope="query", query=StreamQuery, answers={200: "events"}, refuses=(404,)),
)
async def stream_run(request: AnyRequest, run_id: Id) -> EventStream:
    """Stream the events of a run from its first one. The stream ends after `end`."""
    parts = dependencies_of(request)
    partition = parts.log.partition_of(run_id)
    _, after = resumed_at(request, partition, there_are=parts.log.partitions, restored=parts.log.restored)
    if not await is_run(parts, run_id):
        raise NotFound("run", run_id)
    return EventStream(parts, parts.hub, parts.outages, (run_subject(run_id, partition),), {partition: after})


@post(
    f"{PATH}/{{run_id:str}}/cancel",
    spec=Spec(
        scope="run",
        body=CancelWrite,
        body_optional=True,
        answers={202: Asked},
        refuses=(404, 409, 413, 415, 422),
        keyed=True,
    ),
)
async def cancel_run(request: AnyRequest, run_id: Id) -> Answer:
    """Cancel a run. One that has not started ends at once; a running one is asked to stop."""
    parts = dependencies_of(request)
    read_query(request, NoQuery)
    body = await read_json(request, optional=True)
    caller = caller_of(request, body)
    with asked(caller, "cancel run"):
        flaws: list[Flaw] = []
        read_struct(CancelWrite, body, flaws)
        refuse(flaws)
        replayed = await cancel_one(parts, caller, run_id, caller.command)
        return told_run(RunId(run_id), replayed=replayed)


async def _wish(parts: Dependencies, caller: Caller, stored: StoredJob, body: Any, notes: list[Note]) -> Request:
    """The run that a trigger asks for.

    Raises:
        Invalid: names every flaw.
        BeyondRun: it takes the scope `edit`.
    """
    flaws: list[Flaw] = []
    write = read_struct(TriggerWrite, body, flaws)
    definition = stored.definition
    queue = write.queue or definition.queue
    if write.params is not None:
        check_params_size(write.params, flaws, at="params")
    check_queue(queue, (known.name for known in parts.log.queues), flaws)
    ready_at = await ready_at_of(parts, stored.job_id, write, flaws)
    if not flaws:
        params = definition.invoke_params if write.params is None else write.params
        await hold(parts, caller, AskedOf(definition.invoke_target, params, queue), asked_by(definition))
    if write.params is not None:
        await _check_params(parts, caller, definition, write.params, flaws, notes, queue=queue)
    refuse(flaws)
    return _request(caller, stored, write, queue=queue, ready_at=ready_at)


async def _check_params(
    parts: Dependencies,
    caller: Caller,
    definition: Definition,
    params: dict[str, Any],
    flaws: list[Flaw],
    notes: list[Note],
    *,
    queue: str,
) -> None:
    """Whether the job's executor takes parameters that replace the job's, and may go where they say."""
    target, before = definition.invoke_target, definition.invoke_params
    known = await parts.registry.known(target, patient=False)
    spec, beside = (known or {}).get(target), partial(parts.offload.run, caller.who)
    await check_params(spec, params, flaws, notes, at="params", beside=beside, before=before)
    check_places(parts.registry, target, params, flaws, queue=queue, at="params", before=before)


def _request(caller: Caller, stored: StoredJob, write: TriggerWrite, *, queue: str, ready_at: int) -> Request:
    definition = stored.definition
    run_id = requested_run(stored.job_id, caller.command.id)
    event = RunRequested(
        run_id=run_id,
        job_id=stored.job_id,
        job_name=definition.job_name,
        job_group=definition.job_group,
        version=stored.version,
        trigger="manual",
        ready_at=stamp(ready_at) if ready_at else None,
        invoke_target=definition.invoke_target,
        params=definition.invoke_params if write.params is None else write.params,
        queue=queue,
        timeout=definition.timeout,
        retry=definition.retry,
        labels=definition.labels,
        reason=write.reason,
        actor=caller.actor,
        command_id=caller.command.id,
        traceparent=traces.inject() or caller.traceparent,
        tracestate=caller.tracestate,
    )
    overlap: Overlap = "allow" if definition.concurrent == "0" else write.overlap_policy or definition.overlap
    return Request(
        run_id=run_id, job_id=stored.job_id, queue=queue, overlap=overlap, ready_at=ready_at, body=body_of(event)
    )


async def _notes(parts: Dependencies, stored: StoredJob, body: Any) -> tuple[Note, ...]:
    target, params = stored.definition.invoke_target, body.get("params")
    queue = body.get("queue") or stored.definition.queue
    if params is None:
        found = parts.notes.of(stored)
    else:
        found = notes_of(parts.registry, target, params, queue=queue, at="params")
    return (*await executor_notes(parts, stored.job_id, target, queue), *of_overlap(stored.definition), *found)


async def _notes_again(parts: Dependencies, job_id: str, body: Any) -> tuple[Note, ...]:
    """The notes of a trigger that was answered before; none where its job is gone."""
    try:
        stored = await parts.memory.job(job_id)
    except NotFound:
        return ()
    return await _notes(parts, stored, body)


HANDLERS = (trigger_job, list_runs, get_run, stream_run, cancel_run)
