"""The schema: applied once, whoever applies it, and never silently another."""

import asyncio
import hashlib
from pathlib import Path

import psycopg
import psycopg.conninfo
import pytest

from tests.support.previous import previous_sources
from waterclock.store.connection.errors import StoreUnfit
from waterclock.store.connection.migrate import foreign, migrate, migrations, pending
from waterclock.store.connection.pool import open_pool

NAMES = [each.name for each in migrations()]


async def test_a_database_is_migrated_once(postgres_url: str) -> None:
    assert await migrate(postgres_url) == NAMES
    assert await migrate(postgres_url) == []


def test_migrations_are_numbered_from_one_without_a_gap_or_a_double() -> None:
    assert [int(name.partition("_")[0]) for name in NAMES] == list(range(1, len(NAMES) + 1))


@pytest.mark.parametrize("renamed", ["0099_renamed", "0004_chain"])
async def test_a_migration_that_was_applied_under_another_name_is_known_by_its_text(
    renamed: str, postgres_url: str
) -> None:
    await migrate(postgres_url)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("DELETE FROM migrations WHERE name = '0009_chain'")
        connection.execute("UPDATE migrations SET name = %s WHERE name = '0010_chain'", [renamed])

    assert await migrate(postgres_url) == []

    async with await psycopg.AsyncConnection.connect(postgres_url) as connection:
        assert await pending(connection) == []
        assert await foreign(connection) == []


async def test_the_release_before_and_this_one_know_what_the_other_has_applied(
    postgres_url: str, tmp_path: Path
) -> None:
    before = names_of_the_release_before(tmp_path)
    await migrate(postgres_url)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        applied = dict(connection.execute("SELECT name, checksum FROM migrations").fetchall())
        assert {name: applied[name] for name in before} == before
        connection.execute(
            "DELETE FROM migrations WHERE NOT name = ANY(%s) AND checksum = ANY(%s)", [list(before), [*before.values()]]
        )

    assert await migrate(postgres_url) == []


async def test_a_migration_of_a_newer_release_is_foreign(postgres_url: str) -> None:
    await migrate(postgres_url)
    async with await psycopg.AsyncConnection.connect(postgres_url, autocommit=True) as connection:
        await connection.execute("INSERT INTO migrations (name, checksum) VALUES ('0500_later', 'later')")
        assert await foreign(connection) == ["0500_later"]


async def test_two_at_once_apply_each_migration_once(postgres_url: str) -> None:
    async with asyncio.TaskGroup() as tasks:
        both = [tasks.create_task(migrate(postgres_url)) for _ in range(2)]

    assert sorted(len(each.result()) for each in both) == [0, len(NAMES)]


async def test_a_migration_that_was_applied_with_another_text_is_refused(postgres_url: str) -> None:
    await migrate(postgres_url)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("UPDATE migrations SET checksum = 'other'")

    with pytest.raises(StoreUnfit, match="different text"):
        await migrate(postgres_url)


async def test_a_database_that_cannot_hold_every_text_is_refused(postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        other = f"{connection.info.dbname}_ascii"
        connection.execute(f"CREATE DATABASE {other} ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0".encode())
        try:
            with pytest.raises(StoreUnfit, match="has the encoding SQL_ASCII: create one with UTF8"):
                await migrate(psycopg.conninfo.make_conninfo(postgres_url, dbname=other))
        finally:
            connection.execute(f"DROP DATABASE {other}".encode())


async def test_a_database_that_is_not_migrated_is_refused_with_the_remedy(postgres_url: str) -> None:
    with pytest.raises(StoreUnfit, match="run `waterclock migrate`"):
        await open_pool(postgres_url, name="test", min_size=1, max_size=1)


async def test_a_server_out_of_reach_is_one_line_that_names_the_setting() -> None:
    with pytest.raises(StoreUnfit, match="WATERCLOCK_POSTGRES_URL") as refused:
        await open_pool("postgresql://nobody@127.0.0.1:1/none", name="test", min_size=1, max_size=1)

    assert "\n" not in str(refused.value)


def test_the_archive_has_tables_for_this_month_and_the_next_two(migrated_postgres_url: str) -> None:
    with psycopg.connect(migrated_postgres_url) as connection:
        named = connection.execute(
            "SELECT relid::regclass::text FROM pg_partition_tree('events') WHERE isleaf AND level = 1 ORDER BY 1"
        ).fetchall()
        ahead = connection.execute(
            "SELECT 'events_' || to_char(now() AT TIME ZONE 'UTC' + n * interval '1 month', 'YYYY_MM')"
            " FROM generate_series(0, 2) AS n"
        ).fetchall()

    assert set(named) == {("events_default",), *ahead}


def test_a_month_that_the_default_table_holds_already_is_left_there(migrated_postgres_url: str) -> None:
    with psycopg.connect(migrated_postgres_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO events (partition, epoch, seq, prev, at, type, document)"
            " VALUES (0, 1, 1, '', '2031-05-31T23:59:59.999Z', 'x', '')"
        )

        made = [
            connection.execute("SELECT make_archive_month(%s)", [month]).fetchone()
            for month in ("2031-05-01T00:00Z", "2031-06-15T12:00Z", "2031-06-30T00:00Z")
        ]

        connection.execute("UPDATE events SET at = '2031-06-01T00:00Z'")
        assert connection.execute("SELECT tableoid::regclass::text FROM events").fetchall() == [("events_2031_06",)]
    assert made == [(False,), (True,), (False,)]


def names_of_the_release_before(folder: Path) -> dict[str, str]:
    """Its migrations, with their checksums."""
    shared, *_ = previous_sources(folder)
    found = (Path(shared) / "waterclock/store/migrations").glob("*.sql")
    return {file.stem: hashlib.sha256(file.read_bytes()).hexdigest() for file in found}
