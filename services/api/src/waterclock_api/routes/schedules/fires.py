"""The route of what comes next: scheduled times of all jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, NamedTuple

import msgspec
from litestar import get

from waterclock.kit.text.members import said
from waterclock.model.cron.schedule import shift_note
from waterclock.model.durations import LATEST, query_moment_ms
from waterclock.model.errors import Flaw, Invalid
from waterclock.model.instants.timetable import Timetable
from waterclock.model.instants.upcoming import TooMany, Upcoming, count_all, counted, first_of
from waterclock.model.timestamps import stamp
from waterclock_api.dependencies import dependencies_of
from waterclock_api.http.request_body import refuse
from waterclock_api.http.request_query import read_query
from waterclock_api.http.response import Answer, answer
from waterclock_api.http.route import AnyRequest, Spec
from waterclock_api.queries.cursors import cursor_of, read_cursor
from waterclock_api.queries.overview.jobs_index import Entry
from waterclock_api.queries.slow_reads import listing, until_left
from waterclock_api.schemas.overview import FireItem, Fires
from waterclock_api.schemas.requests import Cursor, Limit, Moment

_HOUR = 3_600_000
LONGEST = 14 * 24 * _HOUR  # ms
BINS_MOST = 400
LOOKED_AT = 3_000_000
"""Instants that are listed to be counted in bins, of all jobs that name different ones: about a second."""


class FiresQuery(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Which scheduled times."""

    from_: Annotated[Moment | None, said("Start of the range, inclusive. By default now.")] = msgspec.field(
        default=None, name="from"
    )
    to: Annotated[
        Moment | None,
        said("End of the range, exclusive. By default an hour after `from`. At most 14 days after it."),
    ] = None
    bins: Annotated[
        Annotated[int, msgspec.Meta(ge=1, le=BINS_MOST)] | None,
        said("Count them in so many bins of equal width, instead of listing them."),
    ] = None
    limit: Limit = 50
    cursor: Cursor = None


class _Asked(NamedTuple):
    from_ms: int
    to_ms: int
    bins: int | None
    limit: int
    after: tuple[int, str] | None  # where the page before has ended


@get("/v1/monitor/fires", spec=Spec(scope="list", query=FiresQuery, answers={200: Fires}, refuses=(422,)))
async def list_fires(request: AnyRequest) -> Answer:
    """List or count the scheduled times of all enabled jobs, by default those of the next hour.

    They are those that the jobs name as they are now; what became of past ones `ledger/strips` and `explain` tell.
    """
    return await until_left(request, _answered(request))


async def _answered(request: AnyRequest) -> Answer:
    parts = dependencies_of(request)
    of = listing(request)
    asked = _asked(read_query(request, FiresQuery), parts.now_ms())
    entries, groups = await parts.jobs_index.upcoming(parts, of)
    try:
        return answer(await parts.offload.run(of.who, _fires, asked, entries, groups))
    except TooMany as error:
        text = f"hold more than {LOOKED_AT} scheduled times to be counted: shorten the range, or take fewer of them"
        raise Invalid(Flaw("?bins", text)) from error


def _fires(asked: _Asked, entries: Mapping[str, Entry], groups: Mapping[Timetable, Sequence[str]]) -> Fires:
    counts, found, more = None, list[Upcoming](), None
    if asked.bins is not None:
        width = asked.to_ms - asked.from_ms
        edges = [asked.from_ms + width * place // asked.bins for place in range(asked.bins + 1)]
        counts = counted(groups, edges, most=LOOKED_AT)
    else:
        at, beside = asked.after or (asked.from_ms, "")
        found = first_of(groups, at - 1, asked.to_ms - 1, asked.limit + 1, beside=beside)
        more = cursor_of(*found[asked.limit - 1][:2]) if len(found) > asked.limit else None
    return Fires(
        from_=stamp(asked.from_ms),
        to=stamp(asked.to_ms),
        total=count_all(groups, asked.from_ms - 1, asked.to_ms - 1),
        items=[_item(one, entries[one.job_id]) for one in found[: asked.limit]],
        counts=counts,
        next_cursor=more,
    )


def _item(one: Upcoming, job: Entry) -> FireItem:
    schedule = one.named.schedule
    return FireItem(
        at=stamp(one.at),
        job_id=job.job_id,
        job_name=job.name,
        job_group=job.group,
        queue=job.definition.queue,
        note=None if schedule is None else shift_note(schedule, one.at),
    )


def _asked(query: FiresQuery, now: int) -> _Asked:
    """
    Raises:
        Invalid: no range.
        BadRequest: the cursor is not one of this list.
    """
    flaws: list[Flaw] = []
    found: dict[str, int] = {}
    for name, given in (("from", query.from_), ("to", query.to)):
        try:
            if given is not None:
                found[name] = query_moment_ms(given)
        except ValueError as error:
            flaws.append(Flaw(f"?{name}", str(error)))
    if query.bins is not None and query.cursor is not None:
        flaws.append(Flaw("?cursor", "does not go together with bins"))
    from_ms = found.get("from", min(now, found.get("to", now) - 1))
    to_ms = found.get("to", min(from_ms + _HOUR, LATEST))
    if not flaws and to_ms <= from_ms:
        flaws.append(Flaw("?to", "is not after from"))
    if not flaws and to_ms - from_ms > LONGEST:
        flaws.append(Flaw("?to", "is more than 14 days after from: shorten the range"))
    if not flaws and query.bins is not None and to_ms - from_ms < query.bins:
        flaws.append(Flaw("?bins", "are shorter than a millisecond: take fewer of them"))
    refuse(flaws)
    return _Asked(from_ms, to_ms, query.bins, query.limit, read_cursor(query.cursor, tuple[int, str]))


HANDLERS = (list_fires,)
