"""Each service has a role at Postgres that may do what the service does, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection
from psycopg.errors import InsufficientPrivilege

from tests.support.roles import Roles, make_roles, with_roles
from tests.support.servers import Shared
from waterclock.store import keys
from waterclock.store.errors import StoreUnfit
from waterclock.store.migrate import migrate
from waterclock.store.pool import open_pool

pytestmark = pytest.mark.asyncio

FORBIDDEN = {
    "api": (
        "INSERT INTO runs (run_id) VALUES ('a')",
        "UPDATE jobs SET job_name = 'a'",
        "DELETE FROM events",
        "DELETE FROM log_lines",
        "UPDATE partitions SET epoch = 0",
        "INSERT INTO api_keys (key_id, name, secret_sha256, scopes) VALUES ('a', 'a', sha256(''), '{admin}')",
        "UPDATE api_keys SET scopes = '{admin}'",
        "UPDATE api_keys SET expires_at = NULL, revoked_at = NULL",
        "DELETE FROM api_keys",
        "SELECT make_archive_month(now())",
    ),
    "projector": (
        "SELECT FROM api_keys",
        "SELECT FROM api_key_changes",
        "INSERT INTO api_key_changes (change, key_id, name, scopes) VALUES ('created', 'a', 'a', '{}')",
        "INSERT INTO api_keys (key_id, name, secret_sha256, scopes) VALUES ('a', 'a', sha256(''), '{admin}')",
        "UPDATE migrations SET checksum = ''",
        "ALTER TABLE events DETACH PARTITION events_default",
    ),
    "backup": ("DELETE FROM runs", "UPDATE api_keys SET scopes = '{admin}'", "SELECT make_archive_month(now())"),
}
FOR_NOBODY = (
    "CREATE TABLE mine ()",
    "CREATE SCHEMA mine",
    "CREATE TEMPORARY TABLE mine ()",
    "DROP TABLE runs",
    "TRUNCATE runs",
    "ALTER TABLE runs ADD COLUMN mine text",
    "CREATE ROLE mine",
    "ALTER ROLE waterclock_owner PASSWORD 'mine'",
    "SET ROLE waterclock_owner",
    "COPY runs TO PROGRAM 'true'",
    "SELECT pg_read_file('postgresql.conf')",
)


@pytest.fixture
def roles(postgres_server: Shared) -> Iterator[Roles]:
    with with_roles(postgres_server) as made:
        yield made


async def test_what_a_role_must_not_do_is_refused(roles: Roles) -> None:
    await migrate(roles.of("owner"))
    for name, forbidden in FORBIDDEN.items():
        with psycopg.connect(roles.of(name), autocommit=True) as connection:
            assert connection.execute("SELECT count(*) FROM runs").fetchone() == (0,)
            for text in (*forbidden, *FOR_NOBODY):
                with pytest.raises(InsufficientPrivilege):
                    connection.execute(text.encode())


async def test_the_api_notes_when_a_key_was_used_and_changes_nothing_else_of_it(roles: Roles) -> None:
    await migrate(roles.of("owner"))
    values: dict[str, Any] = {
        "key_id": "k",
        "name": "n",
        "secret_sha256": bytes(32),
        "scopes": ("list",),
        "valid_for": None,
    }
    async with await AsyncConnection.connect(roles.of("owner"), autocommit=True) as owner:
        await keys.add(owner, **values)
    async with await AsyncConnection.connect(roles.of("api"), autocommit=True) as api:
        await keys.note_used(api, {"k": datetime(2026, 11, 25, tzinfo=UTC)})
        [noted] = await keys.all_keys(api)
    assert noted.last_used_at is not None


async def test_months_come_and_go_by_the_projector_and_are_the_owners(roles: Roles) -> None:
    await migrate(roles.of("owner"))
    with psycopg.connect(roles.of("projector"), autocommit=True) as connection:
        made = connection.execute("SELECT make_archive_month('2001-02-03Z')").fetchone()
        assert made == (True,)
        owner = connection.execute("SELECT tableowner FROM pg_tables WHERE tablename = 'events_2001_02'").fetchone()
        assert owner == ("waterclock_owner",)
        with pytest.raises(InsufficientPrivilege):
            connection.execute("DROP TABLE events_2001_02")
        gone = connection.execute("SELECT drop_archive_month('events_2001_02'::regclass, '2001-03-01Z')").fetchone()
        assert gone == (0,)
        with pytest.raises(psycopg.errors.UndefinedTable):  # a table that is no month of the archive
            connection.execute("SELECT drop_archive_month('api_keys'::regclass, '2001-03-01Z')")


async def test_a_database_that_another_has_made_becomes_the_owners(roles: Roles) -> None:
    await migrate(roles.url)
    passwords = make_roles(roles.url)
    again = Roles(roles.url, passwords)
    assert await migrate(again.of("owner")) == []
    with psycopg.connect(again.of("api")) as connection:
        assert connection.execute("SELECT count(*) FROM api_keys").fetchone() == (0,)
        owners = connection.execute("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'").fetchall()
    assert owners == [("waterclock_owner",)]
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(roles.of("api"))


async def test_a_right_that_is_missing_is_told_with_the_user(roles: Roles) -> None:
    await migrate(roles.of("owner"))
    with psycopg.connect(roles.of("owner"), autocommit=True) as connection:
        connection.execute("REVOKE SELECT ON migrations FROM waterclock_api")
    with pytest.raises(StoreUnfit, match=r"user waterclock_api of WATERCLOCK_POSTGRES_URL .* table migrations"):
        await open_pool(roles.of("api"), name="test", min_size=1, max_size=1)


async def test_who_may_not_change_the_schema_is_told_so(roles: Roles) -> None:
    await migrate(roles.of("owner"))
    for name in ("api", "projector"):
        with pytest.raises(
            StoreUnfit, match=rf"user waterclock_{name} of WATERCLOCK_POSTGRES_URL lacks a right: .*public"
        ):
            await migrate(roles.of(name))


async def test_a_table_of_a_later_migration_is_the_services_too(roles: Roles) -> None:
    await migrate(roles.of("owner"))
    with psycopg.connect(roles.of("owner"), autocommit=True) as connection:
        connection.execute("CREATE TABLE later (number bigint GENERATED ALWAYS AS IDENTITY, word text)")
    assert await migrate(roles.of("owner")) == []
    with psycopg.connect(roles.of("projector"), autocommit=True) as connection:
        connection.execute("INSERT INTO later (word) VALUES ('ebb')")
    with psycopg.connect(roles.of("api"), autocommit=True) as connection:
        assert connection.execute("SELECT word FROM later").fetchone() == ("ebb",)


async def test_a_database_of_others_on_the_server_gives_the_roles_nothing(roles: Roles, postgres_url: str) -> None:
    await migrate(postgres_url)
    other = Roles(postgres_url, roles.passwords)
    for name in ("api", "projector"):
        with psycopg.connect(other.of(name), autocommit=True) as connection:
            for table in ("runs", "events", "api_keys", "migrations"):
                with pytest.raises(InsufficientPrivilege):
                    connection.execute(f"SELECT FROM {table}".encode())
