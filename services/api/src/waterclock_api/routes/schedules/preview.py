"""Routes of schedules: what an expression names."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import msgspec
from litestar import post
from msgspec import UNSET

from waterclock.model.cron.parse import is_seeded, names_zone
from waterclock.model.cron.schedule import (
    BadSchedule,
    Schedule,
    check_letters,
    described,
    local_time,
    shift_note,
)
from waterclock.model.definition import Definition
from waterclock.model.errors import Flaw, pointer_to
from waterclock.model.ids import JobId
from waterclock.model.instants.timetable import named_by
from waterclock.model.timestamps import millis, stamp
from waterclock_api.access.principal import caller_id
from waterclock_api.dependencies import dependencies_of
from waterclock_api.http.request_body import read_json, read_struct, refuse
from waterclock_api.http.request_query import NoQuery, read_query
from waterclock_api.http.response import Answer, answer
from waterclock_api.http.route import AnyRequest, Spec
from waterclock_api.schemas.requests import PreviewWrite
from waterclock_api.schemas.responses import Preview, PreviewItem
from waterclock_api.validation.values import instant


@post(
    "/v1/monitor/schedules/preview",
    spec=Spec(scope="query", body=PreviewWrite, answers={200: Preview}, refuses=(413, 415, 422)),
    status_code=200,
)
async def preview_schedule(request: AnyRequest) -> Answer:
    """Show what a cron expression means, and its next scheduled times."""
    parts = dependencies_of(request)
    read_query(request, NoQuery)
    flaws: list[Flaw] = []
    write = read_struct(PreviewWrite, await read_json(request), flaws, stand_ins={"cron_expression": "@daily"})
    if write.timezone is UNSET:
        zone = "UTC" if parts.zone is None or names_zone(write.cron_expression) else parts.zone
        write = msgspec.structs.replace(write, timezone=zone)
    written = instant("from", write.from_, flaws)
    after = parts.now_ms() if written is None else millis(written)
    preview = await parts.offload.run(caller_id(request.scope), _preview, write, after, flaws)
    refuse(flaws)
    return answer(preview)


def _preview(write: PreviewWrite, after: int, flaws: list[Flaw]) -> Preview | None:
    assert write.timezone is not UNSET
    job_id = JobId(write.job_id or "")
    definition = Definition(
        job_name="",
        invoke_target="",
        cron_expression=write.cron_expression,
        timezone=write.timezone,
        cron_dialect=write.cron_dialect,
        dst_gap=write.dst_gap,
        dst_fold=write.dst_fold,
    )
    try:
        check_letters(write.cron_expression)
        named = named_by(job_id, definition)
    except BadSchedule as error:
        flaws.append(Flaw(pointer_to(error.field), error.message))
        return None
    schedule = named.schedule
    assert schedule is not None
    instants = list(islice(named.following(after), write.count))
    generous = named_by(job_id, msgspec.structs.replace(definition, dst_gap="shift", dst_fold="both"))
    left_out = [] if not instants else sorted({*generous.between(after, instants[-1])}.difference(instants))
    return Preview(
        words=described(schedule),
        dialect=schedule.dialect,
        timezone=schedule.timezone,
        items=[_item(schedule, one) for one in instants],
        left_out=[_item(schedule, one) for one in left_out],
        notes=list(_notes(write, len(instants))),
    )


def _item(schedule: Schedule, at: int) -> PreviewItem:
    return PreviewItem(at=stamp(at), local=local_time(schedule, at), note=shift_note(schedule, at))


def _notes(write: PreviewWrite, found: int) -> Iterator[str]:
    if write.job_id is None and is_seeded(write.cron_expression):
        yield (
            "H and the phase of @every depend on the job's id: these times are an example; give jobId for those of "
            "a job."
        )
    if not found:
        yield "It has no scheduled time after from: a job with it is refused."
    elif found < write.count:
        yield "It has no further scheduled times."


HANDLERS = (preview_schedule,)
