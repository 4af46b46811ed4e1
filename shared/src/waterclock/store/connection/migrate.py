"""The schema, as a row of files that are applied once, in order, each in one transaction."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from typing import NamedTuple

from psycopg import AsyncConnection
from psycopg.errors import UndefinedTable
from psycopg.rows import TupleRow

from waterclock.store.connection.connect import reach
from waterclock.store.connection.errors import StoreUnfit
from waterclock.store.connection.permissions import rights
from waterclock.store.connection.statements import statement

POSTGRES_FROM = 15
_LOCK = 0x7761746572  # "water": held while the schema changes


class Migration(NamedTuple):
    name: str
    checksum: str
    text: bytes


async def migrate(postgres_url: str) -> list[str]:
    """Bring the schema up to this release; the names of what was applied, none if it was there already.

    The roles of the services, where there are such, are given their rights.

    Raises:
        StoreUnfit: the server is out of reach or too old, the user lacks a right, or an applied file is not the one
            we have.
    """
    with rights(postgres_url):
        async with await reach(postgres_url, autocommit=True, connect_timeout=10) as connection:
            check_server(connection)
            await connection.execute("SELECT pg_advisory_lock(%s)", [_LOCK])  # released with the session
            await connection.execute(statement("create_migrations"))
            missing = await _missing(connection)
            for each in missing:
                await _apply(connection, each)
            await connection.execute(statement("make_months"))
            await connection.execute(statement("give_rights"))
    return [each.name for each in missing]


async def pending(connection: AsyncConnection[TupleRow]) -> list[str]:
    """Names of the migrations that the database lacks.

    Raises:
        StoreUnfit: an applied file is not the one we have.
    """
    try:
        return [each.name for each in await _missing(connection)]
    except UndefinedTable:
        return [each.name for each in migrations()]


async def foreign(connection: AsyncConnection[TupleRow]) -> list[str]:
    """Names of applied migrations that this release does not know: a newer one has been here."""
    known = {each.name for each in migrations()}
    cursor = await connection.execute(statement("applied_migrations"))
    return sorted({name for name, _ in await cursor.fetchall()} - known)


def check_server(connection: AsyncConnection[TupleRow]) -> None:
    """
    Raises:
        StoreUnfit: the server is too old, or the database cannot hold every text.
    """
    found = connection.info.server_version // 10_000
    if found < POSTGRES_FROM:
        raise StoreUnfit(f"Postgres {found} is too old: {POSTGRES_FROM} or newer.")
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise StoreUnfit(f"The database {connection.info.dbname} is encoded in {encoding}: make one in UTF8.")


def migrations() -> list[Migration]:
    """All that this release knows, in order."""
    folder = files("waterclock.store") / "migrations"
    texts = {
        file.name.removesuffix(".sql"): file.read_bytes() for file in folder.iterdir() if file.name.endswith(".sql")
    }
    return [Migration(name, hashlib.sha256(texts[name]).hexdigest(), texts[name]) for name in sorted(texts)]


async def _missing(connection: AsyncConnection[TupleRow]) -> list[Migration]:
    cursor = await connection.execute(statement("applied_migrations"))
    applied: dict[str, str] = dict(await cursor.fetchall())
    for each in migrations():
        if applied.get(each.name, each.checksum) != each.checksum:
            raise StoreUnfit(f"Migration {each.name} was applied with another text than this release has.")
    return [each for each in migrations() if each.name not in applied]


async def _apply(connection: AsyncConnection[TupleRow], migration: Migration) -> None:
    async with connection.transaction():
        await connection.execute(migration.text)
        await connection.execute(statement("note_migration"), {"name": migration.name, "checksum": migration.checksum})
