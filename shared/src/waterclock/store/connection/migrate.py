"""The schema, as a row of files that are applied once, in order, each in one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from importlib.resources import files
from typing import NamedTuple

from psycopg import AsyncConnection
from psycopg.errors import UndefinedTable
from psycopg.rows import TupleRow

from waterclock.store.connection.connect import reach
from waterclock.store.connection.errors import StoreUnfit
from waterclock.store.connection.lock_wait import LIMIT, patient, second_session
from waterclock.store.connection.permissions import rights
from waterclock.store.connection.statements import statement

POSTGRES_FROM = 15
_LOCK = 0x7761746572  # "water": held while the schema changes

# Names under which the release before knows these files. It starts only where it finds them.
_BEFORE = {
    "0005_standing": "0004_standing",
    "0010_chain": "0009_chain",
    "0011_api_keys": "0010_api_keys",
    "0012_key_changes": "0011_key_changes",
    "0013_rights": "0012_rights",
    "0014_cancel_reason": "0013_cancel_reason",
    "0015_reach": "0014_reach",
    "0016_months": "0015_months",
    "0017_quarantine": "0016_quarantine",
    "0018_places": "0017_places",
    "0019_order": "0018_order",
    "0020_schemas": "0019_schemas",
}


def _say_nothing(line: str) -> None:
    assert line


class Migration(NamedTuple):
    """One file of the schema: an applied one is known by its name, a renamed one by its text."""

    name: str
    checksum: str
    text: bytes


async def migrate(postgres_url: str, *, tell: Callable[[str], None] = _say_nothing, limit: float = LIMIT) -> list[str]:
    """Bring the schema up to this release; the names of what was applied, none if it was there already.

    The roles of the services, where there are such, are given their rights. Another migration is waited for as long as
    it is at work; `tell` is called every few seconds with who holds a lock, and `limit` s later it is given up.

    Raises:
        StoreUnfit: the server is unreachable or too old, the user lacks a right, or an applied file is not the one
            we have.
        LockHeld: another session holds a lock for too long; run it again to go on.
    """
    with rights(postgres_url):
        async with await reach(postgres_url, autocommit=True, connect_timeout=10) as connection:
            check_server(connection)
            held = partial(patient, connection, connect=partial(second_session, postgres_url), tell=tell, limit=limit)
            await held(_be_alone(connection), while_it_works=True)
            return await held(_migrate(connection))


async def pending(connection: AsyncConnection[TupleRow]) -> list[str]:
    """Names of the migrations that the database lacks.

    Raises:
        StoreUnfit: an applied file is not the one we have.
    """
    try:
        return [each.name for each in await _missing(connection)]
    except UndefinedTable:
        return [each.name for each in migrations()]


async def has_schema(connection: AsyncConnection[TupleRow]) -> bool:
    """Whether our tables are there, of whatever release."""
    row = await (await connection.execute(statement("has_schema"))).fetchone()
    return row is not None and row[0]


async def foreign(connection: AsyncConnection[TupleRow]) -> list[str]:
    """Names of applied migrations that this release does not know: a newer one has been here."""
    known = {each.name for each in migrations()} | set(_BEFORE.values())
    texts = {each.checksum for each in migrations()}
    applied = await _applied(connection)
    return sorted(name for name, checksum in applied.items() if name not in known and checksum not in texts)


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
        raise StoreUnfit(f"The database {connection.info.dbname} has the encoding {encoding}: create one with UTF8.")


def migrations() -> list[Migration]:
    """All that this release knows, in order."""
    folder = files("waterclock.store") / "migrations"
    texts = {
        file.name.removesuffix(".sql"): file.read_bytes() for file in folder.iterdir() if file.name.endswith(".sql")
    }
    return [Migration(name, hashlib.sha256(texts[name]).hexdigest(), texts[name]) for name in sorted(texts)]


async def _be_alone(connection: AsyncConnection[TupleRow]) -> None:
    await connection.execute("SELECT pg_advisory_lock(%s)", [_LOCK])  # released with the session


async def _migrate(connection: AsyncConnection[TupleRow]) -> list[str]:
    await connection.execute(statement("create_migrations"))
    missing = await _missing(connection)
    for each in missing:
        await _apply(connection, each)
    await connection.execute(statement("make_months"))
    await connection.execute(statement("give_rights"))
    return [each.name for each in missing]


async def _missing(connection: AsyncConnection[TupleRow]) -> list[Migration]:
    applied = await _applied(connection)
    for each in migrations():
        for name in (each.name, _BEFORE.get(each.name, each.name)):
            if applied.get(name, each.checksum) != each.checksum:
                raise StoreUnfit(f"Migration {name} was applied with a different text than in this release.")
    texts = set(applied.values())
    return [each for each in migrations() if each.checksum not in texts]


async def _applied(connection: AsyncConnection[TupleRow]) -> dict[str, str]:
    """Checksums by the name under which each was applied."""
    cursor = await connection.execute(statement("applied_migrations"))
    return dict(await cursor.fetchall())


async def _apply(connection: AsyncConnection[TupleRow], migration: Migration) -> None:
    async with connection.transaction():
        await connection.execute(migration.text)
        for name in {migration.name, _BEFORE.get(migration.name, migration.name)}:
            await connection.execute(statement("note_migration"), {"name": name, "checksum": migration.checksum})
