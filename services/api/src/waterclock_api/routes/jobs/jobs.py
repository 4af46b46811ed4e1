"""Routes of jobs.

It is long: the routes of one resource.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import psycopg
from litestar import delete, get, post, put

from waterclock.log.batches import in_turns
from waterclock.log.commands.idempotency import Answer as Earlier
from waterclock.log.commands.jobs import StoredJob
from waterclock.log.tail import tail_of
from waterclock.model.errors import Flaw, NameTaken, NotFound
from waterclock.model.events import JobCreated
from waterclock.model.ids import JobId, created_job
from waterclock.model.job import ClearLogs, Delete, Replace, SetStatus
from waterclock.model.positions import Position
from waterclock.model.timestamps import millis, stamp
from waterclock.model.words import STATUS, coded
from waterclock.store.connection.pool import Connection
from waterclock_api.commands import edit_job
from waterclock_api.commands.definition import definition_in
from waterclock_api.commands.idempotency import REPLAYED, earlier_or_refuse
from waterclock_api.dependencies import Dependencies, dependencies_of
from waterclock_api.http.caller import Caller, caller_of
from waterclock_api.http.problems import ReadTooSlow
from waterclock_api.http.request_body import read_json, read_struct, refuse
from waterclock_api.http.request_query import NoQuery, read_query
from waterclock_api.http.response import Answer, answer, nothing
from waterclock_api.http.route import AnyRequest, Id, Spec
from waterclock_api.live.history import entry_at, job_subject
from waterclock_api.live.resume import resumed_at
from waterclock_api.live.stream import EventStream
from waterclock_api.queries import read_models
from waterclock_api.queries.as_of import job_then
from waterclock_api.queries.executor_waits import with_last_waits, with_waits
from waterclock_api.queries.lookup import job_or_refuse
from waterclock_api.queries.notices.promises import with_standing
from waterclock_api.queries.pages import room_for
from waterclock_api.queries.read_models import query_moment
from waterclock_api.queries.rows import job_of_log, next_fires
from waterclock_api.queries.slow_reads import listing, listing_jobs, until_left
from waterclock_api.queries.sources import COMMAND, ONE
from waterclock_api.schemas.requests import (
    DeleteQuery,
    JobQuery,
    JobsQuery,
    JobWrite,
    ReplaceQuery,
    RunsQuery,
    StatusWrite,
    StreamQuery,
    WriteQuery,
)
from waterclock_api.schemas.responses import Detail, Job, Jobs, Note
from waterclock_api.telemetry.tracing import asked
from waterclock_api.validation.notes import completed

PATH = "/v1/monitor/jobs"
DETAIL_FIRES, DETAIL_RUNS, DETAIL_LINES = 10, 20, 200


@get(PATH, spec=Spec(scope="list", query=JobsQuery, answers={200: Jobs}))
async def list_jobs(request: AnyRequest) -> Answer:
    """List jobs."""
    query = read_query(request, JobsQuery)
    return await until_left(request, _jobs(request, query))


async def _jobs(request: AnyRequest, query: JobsQuery) -> Answer:
    parts = dependencies_of(request)
    hold = await room_for(request)
    of = listing_jobs(request, query)
    async with parts.reading(of) as connection:
        page = await read_models.jobs(connection, query, parts.now_ms(), hold)
    items = await in_turns(await with_last_waits(parts, of, page.items), partial(completed, parts.registry))
    return answer(Jobs(items=items, next_cursor=page.next_cursor, default_timezone=parts.zone), hold=hold)


@post(
    PATH,
    spec=Spec(
        scope="add",
        body=JobWrite,
        query=WriteQuery,
        answers={201: Job, 202: Job},
        refuses=(409, 413, 415, 422),
        command=True,
        keyed=True,
    ),
)
async def create_job(request: AnyRequest) -> Answer:
    """Create a job."""
    parts = dependencies_of(request)
    query = read_query(request, WriteQuery)
    body = await read_json(request)
    caller = caller_of(request, body)
    with asked(caller, "create job"):
        job_id = created_job(caller.command.id)
        given = await earlier_or_refuse(parts, caller, job_id)
        if given is not None:
            return await _created_before(parts, job_id, given, body)
        notes: list[Note] = []
        definition = await definition_in(
            parts, body, job_id, notes, who=caller.who, allow_unknown=query.allow_unknown_executor
        )
        change = await edit_job.create(parts, caller, job_id, definition)
        if change.replayed and (given := await earlier_or_refuse(parts, caller, job_id)) is not None:
            return await _created_before(parts, job_id, given, body)
        return await _changed(parts, caller, change, notes, status=201, fresh=True)


@get(f"{PATH}/{{job_id:str}}", spec=Spec(scope="query", query=JobQuery, answers={200: Job}, refuses=(404, 410)))
async def get_job(request: AnyRequest, job_id: Id) -> Answer:
    """Get a job, as it is or as it was at a time."""
    parts = dependencies_of(request)
    then = query_moment("asOf", read_query(request, JobQuery).as_of)
    if then is not None:
        return await until_left(request, _job_then(request, job_id, then))
    job = await _job_known(parts, job_id)
    return answer(job, headers=_etag(job.version))


async def _job_known(parts: Dependencies, job_id: str) -> Job:
    """With how its promise is kept."""
    [job] = await with_last_waits(parts, ONE, [completed(parts.registry, await job_or_refuse(parts, job_id))])
    if job.promise is None:
        return job
    async with parts.reading(ONE) as connection:
        return await with_standing(connection, job, parts.now_ms())


async def _job_then(request: AnyRequest, job_id: str, then: int) -> Answer:
    of = listing(request)._replace(lane="searches", cheaper="Use a later `asOf`.")
    parts = dependencies_of(request)
    return answer(completed(parts.registry, await job_then(parts, of, job_id, then)))


@put(
    f"{PATH}/{{job_id:str}}",
    spec=Spec(
        scope="edit",
        body=JobWrite,
        query=ReplaceQuery,
        answers={200: Job, 202: Job},
        refuses=(404, 409, 412, 413, 415, 422),
        if_match=True,
        command=True,
    ),
)
async def replace_job(request: AnyRequest, job_id: Id) -> Answer:
    """Replace the definition of a job. Members that you leave out take their defaults."""
    parts = dependencies_of(request)
    query = read_query(request, ReplaceQuery)
    body = await read_json(request)
    caller = caller_of(request)
    with asked(caller, "replace job"):
        known = await edit_job.load(parts, job_id)
        notes: list[Note] = []
        allowed = query.allow_unknown_executor
        definition = await definition_in(
            parts, body, known.job_id, notes, who=caller.who, allow_unknown=allowed, before=known.definition
        )
        change = await edit_job.edit(parts, caller, job_id, Replace(definition=definition, reason=query.reason))
        return await _changed(parts, caller, change, notes)


@delete(
    f"{PATH}/{{job_id:str}}",
    spec=Spec(
        scope="remove",
        query=DeleteQuery,
        answers={204: None, 202: None},
        refuses=(404, 412),
        if_match=True,
        command=True,
    ),
    status_code=200,  # the answer has its own; with 204 litestar forbids that a handler returns one
)
async def delete_job(request: AnyRequest, job_id: Id) -> Answer:
    """Delete a job. Its runs and history stay readable; a running attempt continues to its end."""
    parts = dependencies_of(request)
    query = read_query(request, DeleteQuery)
    caller = caller_of(request)
    with asked(caller, "delete job"):
        change = await edit_job.edit(parts, caller, job_id, Delete(reason=query.reason))
        return await _done(parts, caller, job_id, change)


@get(f"{PATH}/{{job_id:str}}/detail", spec=Spec(scope="query", answers={200: Detail}, refuses=(404,)))
async def get_detail(request: AnyRequest, job_id: Id) -> Answer:
    """Get a job with its next scheduled times, last runs and last log lines."""
    read_query(request, NoQuery)
    return await until_left(request, _detail(request, job_id))


async def _detail(request: AnyRequest, job_id: str) -> Answer:
    parts = dependencies_of(request)
    now = parts.now_ms()
    job = await _job_known(parts, job_id)
    hold = await room_for(request)
    async with parts.reading(listing(request)) as connection:
        runs = await read_models.runs(connection, RunsQuery(job_id=(job_id,), limit=DETAIL_RUNS), now, hold)
        lines = await read_models.job_lines(connection, job_id, DETAIL_LINES)
    waiting = await with_waits(parts, listing(request), runs.items)
    since = now if job.next_fire_at is None else millis(job.next_fire_at) - 1
    fires = next_fires(job_id, job, since, DETAIL_FIRES)
    detail = Detail(job=job, next_fires=fires, runs=waiting, logs=lines)
    return answer(detail, headers=_etag(job.version), hold=hold)


@put(
    f"{PATH}/{{job_id:str}}/status",
    spec=Spec(
        scope="changeStatus",
        body=StatusWrite,
        answers={200: Job, 202: Job},
        refuses=(404, 412, 413, 415, 422),
        if_match=True,
        command=True,
    ),
)
async def set_status(request: AnyRequest, job_id: Id) -> Answer:
    """Enable or disable a job."""
    parts = dependencies_of(request)
    read_query(request, NoQuery)
    body = await read_json(request)
    caller = caller_of(request)
    with asked(caller, "set status"):
        flaws: list[Flaw] = []
        write = read_struct(StatusWrite, body, flaws, stand_ins={"status": "0"})
        refuse(flaws)
        command = SetStatus(status=coded(STATUS, write.status), reason=write.reason)
        change = await edit_job.edit(parts, caller, job_id, command)
        return await _changed(parts, caller, change)


@delete(
    f"{PATH}/{{job_id:str}}/logs",
    spec=Spec(scope="remove", answers={204: None, 202: None}, refuses=(404,), command=True),
    status_code=200,  # the answer has its own; with 204 litestar forbids that a handler returns one
)
async def clear_logs(request: AnyRequest, job_id: Id) -> Answer:
    """Delete the log lines of a job's runs permanently. Runs and steps stay."""
    parts = dependencies_of(request)
    read_query(request, NoQuery)
    caller = caller_of(request)
    with asked(caller, "clear logs"):
        change = await edit_job.edit(parts, caller, job_id, ClearLogs())
        return await _done(parts, caller, job_id, change)


