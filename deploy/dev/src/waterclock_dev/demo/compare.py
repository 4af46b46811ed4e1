"""What a database holds, table by table, told so that two databases can be compared."""

import hashlib
from collections.abc import Mapping
from typing import NamedTuple

import psycopg
from psycopg import sql

NAMES = """
SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> 'reached'
"""
"""Of a table that is partitioned its partitions: there its rows are. The API writes `reached` every two seconds."""
ROWS = 'SELECT each::text FROM {table} AS each ORDER BY each::text COLLATE "C"'


class Table(NamedTuple):
    rows: int
    sha256: str  # of all columns of all rows


def different(dumped: Mapping[str, Table], copy: Mapping[str, Table]) -> list[str]:
    """Names of the tables that are not the same on both sides, or on one side only."""
    return sorted(name for name in dumped.keys() | copy.keys() if dumped.get(name) != copy.get(name))


async def tables(url: str) -> dict[str, Table]:
    """All tables of a small database: each is read whole."""
    async with await psycopg.AsyncConnection.connect(url) as connection:
        await connection.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
        cursor = await connection.execute(NAMES)
        names = [row[0] for row in await cursor.fetchall()]
        return {name: await _content(connection, name) for name in names}


async def _content(connection: psycopg.AsyncConnection, name: str) -> Table:
    cursor = await connection.execute(sql.SQL(ROWS).format(table=sql.Identifier(name)))
    rows = [row[0] for row in await cursor.fetchall()]
    return Table(len(rows), hashlib.sha256("\n".join(rows).encode()).hexdigest())
