"""Tables beside the live read models, of the same shape, in a schema of their own: to compare and to mend.

The one that writes the tables is `rebuild.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from psycopg import sql

from waterclock.model.readmodels.change_types import (
    AttemptChange,
    DecisionInsert,
    ExecutorChange,
    JobChange,
    MuteChange,
    RowChange,
    RunChange,
    StepChange,
    WorkerChange,
)
from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement

SHADOW = "waterclock_rebuilt"
READ_MODELS: dict[str, type[RowChange]] = {
    "jobs": JobChange,
    "runs": RunChange,
    "attempts": AttemptChange,
    "steps": StepChange,
    "decisions": DecisionInsert,
    "workers": WorkerChange,
    "executors": ExecutorChange,
    "mutes": MuteChange,
}


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """What a table holds: `hash` is a function of the rows, not of their order."""

    rows: int
    hash: str


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A row that the live read model and the rebuilt one do not have alike; None where one has no such row."""

    table: str
    key: tuple[Any, ...]
    live: dict[str, Any] | None
    rebuilt: dict[str, Any] | None


async def home(connection: Connection) -> str:
    """The schema that the live tables are in."""
    row = await (await connection.execute("SELECT current_schema()")).fetchone()
    assert row is not None
    return row[0]


async def make(connection: Connection, tables: Iterable[str]) -> None:
    """Make empty shadows of the live tables; what an earlier rebuild left is dropped first."""
    await drop(connection)
    await connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(SHADOW)))
    for table in tables:
        await connection.execute(statement("make_shadow"), {"table": table, "shadow": SHADOW})


async def drop(connection: Connection) -> None:
    await connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(SHADOW)))


async def enter(connection: Connection) -> None:
    """Let this transaction write the shadows where it names the live tables."""
    await connection.execute(statement("fold_into"), {"shadow": SHADOW})


async def analyze(connection: Connection, tables: Iterable[str]) -> None:
    """Let the planner know the shadows as it knows the live tables."""
    for table in tables:
        await connection.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(SHADOW, table)))


async def content(connection: Connection, schema: str, table: str) -> Content:
    """Rows and hash of a table, read once; 64 bits for each row, summed."""
    text = sql.SQL(
        "SELECT count(*), coalesce(sum(hashtextextended(held::text, 0)::numeric), 0) FROM {} AS held"
    ).format(sql.Identifier(schema, table))
    row = await (await connection.execute(text)).fetchone()
    assert row is not None
    return Content(rows=row[0], hash=f"{int(row[1]) % 2**64:016x}")


async def differences(connection: Connection, live: str, table: str, limit: int | None = None) -> list[Difference]:
    """The rows of a table, at most `limit`, that are not alike in the live schema and in the shadow."""
    key = READ_MODELS[table].KEY
    both = sql.SQL(
        "SELECT {key}, to_jsonb(live), to_jsonb(rebuilt)"
        " FROM {live} AS live FULL JOIN {rebuilt} AS rebuilt USING ({key})"
        " WHERE live IS DISTINCT FROM rebuilt ORDER BY {key} LIMIT {limit}"
    ).format(
        key=sql.SQL(", ").join(map(sql.Identifier, key)),
        live=sql.Identifier(live, table),
        rebuilt=sql.Identifier(SHADOW, table),
        limit=sql.Literal(limit),
    )
    cursor = await connection.execute(both)
    return [
        Difference(table=table, key=tuple(row[:-2]), live=row[-2], rebuilt=row[-1]) for row in await cursor.fetchall()
    ]