@get(
    f"{PATH}/{{job_id:str}}/logs/stream",
    spec=Spec(scope="query", query=StreamQuery, answers={200: "events"}, refuses=(404,)),
)
async def stream_job(request: AnyRequest, job_id: Id) -> EventStream:
    """Stream the events of a job, from the start of its unfinished run or from now. It does not end."""
    parts = dependencies_of(request)
    partition = parts.log.partition_of(job_id)
    resumed, after = resumed_at(request, partition, there_are=parts.log.partitions, restored=parts.log.restored)
    await job_or_refuse(parts, job_id)
    return EventStream(
        parts, parts.hub, parts.outages, (job_subject(job_id, partition),), {partition: after} if resumed else None
    )


async def _changed(
    parts: Dependencies,
    caller: Caller,
    change: edit_job.Change,
    notes: Sequence[Note] = (),
    *,
    status: int = 200,
    fresh: bool = False,
) -> Answer:
    """The job as the read models show it after the change; 202 with what its partition holds, if they are late."""
    stored = change.job
    assert stored is not None
    location = {"Location": f"{PATH}/{stored.job_id}"}
    now = parts.now_ms()
    position = change.position or await tail_of(parts.log, parts.log.partition_of(stored.job_id))
    job = None
    if position is not None:
        async with parts.reading_after(position, caller.patience.wait) as connection:
            job = await _read(connection, stored, now)
    if job is not None:
        job = await _with_last_wait(parts, completed(parts.registry, job, notes))
        headers = (location if status == 201 else {}) | caller.patience.headers
        return answer(job, status=status, headers=headers | _etag(job.version))
    job = completed(parts.registry, job_of_log(stored, now, fresh=fresh), notes)
    return answer(job, status=202, headers=location | caller.patience.headers | _etag(job.version))


