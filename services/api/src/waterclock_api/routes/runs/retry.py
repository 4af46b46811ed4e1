"""Routes that run ended runs again, as new runs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from litestar import post

from waterclock.kit.telemetry import traces
from waterclock.kit.telemetry.propagation import Given
from waterclock.log.commands.bodies import body_of
from waterclock.log.commands.idempotency import Command
from waterclock.log.commands.jobs import StoredJob, load_job
from waterclock.log.commands.requests import Request
from waterclock.log.commands.runs import EndedRun, LiveRun, find_run
from waterclock.model.definition import Definition, Overlap
from waterclock.model.errors import Flaw, JobGone, NotFound, RunUnfinished, TryLater
from waterclock.model.events import RunRequested
from waterclock.model.ids import ID_PATTERN, JobId, RunId, retried_run
from waterclock.model.outcomes import ENDED
from waterclock.model.positions import Position
from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement
from waterclock.wire.envelope import decode_document
from waterclock_api.access.credentials import BeyondRun
from waterclock_api.commands.idempotency import earlier_or_refuse
from waterclock_api.commands.outage_retry import PATIENCE
from waterclock_api.commands.request_run import (
    PATH,
    Outcome,
    executor_notes,
    request_alone,
    request_of_job,
    told_run,
)
from waterclock_api.commands.run_scope import asked_again, asked_by, hold, hold_without_job
from waterclock_api.dependencies import Dependencies, dependencies_of
from waterclock_api.http.caller import Caller, caller_of
from waterclock_api.http.request_body import read_json, read_struct, refuse
from waterclock_api.http.request_query import NoQuery, read_query
from waterclock_api.http.response import Answer
from waterclock_api.http.route import AnyRequest, Id, Spec
from waterclock_api.queries.lookup import run_or_refuse
from waterclock_api.queries.read_models import PACKAGE
from waterclock_api.queries.sources import COMMAND
from waterclock_api.schemas.requests import AgainWrite
from waterclock_api.schemas.responses import Asked, Note
from waterclock_api.telemetry.tracing import asked
from waterclock_api.validation.notes import of_overlap
from waterclock_api.validation.values import check_queue


class Original(NamedTuple):
    """An ended run: how it was requested, and the event that ended it."""

    request: RunRequested
    ended: Position


@post(
    f"{PATH}/{{run_id:str}}/retry",
    spec=Spec(
        scope="run",
        body=AgainWrite,
        body_optional=True,
        answers={202: Asked},
        refuses=(404, 409, 413, 415, 422),
        keyed=True,
    ),
)
async def retry_run(request: AnyRequest, run_id: Id) -> Answer:
    """Retry an ended run: a new run with the same parameters."""
    parts = dependencies_of(request)
    read_query(request, NoQuery)
    body = await read_json(request, optional=True)
    caller = caller_of(request, body)
    with asked(caller, "retry run"):
        if ID_PATTERN.fullmatch(run_id) is None:
            raise NotFound("run", run_id)
        again = retried_run(run_id, caller.command.id)
        if await earlier_or_refuse(parts, caller, run_id) is not None:
            return told_run(again, replayed=True)
        flaws: list[Flaw] = []
        write = read_struct(AgainWrite, body, flaws)
        if write.queue is not None:
            check_queue(write.queue, (queue.name for queue in parts.log.queues), flaws)
        refuse(flaws)
        await _until_readable(parts, run_id)
        async with parts.reading(COMMAND) as connection:
            originals = await originals_of(connection, [run_id])
        if run_id not in originals:
            raise TryLater("The end of the run is not in the archive yet.")
        original = originals[run_id]
        if original.request.traceparent is not None and traces.tracing():
            traces.link(original.request.traceparent)
        trace = Given(traces.inject() or caller.traceparent, caller.tracestate)
        done = await request_again(parts, caller, original, again, caller.command, write, trace=trace)
        queue = write.queue or original.request.queue
        lacked = await executor_notes(parts, again, original.request.invoke_target, queue)
        notes = (*lacked, *await _notes(parts, original.request.job_id))
        return told_run(done.run_id, replayed=done.replayed, notes=notes)


async def _notes(parts: Dependencies, job_id: JobId | None) -> tuple[Note, ...]:
    """What a retry does to the job's own runs; nothing where there is none, or it is gone by now."""
    if job_id is None:
        return ()
    try:
        return of_overlap((await parts.memory.job(job_id)).definition)
    except NotFound:
        return ()


