"""What repairs have dropped: entries that only a log knew which another has taken the place of; and asking again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
from litestar import get, post

from waterclock.kit.text.members import said
from waterclock.model.errors import Flaw
from waterclock.model.positions import Position
from waterclock.store.connection.pool import Connection
from waterclock.wire.envelope import Entry, read_document
from waterclock_api.commands.requeue import DroppedEntry, Requeued, RequeuedRun, requeue
from waterclock_api.dependencies import dependencies_of
from waterclock_api.http.caller import caller_of
from waterclock_api.http.problems import BadRequest
from waterclock_api.http.request_body import read_json, read_struct, refuse
from waterclock_api.http.request_query import NoQuery, read_query
from waterclock_api.http.response import Answer, answer
from waterclock_api.http.route import AnyRequest, Spec
from waterclock_api.limits.memory_budget import Hold
from waterclock_api.queries.cursors import cursor_of, read_cursor
from waterclock_api.queries.pages import room_for, rows_of
from waterclock_api.queries.slow_reads import listing
from waterclock_api.queries.sources import COMMAND
from waterclock_api.routes.system.events import EventType, StoredDocument, tags_named
from waterclock_api.schemas.requests import Cursor, Limit
from waterclock_api.schemas.responses import NextCursor
from waterclock_api.telemetry.tracing import asked

PATH = "/v1/monitor/dropped"
_REQUESTED = ("run.requested",)
_DOCUMENT = 6  # its column
_BEGINNING = {"partition": -1, "fork": 0, "after_epoch": 0, "after_seq": 0}


class DroppedQuery(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Which dropped events to list."""

    type: Annotated[
        tuple[EventType, ...], said("Events of this type, such as `run.requested` or `run`. Repeatable.")
    ] = ()
    limit: Limit = 50
    cursor: Cursor = None


class DroppedEvent(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An event that a repair of the event log dropped."""

    fork: Annotated[int, said("Epoch of the repair, or of a later opening if its event `log.forked` was lost.")]
    event: Annotated[StoredDocument, said("The event, as it was stored.")]


class DroppedEvents(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A page of dropped events."""

    items: Annotated[list[DroppedEvent], said("The events by partition and repair, oldest first.")]
    next_cursor: NextCursor


class RequeueWrite(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Which dropped requests to repeat."""

    dry_run: Annotated[bool, said("`true`: only report. `false`: request the runs.")] = True
    executed: Annotated[bool, said("`true`: also runs that had ended. They are executed twice.")] = False
    limit: Annotated[Limit, said("Requests to look at in this call, at most.")] = 100
    cursor: Cursor = None


@get(PATH, spec=Spec(scope="admin", query=DroppedQuery, answers={200: DroppedEvents}))
async def list_dropped(request: AnyRequest) -> Answer:
    """List the events that repairs of the event log dropped."""
    parts = dependencies_of(request)
    query = read_query(request, DroppedQuery)
    hold = await room_for(request)
    async with parts.reading(listing(request)) as connection:
        found, more = await _page(connection, tags_named(query.type), query.limit, query.cursor, hold)
    items = [DroppedEvent(fork=one.fork, event=msgspec.Raw(one.entry.told)) for one in found]
    return answer(DroppedEvents(items=items, next_cursor=more), hold=hold)


@post(
    f"{PATH}/requeue",
    spec=Spec(
        scope="admin",
        body=RequeueWrite,
        body_optional=True,
        answers={200: Requeued, 202: Requeued},
        refuses=(413, 415, 422),
    ),
)
async def requeue_dropped(request: AnyRequest) -> Answer:
    """Repeat the run requests among the dropped events, each with its own idempotency key. By default a dry run."""
    parts = dependencies_of(request)
    read_query(request, NoQuery)
    body = await read_json(request, optional=True)
    caller = caller_of(request, body)
    with asked(caller, "requeue dropped"):
        flaws: list[Flaw] = []
        write = read_struct(RequeueWrite, body, flaws)
        refuse(flaws)
        hold = await room_for(request)
        async with parts.reading(COMMAND) as connection:
            found, more = await _page(connection, _REQUESTED, write.limit, write.cursor, hold)
        items: list[RequeuedRun] = await requeue(parts, found, dry_run=write.dry_run, executed=write.executed)
        told = Requeued(
            dry_run=write.dry_run,
            matched=len(items),
            requeued=sum(one.fate == "requeued" for one in items),
            refused=sum(one.fate == "refused" for one in items),
            items=items,
            next_cursor=more,
        )
        return answer(told, status=200 if write.dry_run else 202, hold=hold)


async def _page(
    connection: Connection, types: Sequence[str], limit: int, cursor: str | None, hold: Hold
) -> tuple[list[DroppedEntry], str | None]:
    """
    Raises:
        BadRequest: the cursor is of another list.
    """
    arguments = _BEGINNING | {"types": list(types) or None}
    read = read_cursor(cursor, tuple[int, int, int, int])
    if read is not None:
        if any(not 0 <= number < 1 << (31 if place == 0 else 53) for place, number in enumerate(read)):
            flaw = Flaw("?cursor", "is not a cursor of this list")
            raise BadRequest(f"{flaw.pointer} {flaw.message}", flaw)
        arguments |= dict(zip(_BEGINNING, read, strict=True))
    rows, more = await rows_of(
        connection,
        "dropped_entries",
        arguments,
        limit,
        after=lambda row: dict(zip(_BEGINNING, row[:4], strict=True)),
        large=(_DOCUMENT,),
        hold=hold,
    )
    return [DroppedEntry(row[1], _entry(row)) for row in rows], cursor_of(*rows[-1][:4]) if more and rows else None


def _entry(row: Sequence[object]) -> Entry:
    partition, _, epoch, seq, prev, at, document = row
    return read_document(Position(partition, epoch, seq), prev, at, bytes(document))  # type: ignore[arg-type]


HANDLERS = (list_dropped, requeue_dropped)
