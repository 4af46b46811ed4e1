"""Pages of a run's log in both directions, from its beginning, its end, a cursor or around a line.

The number of a line is how many lines of the run stand up to it, from 1. Nothing stores it; a page counts on from where
it begins:

    the beginning ─► after what was cleared ──┐
    a cursor ──────► has the number ──────────┼─► place ─► run_lines.sql, or back: run_lines_back.sql
    the end ───────► all lines counted once ──┤
    around line N ─► N lines walked, then half a page back

Cleared lines keep their numbers: the archive's stubs tell how many they were. To count or walk reads an index alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from waterclock.model.errors import Flaw
from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement
from waterclock_api.http.problems import BadRequest
from waterclock_api.limits.memory_budget import Hold
from waterclock_api.queries.cursors import cursor_of, read_cursor
from waterclock_api.queries.pages import PAGE_BYTES, rows_of
from waterclock_api.queries.read_models import PACKAGE
from waterclock_api.queries.rows import Row, line_of
from waterclock_api.schemas.requests import LinesQuery
from waterclock_api.schemas.responses import Lines

_LINES_MOST = (1 << 31) - 1  # of an event, as its column has it
_TEXT = 9


class Place(NamedTuple):
    """Between two lines: after the line that stands there, whose number it has, or before it when one goes back."""

    epoch: int
    seq: int
    line: int
    number: int

    def arguments(self) -> dict[str, int]:
        return self._asdict()


class Floor(NamedTuple):
    """The event in which the first line stands that is not cleared."""

    epoch: int
    seq: int


END = Place((1 << 63) - 1, (1 << 63) - 1, _LINES_MOST, 0)


async def run_lines(
    connection: Connection, run_id: str, query: LinesQuery, limit: int, hold: Hold | None = None
) -> Lines:
    """
    Raises:
        BadRequest: the cursor is not one of these lists.
    """
    place = _read_cursor(query.cursor)
    async with connection.transaction():
        await connection.execute(statement("prefer_order", PACKAGE))
        floor = await floor_of(connection, run_id)
        start = None if floor is None else await _start(connection, run_id, query, place, floor, limit)
        if start is None:
            return Lines(items=[], next_cursor=None, previous_cursor=None)
        name = "run_lines_back" if query.order == "newest" else "run_lines"
        arguments = {"run_id": run_id, **_filters(query), **start.arguments()}
        page, more = await rows_of(connection, name, arguments, limit, after=_after, large=(_TEXT,), hold=hold)
    at_an_end = query.cursor is None and query.around is None and query.order == "oldest"
    return Lines(
        items=[line_of(row) for row in page],
        next_cursor=_cursor(page[-1]) if more else None,
        previous_cursor=None if not page or at_an_end or page[0][10] == 1 else _cursor(page[0]),
    )


async def floor_of(connection: Connection, run_id: str) -> Floor | None:
    """None: there is no line."""
    row = await _one(connection, "log_floor", {"run_id": run_id})
    return None if row is None else Floor(*row)


async def cleared_before(connection: Connection, run_id: str, floor: Floor) -> int:
    """How many lines of the run stood before, and were cleared."""
    row = await _one(connection, "cleared_lines", {"run_id": run_id, **floor._asdict()})
    return 0 if row is None else row[0]


async def _start(
    connection: Connection, run_id: str, query: LinesQuery, place: Place | None, floor: Floor, limit: int
) -> Place | None:
    """None where nothing can follow."""
    if query.around is not None:
        return await _around(connection, run_id, query, floor, limit)
    newest = query.order == "newest"
    if place is not None and place >= (*floor, -1):
        return place if place.number else await _counted(connection, run_id, floor, place, newest=newest)
    if not newest:
        return Place(*floor, -1, await cleared_before(connection, run_id, floor))
    return None if place is not None else await _counted(connection, run_id, floor, END, newest=True)


async def _counted(connection: Connection, run_id: str, floor: Floor, through: Place, *, newest: bool) -> Place | None:
    """The place with its number; that of the end is after the last line. None: no line stands before it."""
    last = await _last(connection, run_id, floor, through)
    if last is None:
        return None if newest else through._replace(number=await cleared_before(connection, run_id, floor))
    if newest and through is END:
        return last._replace(line=last.line + 1, number=last.number + 1)
    return through._replace(number=last.number)


async def _last(connection: Connection, run_id: str, floor: Floor, through: Place) -> Place | None:
    """The last line through a place, and its number."""
    bounds = {"from_epoch": floor.epoch, "from_seq": floor.seq, **through.arguments()}
    row = await _one(connection, "count_lines", {"run_id": run_id, **bounds})
    if row is None:
        return None
    epoch, seq, line, lines = row
    return Place(epoch, seq, line, lines + await cleared_before(connection, run_id, floor))


async def _around(connection: Connection, run_id: str, query: LinesQuery, floor: Floor, limit: int) -> Place | None:
    """Where a page begins that has the line in its middle, or the nearest line that is there; by lines that fit."""
    assert query.around is not None
    cleared = await cleared_before(connection, run_id, floor)
    number = max(query.around, cleared + 1)
    arguments = {"run_id": run_id, **floor._asdict(), "before": number - cleared - 1}
    row = await _one(connection, "nth_line", arguments)
    middle = await _last(connection, run_id, floor, END) if row is None else Place(row[0], row[1], row[2], number)
    if middle is None:
        return None
    bounds = {"from_epoch": floor.epoch, "from_seq": floor.seq, "bytes": PAGE_BYTES // 2, "limit": limit // 2}
    arguments = {"run_id": run_id, **_filters(query), **middle.arguments(), **bounds}
    row = await _one(connection, "lines_before", arguments)
    first = middle if row is None else Place(*row)
    return first._replace(line=first.line - 1, number=first.number - 1)


def _filters(query: LinesQuery) -> dict[str, Any]:
    return {"attempt": query.attempt, "step": query.step, "levels": list(query.level), "q": query.q or None}


def _after(row: Row) -> dict[str, Any]:
    return {"epoch": row[1], "seq": row[2], "line": row[3], "number": row[10]}


def _cursor(row: Row) -> str:
    return cursor_of(*_after(row).values())


def _read_cursor(text: str | None) -> Place | None:
    """Those of releases without numbers have none: 0."""
    read = read_cursor(text, tuple[int, ...])
    if read is None:
        return None
    if len(read) not in (3, 4) or not -1 <= read[2] <= _LINES_MOST or min(read) < -1:
        flaw = Flaw("?cursor", "is not a cursor of this list: use `nextCursor` or `previousCursor` of another page")
        raise BadRequest(f"{flaw.pointer} {flaw.message}", flaw)
    return Place(read[0], read[1], read[2], read[3] if len(read) == 4 else 0)


async def _one(connection: Connection, name: str, arguments: Mapping[str, Any]) -> Row | None:
    return await (await connection.execute(statement(name, PACKAGE), arguments)).fetchone()
