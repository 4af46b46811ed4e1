"""Routes of schedules: what an expression names."""

from __future__ import annotations

from litestar import post

from waterclock.model.cron import BadSchedule, describe, local_time, parse, shift_note
from waterclock.model.errors import Flaw
from waterclock.model.instants import stamp
from waterclock_api.answers import Answer, answer
from waterclock_api.dto import PreviewWrite
from waterclock_api.intake import NoQuery, pointer_to, read_json, read_query, read_struct, refuse
from waterclock_api.moments import moment_ms
from waterclock_api.parts import parts_of
from waterclock_api.shapes import Preview, PreviewItem
from waterclock_api.spec import AnyRequest, Spec


@post(
    "/v1/monitor/schedules/preview",
    spec=Spec(body=PreviewWrite, answers={200: Preview}, refuses=(413, 415, 422)),
)
async def preview_schedule(request: AnyRequest) -> Answer:
    """Say in words what an expression means, and name its next instants."""
    parts = parts_of(request)
    read_query(request, NoQuery)
    flaws: list[Flaw] = []
    write = read_struct(PreviewWrite, await read_json(request), flaws, stand_ins={"cron_expression": "@daily"})
    after = _from(write.from_, parts.clock.now_ms(), flaws)
    preview = _preview(write, after, flaws)
    refuse(flaws)
    return answer(preview)


def _preview(write: PreviewWrite, after: int, flaws: list[Flaw]) -> Preview | None:
    expression, timezone, dialect = write.cron_expression, write.timezone, write.cron_dialect
    try:
        schedule = parse(expression, timezone=timezone, dialect=dialect, gap=write.dst_gap, fold=write.dst_fold)
        words = describe(expression, timezone=timezone, dialect=dialect)
    except BadSchedule as error:
        flaws.append(Flaw(pointer_to(error.field), error.message))
        return None
    items: list[PreviewItem] = []
    while len(items) < write.count and (instant := schedule.after(after)) is not None:
        local, note = local_time(schedule, instant), shift_note(schedule, instant)
        items.append(PreviewItem(at=stamp(instant), local=local, note=note))
        after = instant
    return Preview(words=words, dialect=schedule.dialect, items=items)


def _from(written: str | None, now: int, flaws: list[Flaw]) -> int:
    if written is None:
        return now
    try:
        return moment_ms(written)
    except ValueError as error:
        flaws.append(Flaw("/from", str(error)))
        return now


HANDLERS = (preview_schedule,)
