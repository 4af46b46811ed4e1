"""Read models folded anew from the archive, and compared with the live ones, row by row.

All in one transaction that sees one moment and leaves nothing behind, while projectors go on.
"""

from __future__ import annotations

from typing import Any

import msgspec
from psycopg import IsolationLevel, Rollback, sql

from waterclock.model.changes import (
    AttemptChange,
    DecisionInsert,
    ExecutorChange,
    JobChange,
    RowChange,
    RunChange,
    StepChange,
    WorkerChange,
)
from waterclock.model.positions import Position
from waterclock.store import archive
from waterclock.store.pool import Connection
from waterclock.store.project import batch_of, write_models
from waterclock.store.statements import statement

SHADOW = "waterclock_rebuilt"
READ_MODELS: dict[str, type[RowChange]] = {
    "jobs": JobChange,
    "runs": RunChange,
    "attempts": AttemptChange,
    "steps": StepChange,
    "decisions": DecisionInsert,
    "workers": WorkerChange,
    "executors": ExecutorChange,
}
_AT_ONCE = 2_000  # entries


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A row that the live read model and the rebuilt one do not have alike; None where one has no such row."""

    table: str
    key: tuple[Any, ...]
    live: dict[str, Any] | None
    rebuilt: dict[str, Any] | None


async def compare(connection: Connection, *, at_once: int = _AT_ONCE) -> list[Difference]:
    """Fold the whole archive, `at_once` entries at a time, and say where the live read models differ from it.

    The archive ends where the read models do: both are written in one transaction.
    """
    differences: list[Difference] = []
    await connection.set_isolation_level(IsolationLevel.REPEATABLE_READ)
    try:
        async with connection.transaction() as transaction:
            await _make_shadow(connection)
            for partition in await _partitions(connection):
                await _fold(connection, partition, at_once)
            for table, kind in READ_MODELS.items():
                differences += await _compare(connection, table, kind.KEY)
            raise Rollback(transaction)
    finally:
        await connection.set_isolation_level(None)
    return differences


async def _make_shadow(connection: Connection) -> None:
    """Tables of the read models, and of what is cleared, that hide the live ones in this transaction."""
    shadow = sql.Identifier(SHADOW)
    await connection.execute(sql.SQL("CREATE SCHEMA {}").format(shadow))
    for table in (*READ_MODELS, "log_lines", "clearings"):
        name = sql.Identifier(table)
        await connection.execute(
            sql.SQL("CREATE TABLE {}.{} (LIKE {} INCLUDING ALL)").format(shadow, name, sql.Identifier("public", table))
        )
    await connection.execute(sql.SQL("SET LOCAL search_path TO {}, public").format(shadow))


async def _partitions(connection: Connection) -> list[int]:
    cursor = await connection.execute(statement("partitions"))
    return [row[0] for row in await cursor.fetchall()]


async def _fold(connection: Connection, partition: int, at_once: int) -> None:
    after: Position | None = None
    while found := await archive.entries(connection, partition, after, None, at_once):
        await write_models(connection, batch_of(found))
        after = found[-1].position


async def _compare(connection: Connection, table: str, key: tuple[str, ...]) -> list[Difference]:
    both = sql.SQL(
        "SELECT {key}, to_jsonb(live), to_jsonb(rebuilt)"
        " FROM {live} AS live FULL JOIN {rebuilt} AS rebuilt USING ({key})"
        " WHERE live IS DISTINCT FROM rebuilt ORDER BY {key}"
    ).format(
        key=sql.SQL(", ").join(map(sql.Identifier, key)),
        live=sql.Identifier("public", table),
        rebuilt=sql.Identifier(SHADOW, table),
    )
    cursor = await connection.execute(both)
    return [
        Difference(table=table, key=tuple(row[:-2]), live=row[-2], rebuilt=row[-1]) for row in await cursor.fetchall()
    ]