async def _read(connection: Connection | None, stored: StoredJob, now: int) -> Job | None:
    if connection is None:
        return None
    try:
        job = await read_models.job(connection, stored.job_id, now)
        return job if job is None else await with_standing(connection, job, now)
    except psycopg.OperationalError:  # appended it is; the read models went away just now
        return None


async def _with_last_wait(parts: Dependencies, job: Job) -> Job:
    """As `with_last_waits`, where the read models answer: what was appended is not refused for this."""
    try:
        [job] = await with_last_waits(parts, COMMAND, [job])
    except (psycopg.OperationalError, ReadTooSlow):
        return job
    return job


async def _done(parts: Dependencies, caller: Caller, job_id: str, change: edit_job.Change) -> Answer:
    assert change.position is not None
    headers = caller.patience.headers
    async with parts.reading_after(change.position, caller.patience.wait) as connection:
        if connection is not None:
            return nothing(headers=headers)
    return nothing(status=202, headers={"Location": f"{PATH}/{job_id}"} | headers)


async def _created_before(parts: Dependencies, job_id: JobId, given: Earlier, body: Any) -> Answer:
    """The first answer again: the job as it was created."""
    if given.burnt or given.position is None:
        raise NameTaken(body.get("jobGroup", "DEFAULT"), body.get("jobName"))
    event, at = await _creation(parts, given.position)
    stored = StoredJob(
        job_id=job_id, version=1, definition=event.definition, created_at=stamp(at), updated_at=stamp(at)
    )
    headers = {"Location": f"{PATH}/{job_id}"} | REPLAYED | _etag(1)
    job = completed(parts.registry, job_of_log(stored, parts.now_ms(), fresh=True))
    return answer(job, status=201, headers=headers)


async def _creation(parts: Dependencies, position: Position) -> tuple[JobCreated, int]:
    entry = await entry_at(parts, position, COMMAND)
    if entry is None or not isinstance(entry.event, JobCreated):
        raise NotFound("event", str(position))
    return entry.event, entry.at


def _etag(version: int) -> dict[str, str]:
    return {"ETag": f'"{version}"'}


HANDLERS = (
    list_jobs,
    create_job,
    get_job,
    replace_job,
    delete_job,
    get_detail,
    set_status,
    clear_logs,
    stream_job,
)
