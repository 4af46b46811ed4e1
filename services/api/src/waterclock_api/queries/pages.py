"""Pages of lists, which end by their bytes as well as by their number: read in batches, each after the last row before.

Of a batch only the rows that go onto the page are made into values; a page has one item in any case.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from litestar import Request
from psycopg import AsyncCursor
from psycopg.rows import TupleRow

from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement
from waterclock_api.access.principal import caller_id
from waterclock_api.limits.memory_budget import BUDGET, Budget, Hold, keep
from waterclock_api.queries.rows import Row

PAGE_BYTES = 4 << 20
BATCH = 51  # rows read at once: a page of the usual size, and whether another one follows
COPIES = 4  # of what a page is made of: as it was read, as values, and as text
_FIRST = 64 << 10  # bytes for which there must be room
_ROW = 512  # bytes of the columns that are not large, about
_PACKAGE = "waterclock_api"

Measure = Callable[[Sequence[str]], Awaitable[Mapping[str, int]]]


async def room_for(request: Request[Any, Any, Any]) -> Hold:
    """Room for a page, until its client has it.

    Raises:
        Crowded: there was none for too long.
    """
    hold = room_if_large(request)
    await hold.wait(_FIRST)
    return hold


def room_if_large(request: Request[Any, Any, Any]) -> Hold:
    """What one thing will hold, until its client has it, if it turns out to be large."""
    budget: Budget = request.app.state[BUDGET]
    return keep(request.scope, budget.answers.hold(caller_id(request.scope)))


def make_room(hold: Hold, size: int) -> None:
    """Hold what so many bytes take once they are read; for few of them there is always room.

    Raises:
        Crowded: there is none.
    """
    if size > _FIRST:
        hold.resize(COPIES * size)
        hold.check()


async def rows_of(
    connection: Connection,
    name: str,
    arguments: Mapping[str, Any],
    limit: int,
    *,
    after: Callable[[Row], Mapping[str, Any]],
    large: Sequence[int],
    hold: Hold | None = None,
    beside: Measure | None = None,
) -> tuple[list[Row], bool]:
    """The rows of a page, and whether more follow.

    `after`: the arguments for what follows a row; `large`: the columns that may be; `beside`: the bytes of what else
    belongs to rows, by their first columns.
    """
    page: list[Row] = []
    size = 0
    more = True
    while more:
        at_once = min(BATCH, limit + 1 - len(page))
        place: Mapping[str, Any] = after(page[-1]) if page else {}
        cursor = await connection.execute(statement(name, _PACKAGE), {**arguments, **place, "limit": at_once})
        for own in await _sizes(cursor, large, beside):
            full = size + own > PAGE_BYTES or len(page) == limit or (hold is not None and hold.is_over)
            if page and full:
                return page, True
            size += own
            if hold is not None:
                hold.resize(max(_FIRST, COPIES * size))
            row = await cursor.fetchone()
            assert row is not None
            page.append(row)
        more = cursor.rowcount == at_once
    return page, False


async def _sizes(cursor: AsyncCursor[TupleRow], large: Sequence[int], beside: Measure | None) -> list[int]:
    """The bytes of each row and of what belongs to it, before any is made into values."""
    result = cursor.pgresult
    assert result is not None
    rows = range(result.ntuples)
    own = [_ROW + sum(len(result.get_value(row, column) or b"") for column in large) for row in rows]
    if beside is None or not own:
        return own
    keys = [(result.get_value(row, 0) or b"").decode() for row in rows]
    found = await beside(keys)
    return [size + found.get(key, 0) for key, size in zip(keys, own, strict=True)]
