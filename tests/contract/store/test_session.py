"""A session with Postgres is what the URL says, whatever the machine, the user and the database are set to."""

import asyncio
import os
from collections.abc import Iterator
from urllib.parse import quote

import psycopg
import pytest

from tests.contract.store.test_project import project, runs
from tests.support.histories import entries_of
from waterclock.model.events import RunSucceeded
from waterclock.model.ids import JobId, RunId
from waterclock.store.connection.errors import StoreUnfit
from waterclock.store.connection.migrate import migrate
from waterclock.store.connection.pool import check_usable, connect_anew, open_pool
from waterclock.store.connection.session import Session
from waterclock.store.connection.statements import statement

SETTINGS = """
SELECT current_setting('client_encoding'), current_setting('search_path'), current_setting('lock_timeout'),
    current_setting('statement_timeout')
"""
OURS = ("UTF8", '"$user", public', "0", "0")


@pytest.fixture(autouse=True)
def environment_as_before() -> Iterator[None]:
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def database(migrated_postgres_url: str) -> str:
    with psycopg.connect(migrated_postgres_url) as connection:
        return connection.info.dbname


def told(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for each in statements:
            connection.execute(each.encode())


async def settings(url: str) -> tuple[str, ...]:
    """Of a pool's sessions, and of those beside it."""
    pool = await open_pool(url, name="test", max_size=1)
    try:
        async with pool.connection() as connection, await connect_anew(pool) as other:
            found = [await (await each.execute(SETTINGS)).fetchone() for each in (connection, other)]
    finally:
        await pool.close()
    assert found[0] is not None
    assert found[0] == found[1]
    return found[0]


@pytest.mark.parametrize(
    "given",
    [
        {"PGCLIENTENCODING": "LATIN1"},
        {"PGCLIENTENCODING": "SQL_ASCII"},
        {"PGOPTIONS": "-csearch_path=app -clock_timeout=1"},
        {"PGSERVICE": "work", "PGPORT": "1", "PGHOSTADDR": "203.0.113.9", "PGDATABASE": "other"},
        {"PGDATESTYLE": "bogus", "PGTZ": "bogus"},
    ],
)
async def test_the_environment_changes_nothing(
    migrated_postgres_url: str, monkeypatch: pytest.MonkeyPatch, given: dict[str, str]
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert await migrate(migrated_postgres_url) == []
    assert await settings(migrated_postgres_url) == OURS


@pytest.mark.parametrize(
    "setting",
    [
        "client_encoding = 'LATIN1'",
        "search_path = app",
        "search_path = ''",
        "lock_timeout = 1",
        "statement_timeout = 9000",
    ],
)
async def test_what_the_database_is_set_to_changes_nothing(
    migrated_postgres_url: str, database: str, setting: str
) -> None:
    told(migrated_postgres_url, f"ALTER DATABASE {database} SET {setting}")
    assert await migrate(migrated_postgres_url) == []
    assert await settings(migrated_postgres_url) == OURS


async def test_a_result_is_projected_whatever_the_encoding(
    migrated_postgres_url: str, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told(migrated_postgres_url, f"ALTER DATABASE {database} SET client_encoding = 'LATIN1'")
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    pool = await open_pool(migrated_postgres_url, name="test", max_size=1)
    try:
        async with pool.connection() as connection:
            await connection.execute(statement("add_partition"), {"partition": 0})
            before = runs(1)[:3]
            assert await project(connection, None, before)
            end = RunSucceeded(run_id=RunId("j-0"), job_id=JobId("j"), attempt=1, fence=1, result="☕")
            assert await project(connection, before[-1].position, entries_of([end], after=before[-1].position))
            row = await (await connection.execute("SELECT result FROM runs")).fetchone()
            assert row == ("☕",)
    finally:
        await pool.close()


async def test_tables_in_another_schema_are_found_without_a_setting(postgres_url: str) -> None:
    """As of an installation that was made while user or database were set to that schema."""
    told(postgres_url, "CREATE SCHEMA app")
    assert await migrate(f"{postgres_url}?options={quote('-csearch_path=app')}")

    assert await migrate(postgres_url) == []
    assert (await settings(postgres_url))[1] == "app"


async def test_the_schema_that_the_url_says_is_taken_and_has_to_be_there(postgres_url: str) -> None:
    url = f"{postgres_url}?options={quote('-csearch_path=app')}"
    with pytest.raises(StoreUnfit, match="none of the schemas app: create one, and name one"):
        await migrate(url)
    told(postgres_url, "CREATE SCHEMA app")
    assert await migrate(url)
    assert await migrate(url) == []
    assert (await settings(url))[1] == "app"

    told(postgres_url, "CREATE SCHEMA other")
    await migrate(f"{postgres_url}?options={quote('-csearch_path=other')}")
    with pytest.raises(StoreUnfit, match="in several schemas of the database, app, other: name one"):
        await check_usable(postgres_url, "test")


async def test_a_database_that_cannot_hold_every_text_is_refused(postgres_url: str) -> None:
    told(postgres_url, "CREATE DATABASE wc_ascii ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
    try:
        with pytest.raises(StoreUnfit, match="has the encoding SQL_ASCII: create one with UTF8"):
            await migrate(postgres_url.rpartition("/")[0] + "/wc_ascii")
    finally:
        told(postgres_url, "DROP DATABASE wc_ascii")


async def test_a_session_that_keeps_limits_keeps_the_databases_own(migrated_postgres_url: str, database: str) -> None:
    told(migrated_postgres_url, f"ALTER DATABASE {database} SET statement_timeout = 4321")
    for keeps, wanted in ((True, "4321ms"), (False, "0")):
        async with await Session.connect(migrated_postgres_url, autocommit=True, keeps_limits=keeps) as connection:
            assert await (await connection.execute("SHOW statement_timeout")).fetchone() == (wanted,)


async def test_one_that_is_left_is_closed_whoever_is_cancelled(migrated_postgres_url: str) -> None:
    connection = await Session.connect(migrated_postgres_url, autocommit=True)

    async def leave() -> None:
        async with connection:
            pass

    async with connection.lock:
        leaving = asyncio.create_task(leave())
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.wait([leaving])
    assert leaving.cancelled()
    assert connection.closed
