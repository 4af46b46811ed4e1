"""Routes of the audit: what has happened, as it is stored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, cast

import msgspec
from litestar import get

from waterclock.kit.text.members import said
from waterclock.model.errors import Flaw, NotFound
from waterclock.model.events import TAGS, tags_of
from waterclock.model.ids import ID_PATTERN
from waterclock.model.timestamps import Stamp, stamp
from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement
from waterclock_api.dependencies import dependencies_of
from waterclock_api.http.flaw_limits import cut, guess
from waterclock_api.http.problems import BadRequest
from waterclock_api.http.request_query import read_query
from waterclock_api.http.response import Answer, answer
from waterclock_api.http.route import AnyRequest, Id, Spec
from waterclock_api.queries.cursors import cursor_of, read_cursor
from waterclock_api.queries.events import Places, Wanted, beginnings, page_of
from waterclock_api.queries.ledger import caught_up, events_kept_from
from waterclock_api.queries.lookup import run_or_refuse
from waterclock_api.queries.pages import room_for
from waterclock_api.queries.read_models import PACKAGE, query_moment
from waterclock_api.queries.slow_reads import listing, ranging, until_left
from waterclock_api.queries.sources import Reading
from waterclock_api.schemas.requests import Limit, Moment
from waterclock_api.schemas.responses import NextCursor

FAMILIES = tuple(dict.fromkeys(tag.partition(".")[0] for tag in TAGS))

EventType = Annotated[
    str,
    msgspec.Meta(
        description="The type of an event, or what stands before the dot: `job`, `run`, `step`, …",
        extra_json_schema={"enum": [*FAMILIES, *TAGS]},
    ),
]
Actor = Annotated[
    str,
    msgspec.Meta(
        max_length=320,
        description="Who caused it, with or without `@` and the address. A name that itself ends in one, such as "
        "`a@10.0.0.1`, is asked for with an `@` behind it.",
    ),
]
Places_ = Annotated[Annotated[str, msgspec.Meta(max_length=5_000)] | None, said("`nextCursor` of the previous page.")]
StoredDocument = Annotated[msgspec.Raw, msgspec.Meta(extra_json_schema={"$ref": "#/components/schemas/Event"})]


class HistoryQuery(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Which events to list."""

    type: Annotated[
        tuple[EventType, ...], said("Events of this type, such as `job.changed` or `job`. Repeatable.")
    ] = ()
    actor: Annotated[
        Actor | None,
        said(
            "Events that this caller caused, with or without `@` and the address. Append an `@` to a name that itself "
            "ends like an address, such as `a@10.0.0.1`."
        ),
    ] = None
    from_: Annotated[Moment | None, said("Events at this time or later.")] = msgspec.field(default=None, name="from")
    to: Annotated[Moment | None, said("Events at this time or before.")] = None
    limit: Limit = 50
    cursor: Places_ = None


class EventsQuery(HistoryQuery, frozen=True, kw_only=True, rename="camel"):
    """Which events to list."""

    job_id: Annotated[str | None, said("Events of this job, by its id. Not together with `runId`.")] = None
    run_id: Annotated[str | None, said("Events of this run, by its id.")] = None


