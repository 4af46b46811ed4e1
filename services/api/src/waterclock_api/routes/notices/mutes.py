"""Routes of mutes: notices that are not sent for a while."""

from __future__ import annotations

import psycopg
from litestar import delete, get, post

from waterclock.log.tail import tail_of
from waterclock.model.errors import Flaw, NotFound
from waterclock.model.events import NoticesMuted
from waterclock.model.ids import ID_PATTERN, JobId, MuteId, partition_of_mute
from waterclock_api.access.credentials import Forbidden
from waterclock_api.access.principal import principal_of
from waterclock_api.commands import mute_notices
from waterclock_api.commands.idempotency import REPLAYED
from waterclock_api.dependencies import Dependencies, dependencies_of
from waterclock_api.http.caller import Caller, caller_of
from waterclock_api.http.problems import ReadTooSlow
from waterclock_api.http.request_body import read_json, read_struct, refuse
from waterclock_api.http.request_query import NoQuery, read_query
from waterclock_api.http.response import Answer, answer, nothing
from waterclock_api.http.route import AnyRequest, Id, Spec
from waterclock_api.live.history import entry_at
from waterclock_api.queries import mutes
from waterclock_api.queries.lookup import CATCH_UP
from waterclock_api.queries.mutes import mute_of
from waterclock_api.queries.pages import room_for
from waterclock_api.queries.slow_reads import listing
from waterclock_api.queries.sources import COMMAND, ONE
from waterclock_api.schemas.mutes import Mute, Mutes, MutesQuery, MuteWrite, UnmuteQuery
from waterclock_api.telemetry.tracing import asked
from waterclock_api.validation.mutes import wanted_by

PATH = "/v1/monitor/notices/mutes"


@get(PATH, spec=Spec(scope="list", query=MutesQuery, answers={200: Mutes}))
async def list_mutes(request: AnyRequest) -> Answer:
    """List the mutes that are in force, or all."""
    parts = dependencies_of(request)
    query = read_query(request, MutesQuery)
    hold = await room_for(request)
    async with parts.reading(listing(request)) as connection:
        return answer(await mutes.mutes(connection, query, parts.now_ms(), hold), hold=hold)


@post(
    PATH,
    spec=Spec(
        scope="changeStatus",
        body=MuteWrite,
        answers={201: Mute, 202: Mute},
        refuses=(409, 413, 415, 422),
        command=True,
        keyed=True,
    ),
)
async def create_mute(request: AnyRequest) -> Answer:
    """Mute notices of a job, of a group, of all jobs with a label, or all.

    They are judged and recorded, and not sent. A mute holds for whatever is sent after 201 has been answered; after 202
    it holds as soon as its `position` is archived. Who was told of a failure is told of its end all the same. To mute
    everything takes the scope `admin`.
    """
    parts = dependencies_of(request)
    read_query(request, NoQuery)
    body = await read_json(request)
    caller = caller_of(request, body)
    with asked(caller, "mute notices"):
        flaws: list[Flaw] = []
        write = read_struct(MuteWrite, body, flaws, stand_ins={"reason": "-"})
        wanted = wanted_by(write, flaws)
        refuse(flaws)
        _check_scope(request, everything=wanted.everything)
        done = await mute_notices.mute(parts, caller, wanted)
        return await _muted(parts, caller, done)


@delete(
    f"{PATH}/{{mute_id:str}}",
    spec=Spec(
        scope="changeStatus", query=UnmuteQuery, answers={204: None, 202: None}, refuses=(404, 409), command=True
    ),
    status_code=200,  # the answer has its own; with 204 litestar forbids that a handler returns one
)
async def end_mute(request: AnyRequest, mute_id: Id) -> Answer:
    """End a mute before its time. What it has kept back is sent only if it still lasts.

    One that is over already stays as it is. To end a mute of everything takes the scope `admin`.
    """
    parts = dependencies_of(request)
    query = read_query(request, UnmuteQuery)
    caller = caller_of(request)
    with asked(caller, "unmute notices"):
        known = await _mute_or_refuse(parts, mute_id)
        _check_scope(request, everything=known.all_)
        if not known.in_force:
            return nothing(headers=caller.patience.headers)
        job_id = None if known.job_id is None else JobId(known.job_id)
        position = await mute_notices.unmute(parts, caller, MuteId(mute_id), job_id, query.reason)
        async with parts.reading_after(position, caller.patience.wait) as connection:
            return nothing(status=202 if connection is None else 204, headers=caller.patience.headers)


def _check_scope(request: AnyRequest, *, everything: bool) -> None:
    """
    Raises:
        Forbidden: everything is muted by administrators only.
    """
    principal = principal_of(request.scope)
    if everything and not principal.may("admin"):
        raise Forbidden(principal, "admin")


async def _muted(parts: Dependencies, caller: Caller, done: mute_notices.Muted) -> Answer:
    """The mute as the read models show it; 202 with what its event says, if they are late."""
    headers = caller.patience.headers | (REPLAYED if done.replayed else {})
    async with parts.reading_after(done.position, caller.patience.wait) as connection:
        if connection is not None:
            try:
                found = await mutes.mute(connection, done.mute_id, parts.now_ms())
            except psycopg.OperationalError:  # appended it is; the read models went away just now
                found = None
            if found is not None:
                return answer(found, status=201, headers=headers)
    entry = await entry_at(parts, done.position, COMMAND)
    if entry is None or not isinstance(entry.event, NoticesMuted):
        raise NotFound("event", str(done.position))
    return answer(mute_of(entry.event, done.position, entry.at, parts.now_ms()), status=202, headers=headers)


async def _mute_or_refuse(parts: Dependencies, mute_id: str) -> Mute:
    """
    Raises:
        NotFound: no such mute.
    """
    if ID_PATTERN.fullmatch(mute_id) is None:
        raise NotFound("mute", mute_id)
    async with parts.reading() as connection:
        found = await mutes.mute(connection, mute_id, parts.now_ms())
    if found is None and (end := await tail_of(parts.log, partition_of_mute(MuteId(mute_id), parts.log.partitions))):
        async with parts.reading_after(end, CATCH_UP, ONE) as connection:
            if connection is None:
                raise ReadTooSlow("The read models are behind: try again later.")
            found = await mutes.mute(connection, mute_id, parts.now_ms())
    if found is None:
        raise NotFound("mute", mute_id)
    return found


HANDLERS = (list_mutes, create_mute, end_mute)