async def originals_of(connection: Connection, run_ids: Iterable[str]) -> dict[str, Original]:
    """Those of the runs whose end is archived, by id, and whose request can be read."""
    cursor = await connection.execute(statement("requests", PACKAGE), {"run_ids": list(run_ids)})
    found: dict[str, Original] = {}
    for run_id, document, *place in await cursor.fetchall():
        event = decode_document(document)
        if isinstance(event, RunRequested):
            found[run_id] = Original(event, Position(*place))
    return found


async def request_again(
    parts: Dependencies,
    caller: Caller,
    original: Original,
    run_id: RunId,
    command: Command,
    write: AgainWrite,
    *,
    trace: Given,
) -> Outcome:
    """Request an ended run again under that id, by that command, in that trace.

    Raises:
        JobGone: its job was deleted.
        RunBlocked: its job may not overlap.
        BeyondRun: it asked for more than its job does by now, and the caller may only run.
    """
    job_id = original.request.job_id
    event = _request(caller, original, run_id, command, write, trace)
    asked = asked_again(event)
    if job_id is None:
        await hold(parts, caller, asked, None)
        return await request_alone(parts, command, _wanted(event, "allow"))

    async def wish(job: StoredJob) -> Request:
        await hold(parts, caller, asked, asked_by(job.definition))
        return _wanted(event, _overlap(job.definition, write))

    try:
        return await request_of_job(parts, command, job_id, wish)
    except NotFound as error:
        await hold_without_job(parts, caller, asked, job_id)
        raise JobGone(job_id) from error


async def why_not(parts: Dependencies, caller: Caller, original: Original) -> str | None:
    """Why the caller may not have an ended run again, as far as that is a matter of scopes; None: it may."""
    asked, job_id = asked_again(original.request), original.request.job_id
    try:
        if job_id is None:
            await hold(parts, caller, asked, None)
        elif (job := await load_job(parts.log, job_id)) is not None:
            await hold(parts, caller, asked, asked_by(job.definition))
        else:
            await hold_without_job(parts, caller, asked, job_id)
    except BeyondRun as refusal:
        return str(refusal)
    return None


async def _until_readable(parts: Dependencies, run_id: str) -> None:
    """Wait for the read models to know that the run has ended.

    Raises:
        NotFound: no such run.
        RunUnfinished: it has not.
        TryLater: they are too far behind.
    """
    match await find_run(parts.log, run_id):
        case LiveRun(record=record):
            raise RunUnfinished(record.state)
        case EndedRun(position=position):
            async with parts.reading_after(position, PATIENCE) as connection:
                if connection is None:
                    raise TryLater("The end of the run is not in the archive yet.")
        case None:
            run = await run_or_refuse(parts, run_id)
            if run.status not in ENDED:
                raise TryLater("The end of the run is not in the archive yet.")


def _request(
    caller: Caller, original: Original, run_id: RunId, command: Command, write: AgainWrite, trace: Given
) -> RunRequested:
    """What was requested, again; what the decision about its instant said is left out, for nothing is decided here."""
    first = original.request
    return RunRequested(
        run_id=run_id,
        job_id=first.job_id,
        job_name=first.job_name,
        job_group=first.job_group,
        version=first.version,
        trigger="retry",
        nominal_at=first.nominal_at,
        invoke_target=first.invoke_target,
        params=first.params,
        queue=write.queue or first.queue,
        timeout=first.timeout,
        retry=first.retry,
        labels=first.labels,
        reason=write.reason,
        retry_of=first.run_id,
        cause=str(original.ended),
        actor=caller.actor,
        command_id=command.id,
        traceparent=trace.traceparent,
        tracestate=trace.tracestate,
    )


def _wanted(event: RunRequested, overlap: Overlap) -> Request:
    return Request(run_id=event.run_id, job_id=event.job_id, queue=event.queue, overlap=overlap, body=body_of(event))


def _overlap(definition: Definition, write: AgainWrite) -> Overlap:
    return "allow" if definition.concurrent == "0" else write.overlap_policy or definition.overlap


HANDLERS = (retry_run,)