class Events(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A page of events."""

    items: Annotated[
        list[StoredDocument],
        said("The events, newest first. A page may hold fewer than `limit`, or none, and still have a `nextCursor`."),
    ]
    kept_from: Annotated[
        Stamp | None,
        said("Since when all events are kept. Of older ones only those of jobs, queues and workers are; null: all."),
    ]
    next_cursor: NextCursor


@get("/v1/monitor/events", spec=Spec(scope="export", query=EventsQuery, answers={200: Events}))
async def list_events(request: AnyRequest) -> Answer:
    """List all events as they are stored, newest first: the audit log."""
    return await until_left(request, _listed(request))


async def _listed(request: AnyRequest) -> Answer:
    query = read_query(request, EventsQuery)
    of = _reading(request, query)
    if query.job_id is not None and query.run_id is not None:
        flaw = Flaw("?runId", "cannot be combined with jobId")
        raise BadRequest(f"{flaw.pointer}: {flaw.message}", flaw)
    return await _told(request, of, query, Wanted(job_id=query.job_id, run_id=query.run_id))


@get(
    "/v1/monitor/jobs/{job_id:str}/history",
    spec=Spec(scope="query", query=HistoryQuery, answers={200: Events}, refuses=(404,)),
)
async def list_history(request: AnyRequest, job_id: Id) -> Answer:
    """List the events of a job and its runs, newest first. Works for deleted jobs, too."""
    query = read_query(request, HistoryQuery)
    told = _told(request, _reading(request, query), query, Wanted(job_id=job_id), known=job_id)
    return await until_left(request, told)


@get(
    "/v1/monitor/runs/{run_id:str}/history",
    spec=Spec(scope="query", query=HistoryQuery, answers={200: Events}, refuses=(404,)),
)
async def list_run_history(request: AnyRequest, run_id: Id) -> Answer:
    """List the events of a run, newest first."""
    return await until_left(request, _of_run(request, run_id, read_query(request, HistoryQuery)))


async def _of_run(request: AnyRequest, run_id: str, query: HistoryQuery) -> Answer:
    await run_or_refuse(dependencies_of(request), run_id)
    return await _told(request, _reading(request, query), query, Wanted(run_id=run_id))


def _reading(request: AnyRequest, query: HistoryQuery) -> Reading:
    """The newest events stand at the end of an index; whoever asks for others may have to be looked for."""
    if query.to is None and query.actor is None and not query.type:
        return listing(request)
    return ranging(request, "a later `to`")


async def _told(
    request: AnyRequest, of: Reading, query: HistoryQuery, wanted: Wanted, *, known: str | None = None
) -> Answer:
    parts = dependencies_of(request)
    wanted = msgspec.structs.replace(
        wanted,
        types=tags_named(query.type),
        actor=query.actor,
        from_ms=query_moment("from", query.from_),
        to_ms=query_moment("to", query.to),
        limit=query.limit,
    )
    partitions = range(parts.log.partitions)
    subject = wanted.job_id or wanted.run_id
    if subject is not None:
        one = parts.log.partition_of(subject)
        partitions = range(one, one + 1)
    places = _places(query.cursor, partitions)
    if query.cursor is None:
        await caught_up(parts, partitions)
    hold = await room_for(request)
    async with parts.reading(of) as connection:
        if known is not None:
            await _check_known(connection, known)
        page = await page_of(connection, wanted, places, hold)
    kept_from = await events_kept_from(parts, of)
    events = Events(
        items=[msgspec.Raw(entry.told) for entry in page.entries],
        kept_from=stamp(kept_from) if kept_from else None,
        next_cursor=None if page.places is None else _cursor(page.places),
    )
    return answer(events, hold=hold)


def tags_named(given: Iterable[str]) -> tuple[str, ...]:
    """
    Raises:
        BadRequest: no event has such a type.
    """
    found: list[str] = []
    for one in given:
        fits = tags_of(one)
        if not fits:
            flaw = Flaw("?type", f"no event is a {cut(one, 64)!r}{guess(one, TAGS, ())}")
            raise BadRequest(f"{flaw.pointer}: {flaw.message}", flaw)
        found += fits
    return tuple(dict.fromkeys(found))


def _places(cursor: str | None, partitions: Sequence[int]) -> Places:
    """
    Raises:
        BadRequest: the cursor is of another question.
    """
    read = read_cursor(cursor, tuple[tuple[int, int, int], ...])
    if read is None:
        return beginnings(partitions)
    places = {partition: (epoch, seq) for partition, epoch, seq in read}
    numbers = (number for place in read for number in place)
    if not places or not set(places) <= set(partitions) or not all(0 <= number < 2**63 for number in numbers):
        flaw = Flaw("?cursor", "is not a cursor of this list")
        raise BadRequest(f"{flaw.pointer} {flaw.message}", flaw)
    return places


def _cursor(places: Places) -> str:
    return cursor_of(*((partition, *place) for partition, place in sorted(places.items())))


async def _check_known(connection: Connection, job_id: str) -> None:
    """
    Raises:
        NotFound: there never was such a job.
    """
    if ID_PATTERN.fullmatch(job_id) is not None:
        cursor = await connection.execute(statement("unknown_jobs", PACKAGE), {"job_ids": [job_id]})
        if not cast("list[object]", await cursor.fetchall()):
            return
    raise NotFound("job", job_id)


HANDLERS = (list_events, list_history, list_run_history)
