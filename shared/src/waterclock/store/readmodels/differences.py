"""The rows in which a live table and its shadow are not alike, by their keys: what a swap has to look at.

They are found while projectors go on. Rows that were alike then and have not been touched since are alike still, so
what a swap reads while projectors wait is these rows and those that were touched, not the tables.
"""

from __future__ import annotations

from typing import Any

import msgspec
from psycopg import sql

from waterclock.model.readmodels.merge import Batch
from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement
from waterclock.store.readmodels.shadow_tables import (
    READ_MODELS,
    SHADOW,
    Content,
    Difference,
    content,
)


async def note(connection: Connection, live: str, table: str) -> tuple[Content, Content]:
    """Compare a table with its shadow, and note the keys of the rows that are not alike; what each of the two holds.

    The caller's transaction sees one moment.
    """
    held, rebuilt = await content(connection, live, table), await content(connection, SHADOW, table)
    names = _names(live, table)
    await connection.execute(sql.SQL("DROP TABLE IF EXISTS {noted}").format(**names))
    if held == rebuilt:
        await connection.execute(sql.SQL("CREATE TABLE {noted} AS SELECT {key} FROM {live} LIMIT 0").format(**names))
        return held, rebuilt
    await connection.execute(
        sql.SQL(
            "CREATE TABLE {noted} AS SELECT {key} FROM {live} AS live FULL JOIN {rebuilt} AS rebuilt USING ({key})"
            " WHERE live IS DISTINCT FROM rebuilt"
        ).format(**names)
    )
    return held, rebuilt


async def some(connection: Connection, live: str, table: str, limit: int) -> list[Difference]:
    """The first rows that are noted of a table, as they are in both."""
    cursor = await connection.execute(
        sql.SQL(
            "SELECT {key}, to_jsonb(live), to_jsonb(rebuilt)"
            " FROM (SELECT {key} FROM {noted} ORDER BY {key} LIMIT {limit}) AS noted"
            " LEFT JOIN {live} AS live USING ({key}) LEFT JOIN {rebuilt} AS rebuilt USING ({key}) ORDER BY {key}"
        ).format(**_names(live, table), limit=sql.Literal(limit))
    )
    return [
        Difference(table=table, key=tuple(row[:-2]), live=row[-2], rebuilt=row[-1]) for row in await cursor.fetchall()
    ]


async def note_touched(connection: Connection, live: str, batch: Batch) -> None:
    """Note the rows that a batch writes, once it has been written to the shadows."""
    for table, model in READ_MODELS.items():
        changes: tuple[msgspec.Struct, ...] = getattr(batch, table)
        if changes:
            into = sql.SQL("COPY {noted} ({key}) FROM STDIN").format(**_names(live, table))
            async with connection.cursor() as cursor, cursor.copy(into) as copy:
                for change in changes:
                    await copy.write_row([getattr(change, name) for name in model.KEY])
    if batch.ended:
        await connection.execute(
            sql.SQL(
                "INSERT INTO {noted} ({key}) SELECT {key} FROM {rebuilt}"
                " WHERE (run_id, attempt) IN (SELECT * FROM unnest(%s::text[], %s::int[]))"
            ).format(**_names(live, "steps")),
            [[each.run_id for each in batch.ended], [each.attempt for each in batch.ended]],
        )


async def put_in_place(connection: Connection, live: str, table: str) -> None:
    """Give the rows of a live table that are noted what the shadow has of them, in the caller's transaction.

    The table stays what it is, so views and functions on it, rights and indexes do too, and readers go on.
    """
    await connection.execute(sql.SQL("ANALYZE {noted}").format(**_names(live, table)))
    columns = await _columns(connection, table)
    names = {
        **_names(live, table),
        "columns": sql.SQL(", ").join(map(sql.Identifier, columns)),
        "given": sql.SQL(", ").join(sql.SQL("rebuilt.{}").format(sql.Identifier(name)) for name in columns),
        "set": sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in columns),
    }
    await connection.execute(
        sql.SQL(
            "DELETE FROM {live} AS live USING {noted} AS noted WHERE {is_noted}"
            " AND NOT EXISTS (SELECT FROM {rebuilt} AS rebuilt WHERE {is_rebuilt})"
        ).format(**names)
    )
    await connection.execute(
        sql.SQL(
            "INSERT INTO {live} ({columns}) SELECT {given}"
            " FROM (SELECT DISTINCT {key} FROM {noted}) AS noted"
            " JOIN {rebuilt} AS rebuilt USING ({key}) LEFT JOIN {live} AS live USING ({key})"
            " WHERE live IS DISTINCT FROM rebuilt"
            " ON CONFLICT ({key}) DO UPDATE SET {set}"
        ).format(**names)
    )


def _names(live: str, table: str) -> dict[str, sql.Composable]:
    key = READ_MODELS[table].KEY

    def alike(one: str) -> sql.Composed:
        pairs = (sql.SQL("{0}.{1} = live.{1}").format(sql.Identifier(one), sql.Identifier(name)) for name in key)
        return sql.SQL(" AND ").join(pairs)

    return {
        "live": sql.Identifier(live, table),
        "rebuilt": sql.Identifier(SHADOW, table),
        "noted": sql.Identifier(SHADOW, f"differing_{table}"),
        "key": sql.SQL(", ").join(map(sql.Identifier, key)),
        "is_noted": alike("noted"),
        "is_rebuilt": alike("rebuilt"),
    }


async def _columns(connection: Connection, table: str) -> list[str]:
    cursor = await connection.execute(statement("columns"), {"schema": SHADOW, "table": table})
    rows: list[tuple[Any, ...]] = await cursor.fetchall()
    return [row[0] for row in rows]
