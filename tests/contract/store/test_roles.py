"""Each service has a role at Postgres that may do what the service does, and nothing else."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection
from psycopg.errors import InsufficientPrivilege

from tests.contract.store.test_statements import NOT_PLANNED, STATEMENTS
from tests.support.reach import Name, reach
from tests.support.roles import Roles, make_roles, with_roles
from tests.support.servers import Shared
from waterclock.store import api_keys
from waterclock.store.connection.errors import StoreUnfit
from waterclock.store.connection.migrate import migrate
from waterclock.store.connection.pool import open_pool
from waterclock.store.connection.statements import statement
from waterclock_dev.servers.postgres import postgres_program

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
        "INSERT INTO notices (id, at, kind, rule, document) VALUES ('a', now(), 'failed', 'r', '')",
        "UPDATE notifier_positions SET seq = 0",
        "DELETE FROM notice_facts",
    ),
    "notifier": (
        "SELECT FROM api_keys",
        "SELECT FROM api_key_changes",
        "INSERT INTO api_key_changes (change, key_id, name, scopes) VALUES ('created', 'a', 'a', '{}')",
        "INSERT INTO api_keys (key_id, name, secret_sha256, scopes) VALUES ('a', 'a', sha256(''), '{admin}')",
        "UPDATE migrations SET checksum = ''",
        "UPDATE installation SET identity = 'a'",
        "UPDATE jobs SET job_name = 'a'",
        "DELETE FROM runs",
        "DELETE FROM events",
        "DELETE FROM log_lines",
        "UPDATE partitions SET seq = 0",
        "SELECT FROM partitions FOR UPDATE",
        "SELECT FROM partitions FOR SHARE",
        "SELECT make_archive_month(now())",
        "SELECT drop_archive_month('events_default', now())",
        "SELECT note_reached('{0}', '{a}', '{1}')",
    ),
    "backup": (
        "DELETE FROM runs",
        "UPDATE api_keys SET scopes = '{admin}'",
        "SELECT make_archive_month(now())",
        "SELECT rolpassword FROM pg_authid",
        "SELECT FROM pg_user_mapping",
        "SELECT FROM pg_statistic",
        "SELECT subconninfo FROM pg_subscription",
        "SELECT nextval('api_key_changes_number_seq')",
    ),
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
        await api_keys.add(owner, **values)
    async with await AsyncConnection.connect(roles.of("api"), autocommit=True) as api:
        await api_keys.note_used(api, {"k": datetime(2026, 11, 25, tzinfo=UTC)})
        [noted] = await api_keys.all_keys(api)
    assert noted.last_used_at is not None


async def test_a_publisher_may_do_as_a_notifier_all_that_its_code_asks_for(roles: Roles) -> None:
    await migrate(roles.of("owner"))
    asked = reach(Name("waterclock_api.publisher_main", "_publish"))
    with psycopg.connect(roles.of("notifier")) as connection:
        planned = {name for package, name in STATEMENTS if name in asked.names and plan(connection, package, name)}
    assert {"publishable_entries", "advance_publisher", "look_at_origin"} <= planned


async def test_a_notifier_may_do_all_that_its_code_asks_for(roles: Roles) -> None:
    await migrate(roles.of("owner"))
    asked = reach(Name("waterclock_api.notifier_main", "_notify"), Name("waterclock_api.operator.notices", "resume"))
    with psycopg.connect(roles.of("notifier")) as connection:
        planned = {name for package, name in STATEMENTS if name in asked.names and plan(connection, package, name)}
    assert {
        "write_facts",
        "record_notices",
        "hold_notifier",
        "settle_message",
        "move_origin",
        "notice_lines",
    } <= planned


def plan(connection: psycopg.Connection, package: str, name: str) -> bool:
    """Whether it is one that is planned, and the role may do it."""
    text = re.sub(rb"--[^\n]*\n", b"", statement(name, package)).strip()
    if text.startswith(NOT_PLANNED):
        return False
    with connection.transaction(force_rollback=True):
        connection.execute(b"EXPLAIN " + text, dict.fromkeys(re.findall(r"%\((\w+)\)s", text.decode())) or None)
    return True


async def test_without_a_password_nobody_is_the_notifier_and_one_that_is_there_stays(roles: Roles) -> None:
    await migrate(roles.of("owner"))
    make_roles(roles.url, without=("notifier",))
    with psycopg.connect(roles.of("notifier")) as connection:
        assert connection.execute("SELECT count(*) FROM notices").fetchone() == (0,)
    with psycopg.connect(roles.url, autocommit=True) as admin:
        admin.execute("ALTER ROLE waterclock_notifier PASSWORD NULL")
        make_roles(roles.url, without=("notifier",))
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(roles.of("notifier"))


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


NO_MONTHS = (
    "drop_archive_month('events_default', '2001-03-01Z')",
    "drop_archive_month('events', '2001-03-01Z')",
    "drop_archive_month('api_keys', '2001-03-01Z')",
    "drop_archive_month('pg_class', '2001-03-01Z')",
    "drop_archive_month('events_2001_13', '2001-03-01Z')",
    "drop_archive_month('events_odd', '2002-02-14Z')",
    "drop_archive_month('events_2003_04', '2003-05-02Z')",
    "drop_archive_month('runs_2001_02', '2001-03-01Z')",
    "drop_archive_month('mine', '2001-03-01Z')",
    "drop_archive_month('0', '2001-03-01Z')",
    "drop_archive_month(NULL, '2001-03-01Z')",
    "drop_archive_month('events_2001_02', NULL)",
    "drop_archive_month('events_2001_02', 'infinity')",
    "drop_archive_month('events_2001_02', '-infinity')",
    "drop_archive_month('events_2001_02', '2001-02-01Z')",
    "make_archive_month(NULL)",
    "make_archive_month('infinity')",
    "make_archive_month('-infinity')",
    "make_archive_month('0044-03-15 BC')",
    "make_archive_month('10000-01-01Z')",
    "make_archive_month('1969-12-31T23:59:59Z')",
)
ODD_MONTHS = (
    "SELECT make_archive_month('2001-02-03Z')",
    "CREATE TABLE events_2001_13 PARTITION OF events FOR VALUES FROM ('2001-03-01Z') TO ('2001-04-01Z')",
    "CREATE TABLE events_odd PARTITION OF events FOR VALUES FROM ('2002-02-01Z') TO ('2002-02-14Z')",
    "CREATE TABLE events_2003_04 PARTITION OF events FOR VALUES FROM ('2003-04-01Z') TO ('2003-05-02Z')",
    "CREATE SCHEMA other",
    "CREATE TABLE mine (LIKE events)",
    "CREATE TABLE runs_2001_02 (LIKE runs)",
)


async def test_only_months_of_the_archive_are_made_and_dropped_by_the_projector(roles: Roles) -> None:
    await migrate(roles.of("owner"))
    listed = "SELECT array_agg(oid::regclass::text ORDER BY oid) FROM pg_class WHERE relkind IN ('r', 'p')"
    with psycopg.connect(roles.of("owner"), autocommit=True) as owner:
        for statement in ODD_MONTHS:
            owner.execute(statement.encode())
        before = owner.execute(listed.encode()).fetchone()
        with psycopg.connect(roles.of("projector"), autocommit=True) as projector:
            for call in NO_MONTHS:
                with pytest.raises(psycopg.errors.InvalidParameterValue):
                    projector.execute(f"SELECT {call}".encode())
            projector.execute("SET datestyle = 'German'; SET timezone = 'Pacific/Chatham'")
            assert projector.execute("SELECT drop_archive_month('events_2001_02', '2001-03-01Z')").fetchone() == (0,)
            assert projector.execute("SELECT make_archive_month('9999-12-31Z')").fetchone() == (True,)
            assert projector.execute("SELECT drop_archive_month('events_9999_12', '10000-01-01Z')").fetchone() == (0,)
        after = owner.execute(listed.encode()).fetchone()
    assert before is not None
    assert after == ([name for name in before[0] if name != "events_2001_02"],)


async def test_what_works_with_the_owners_rights_is_closed_to_all_and_names_its_schema(roles: Roles) -> None:
    await migrate(roles.of("owner"))
    with psycopg.connect(roles.url) as connection:
        found = connection.execute(
            "SELECT proname, proconfig, has_function_privilege('public', oid, 'EXECUTE') FROM pg_proc"
            " WHERE prosecdef AND pronamespace = 'public'::regnamespace ORDER BY 1"
        ).fetchall()
    names = ("drop_archive_month", "make_archive_month", "note_key_change", "note_reached")
    assert found == [(name, ["search_path=public, pg_temp"], False) for name in names]


def dumped(url: str) -> str:
    command = [postgres_program("pg_dump"), f"--dbname={url}"]
    done = subprocess.run(command, check=False, capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode()


async def test_a_backup_by_its_role_holds_all_and_months_that_are_yet_to_come(roles: Roles, postgres_url: str) -> None:
    await migrate(roles.of("owner"))
    with psycopg.connect(roles.url, autocommit=True) as admin:
        admin.execute("GRANT pg_read_all_data TO waterclock_backup")  # as an earlier release gave it
    again = Roles(roles.url, make_roles(roles.url))
    with psycopg.connect(again.of("projector"), autocommit=True) as projector:
        projector.execute("SELECT make_archive_month('2001-02-03Z')")
    with psycopg.connect(again.of("owner"), autocommit=True) as owner:
        owner.execute("CREATE TABLE later (number bigint GENERATED ALWAYS AS IDENTITY)")
        wanted = owner.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
    assert wanted == (len(re.findall("^CREATE TABLE public", dumped(again.of("backup")), re.MULTILINE)),)
    with psycopg.connect(postgres_url, autocommit=True) as other:
        other.execute("CREATE TABLE theirs (word text)")
    with (
        psycopg.connect(Roles(postgres_url, again.passwords).of("backup")) as connection,
        pytest.raises(InsufficientPrivilege),
    ):
        connection.execute("SELECT FROM theirs")


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
    for name in ("api", "projector", "notifier"):
        with pytest.raises(
            StoreUnfit, match=rf"user waterclock_{name} of WATERCLOCK_POSTGRES_URL lacks a permission: .*public"
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
    with psycopg.connect(roles.of("notifier"), autocommit=True) as connection:
        with pytest.raises(InsufficientPrivilege):
            connection.execute("INSERT INTO later (word) VALUES ('flow')")
        assert connection.execute("SELECT word FROM later").fetchone() == ("ebb",)


async def test_a_database_of_others_on_the_server_gives_the_roles_nothing(roles: Roles, postgres_url: str) -> None:
    await migrate(postgres_url)
    other = Roles(postgres_url, roles.passwords)
    for name in ("api", "projector", "notifier"):
        with psycopg.connect(other.of(name), autocommit=True) as connection:
            for table in ("runs", "events", "api_keys", "migrations"):
                with pytest.raises(InsufficientPrivilege):
                    connection.execute(f"SELECT FROM {table}".encode())
