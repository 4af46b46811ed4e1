"""A dump is a program: what it tries while a drill restores it reaches nothing but its own scratch database."""

from __future__ import annotations

import asyncio
import re
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncGenerator, Generator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
import pytest
import pytest_asyncio

from tests.integration.backup.stage import IMPATIENT, Outside, described, environment, outside
from tests.support.drills import ROLE, DrillServer, crafted, drill_server, dumped, manifest_of
from tests.support.servers import Bucket
from waterclock.executors.context import GiveUp, RunContext
from waterclock.kit.clock import SystemClock
from waterclock.testing.run_executor import Told, run_executor
from waterclock_dev.servers.postgres import postgres_program
from waterclock_worker.executors.backup.faults import ChildExit, Damaged, NotProved
from waterclock_worker.executors.backup.postgres.connection import connection_of, private_environment
from waterclock_worker.executors.backup.postgres.programs import found_programs
from waterclock_worker.executors.backup.postgres.restorer import RoleTooWide, judge
from waterclock_worker.executors.backup.postgres.role import restorer_of
from waterclock_worker.executors.backup.postgres.scratch import Psql
from waterclock_worker.executors.backup.s3.keys import stem_of
from waterclock_worker.executors.restore_drill import DrillParams, DrillResult, drill
from waterclock_worker.reporting.outcome import outcome_of

SECRET = "a secret of the shop"
SHOP = f"CREATE TABLE secrets AS SELECT '{SECRET}'::text AS said"
TRY = """
CREATE FUNCTION try(place text, what text) RETURNS text LANGUAGE plpgsql AS $f$
DECLARE said text; why text;
BEGIN
  BEGIN
    EXECUTE what INTO said;
    RETURN format(E'tried %s: done %s\n', place, said);
  EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS why = MESSAGE_TEXT;
    RETURN format(E'tried %s: %s %s\n', place, SQLSTATE, why);
  END;
END $f$
"""
"""Runs anything, tells what came of it, and swallows what it is refused."""
CHECK = """
CREATE FUNCTION checked(int) RETURNS bool LANGUAGE plpgsql AS $f$
DECLARE said text := '';
BEGIN
  IF current_database() <> 'evil' THEN
    {attempts}
  END IF;
  RETURN true;
END $f$
"""
TABLE = ("CREATE TABLE t (id int CHECK (public.checked(id)))", "INSERT INTO t VALUES (1)")


def attempts(marks: Path, port: int) -> dict[str, str]:
    """What a dump may try, by name; all of it would leave a mark, or read what is not its own."""
    here = f"host=127.0.0.1 port={port} user=x"
    return {
        "program": f"COPY (SELECT 1) TO PROGRAM 'touch {marks}/program'",
        "from program": f"COPY public.t FROM PROGRAM 'touch {marks}/from-program'",
        "file": f"COPY (SELECT 1) TO '{marks}/file'",
        "from file": "COPY public.t FROM '/etc/passwd'",
        "lo_export": f"SELECT lo_export(lo_from_bytea(0, 'x'), '{marks}/lo')",
        "lo_import": "SELECT lo_import('/etc/passwd')",
        "pg_read_file": "SELECT pg_read_file('/etc/passwd')",
        "pg_ls_dir": "SELECT pg_ls_dir('.')",
        "pg_hba": "SELECT * FROM pg_hba_file_rules",
        "passwords": "SELECT rolpassword FROM pg_authid",
        "dblink": "CREATE EXTENSION dblink",
        "postgres_fdw": "CREATE EXTENSION postgres_fdw",
        "file_fdw": "CREATE EXTENSION file_fdw",
        "wrapper": "CREATE FOREIGN DATA WRAPPER w",
        "c": f"CREATE FUNCTION public.c() RETURNS int LANGUAGE c AS '{marks}/c.so', 'c'",
        "load": f"LOAD '{marks}/c.so'",
        "language": "CREATE LANGUAGE evil HANDLER plpgsql_call_handler",
        "trigger": "CREATE EVENT TRIGGER e ON ddl_command_start EXECUTE FUNCTION public.checked()",
        "subscription": f"CREATE SUBSCRIPTION s CONNECTION '{here}' PUBLICATION p WITH (connect = false)",
        "superuser": "ALTER ROLE CURRENT_USER SUPERUSER",
        "create role": "CREATE ROLE evil LOGIN SUPERUSER",
        "grant": "GRANT pg_execute_server_program TO CURRENT_USER",
        "set role": "SET ROLE waterclock",
        "authorization": "SET SESSION AUTHORIZATION waterclock",
        "parameter": "SET log_statement = 'all'",
        "preload": f"ALTER ROLE CURRENT_USER SET session_preload_libraries = '{marks}/c.so'",
        "alter database": "ALTER DATABASE shop SET search_path = evil",
        "rename": "ALTER DATABASE shop RENAME TO mine",
        "enter": "GRANT CONNECT ON DATABASE shop TO PUBLIC",
        "own": "ALTER DATABASE shop OWNER TO CURRENT_USER",
        "catalogue": "UPDATE pg_database SET datacl = NULL",
        "slot": "SELECT pg_create_logical_replication_slot('evil', 'test_decoding')",
        "tablespace": f"CREATE TABLESPACE evil LOCATION '{marks}'",
        "kill": "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename <> current_user LIMIT 1",
    }


@pytest.fixture(scope="module")
def server() -> Generator[DrillServer]:
    with drill_server() as made:
        yield made


@pytest.fixture
def shop(server: DrillServer) -> Generator[str]:
    """Whose backups the drills rehearse: on the same server."""
    with server.database("shop", SHOP) as url:
        yield url


@pytest.fixture
def bucket(s3: Bucket) -> Outside:
    return outside(s3)


@pytest.fixture
def surroundings(shop: str, s3: Bucket, server: DrillServer, tmp_path: Path) -> dict[str, str]:
    """A place with a server for drills: the same, by the role that is made for it."""
    return described(tmp_path, environment(shop, s3, SCRATCH=server.scratch), scratch="env:SCRATCH")


async def run_drill(
    surroundings: Mapping[str, str], params: Mapping[str, Any] | None = None, *, told: Told | None = None, **more: Any
) -> Told:
    async def impatient(ctx: RunContext, params: DrillParams) -> DrillResult:
        return await drill(ctx, params, environment=surroundings, limits=IMPATIENT, clock=SystemClock())

    return await run_executor(impatient, params or {}, told=told, run_id="job1-drill", **more)


def put(bucket: Outside, archive: bytes) -> str:
    """Beside the backups of the shop, as its newest."""
    key = f"backups/shop/{stem_of(time.time_ns() // 1_000_000, 'job1-run1')}.dump"
    bucket.put(key, archive)
    bucket.put(f"{key}.manifest.json", manifest_of(archive, key=key, database="shop"))
    return key


def restored_by(url: str, archive: bytes) -> subprocess.CompletedProcess[bytes]:
    command = [postgres_program("pg_restore"), "--no-owner", "--no-acl", f"--dbname={url}"]
    return subprocess.run(command, input=archive, env={"LC_ALL": "C"}, capture_output=True, check=False, timeout=60)


@pytest.fixture
def marks() -> Generator[Path]:
    """An empty folder that everybody may write to, with a name so short that a database's can hold it."""
    with tempfile.TemporaryDirectory(prefix="w", dir="/tmp") as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


def left(marks: Path) -> set[str]:
    return {path.name for path in marks.iterdir()}


@pytest_asyncio.fixture
async def listener() -> AsyncGenerator[tuple[int, list[object]]]:
    """A port, and who came."""
    came: list[object] = []

    def met(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(writer.get_extra_info("peername"))
        writer.close()

    async with await asyncio.start_server(met, "127.0.0.1", 0, family=socket.AF_INET) as listening:
        yield listening.sockets[0].getsockname()[1], came


async def test_nothing_that_a_dump_tries_reaches_beyond_its_scratch_database(
    server: DrillServer,
    surroundings: dict[str, str],
    bucket: Outside,
    marks: Path,
    listener: tuple[int, list[object]],
) -> None:
    port, came = listener
    tries = attempts(marks, port)
    calls = "".join(f"said := said || public.try($q${place}$q$, $q${what}$q$);" for place, what in tries.items())
    tells = "RAISE EXCEPTION E'all of them\\n%', said;"
    with server.database("evil", TRY, CHECK.format(attempts=calls + tells), *TABLE) as evil:
        archive = dumped(evil)
    put(bucket, archive)
    before = server.databases()
    told = Told()

    with pytest.raises(ChildExit):
        await run_drill(surroundings, told=told)

    lines = dict(line.split("tried ", 1)[1].split(": ", 1) for line in told.text.splitlines() if "tried " in line)
    assert lines.keys() == tries.keys()
    assert {place: said for place, said in lines.items() if said.startswith("done")} == {}
    assert left(marks) == set()
    assert came == []
    assert SECRET not in str(told.text)
    with psycopg.connect(server.of("shop")) as connection:
        assert connection.execute("SELECT said FROM secrets").fetchall() == [(SECRET,)]
    assert server.databases() == before
    with server.database("control") as url:
        restored_by(url, archive)
    assert {"program", "file"} <= left(marks)  # as a superuser it would have


@pytest.mark.parametrize(
    ("statements", "why"),
    [
        (["CREATE EXTENSION dblink"], 'extension "dblink".*superuser.*CREATE EXTENSION'),
        (
            [
                CHECK.format(attempts="PERFORM pg_read_file('/etc/passwd');"),
                "CREATE MATERIALIZED VIEW m AS SELECT public.checked(1)",
            ],
            "pg_read_file.*REFRESH MATERIALIZED VIEW",
        ),
        (
            [
                CHECK.format(attempts="COPY (SELECT 1) TO PROGRAM 'true';").replace(
                    "plpgsql", "plpgsql SECURITY DEFINER"
                ),
                *TABLE,
            ],
            "external program",
        ),
    ],
)
async def test_what_only_a_superuser_can_restore_is_not_proved_and_not_tried_again(
    server: DrillServer, surroundings: dict[str, str], bucket: Outside, statements: list[str], why: str
) -> None:
    with server.database("evil", *statements) as evil:
        put(bucket, dumped(evil))

    with pytest.raises(NotProved, match=f"(?s){why}") as raised:
        await run_drill(surroundings)

    outcome = outcome_of(raised.value)
    assert outcome.error is not None
    assert (outcome.kind, outcome.error.type, outcome.final) == ("failed", "NotProved", True)
    assert not [name for name in server.databases() if name.startswith("waterclock_drill")]


async def test_a_dump_that_contradicts_itself_is_no_matter_of_rights(
    server: DrillServer, surroundings: dict[str, str], bucket: Outside
) -> None:
    refuses = CHECK.format(attempts="RETURN false;")
    with server.database("evil", refuses, *TABLE) as evil:
        put(bucket, dumped(evil))

    with pytest.raises(ChildExit, match="violates check constraint"):
        await run_drill(surroundings)


async def test_the_scratch_database_is_its_roles_own(
    server: DrillServer, surroundings: dict[str, str], bucket: Outside
) -> None:
    asked = """
    RAISE EXCEPTION E'seen: %\\nmay enter: %', (SELECT array_to_json(ARRAY[pg_get_userbyid(datdba), session_user]
      || ARRAY(SELECT grantee::text FROM aclexplode(datacl))) FROM pg_database WHERE datname = current_database()),
      (SELECT array_to_json(array_agg(datname ORDER BY datname)) FROM pg_database
      WHERE has_database_privilege(datname, 'CONNECT') AND datallowconn AND datname <> current_database());
    """
    with server.database("evil", CHECK.format(attempts=asked), *TABLE) as evil:
        put(bucket, dumped(evil))
    told = Told()

    with pytest.raises(ChildExit):
        await run_drill(surroundings, told=told)

    with psycopg.connect(server.url) as connection:
        found = connection.execute("SELECT to_regrole(%s)::oid", [ROLE]).fetchone()
    assert found is not None
    said = "\n".join(line.text for line in told.lines)
    assert f'seen: ["{ROLE}","{ROLE}","{found[0]}","{found[0]}","{found[0]}"]' in said, said
    assert f'may enter: ["postgres","template1","{ROLE}"]' in said


async def test_what_a_dump_sets_for_its_role_is_taken_back(
    server: DrillServer, surroundings: dict[str, str], bucket: Outside
) -> None:
    sets = (
        "ALTER ROLE CURRENT_USER SET default_transaction_read_only = on;"
        "ALTER ROLE CURRENT_USER SET search_path = evil, pg_catalog;"
        "ALTER ROLE CURRENT_USER IN DATABASE postgres SET work_mem = '1MB';"
        "ALTER ROLE CURRENT_USER IN DATABASE template1 SET search_path = E'a \\u2028\\u0085\\x0b\\x1c\\r';"
    )
    with server.database("evil", CHECK.format(attempts=sets), *TABLE) as evil:
        put(bucket, dumped(evil))
    told = Told()

    await run_drill(surroundings, told=told)

    assert [line.text for line in told.lines if line.text.startswith("took back")] == [
        'took back work_mem = 1MB, which the dump had set for its role IN DATABASE "postgres"',
        'took back search_path = "a \u2028\x85\x0b\x1c\r", which the dump had set for its role IN DATABASE "template1"',
        "took back default_transaction_read_only = on, which the dump had set for its role",
        "took back search_path = evil, pg_catalog, which the dump had set for its role",
    ]
    with psycopg.connect(server.url) as connection:
        left = connection.execute(
            "SELECT setconfig FROM pg_db_role_setting WHERE setrole = %s::regrole", [ROLE]
        ).fetchall()
    assert left == [(["lc_messages=C"],)]


async def test_names_that_a_dump_chooses_are_never_words_of_psql(
    server: DrillServer, surroundings: dict[str, str], bucket: Outside, marks: Path
) -> None:
    """pg_dump did not write this one: a statement of its own makes a database that looks like a drill's."""
    stem = f"waterclock_drill_{sha256(b'job1-drill').hexdigest()[:16]}"
    name = f'{stem}"";\n\\! >{marks}/a\n'
    with server.database("evil", "CREATE TABLE t (id int)", f"COMMENT ON TABLE t IS '{'x' * 200}'") as evil:
        archive = dumped(evil)
    placeholder = f"COMMENT ON TABLE public.t IS '{'x' * 200}';".encode()
    put(bucket, crafted(archive, placeholder, f'CREATE DATABASE "{name}";'.encode()))
    try:
        await run_drill(surroundings, attempt=1)
        assert name.replace('""', '"') in server.databases()
        with pytest.raises(RoleTooWide, match="owns the database"):
            await run_drill(surroundings, attempt=2)
        assert left(marks) == set()
    finally:
        server.execute(f'DROP DATABASE IF EXISTS "{name}"')


async def test_names_in_the_rows_of_a_dump_are_never_words_of_psql(
    server: DrillServer, surroundings: dict[str, str], bucket: Outside, marks: Path
) -> None:
    """Rows that pg_dump did not write: they end early, and look like tables with bytes that no name has."""
    rows = (
        b"1\n\\.\n"
        b'COPY public."a\x00" FROM stdin;\n1\n\\.\n'
        b'COPY public."\\! >' + str(marks).encode() + b'/a #" FROM stdin;\n'
    )
    with server.database("evil", "CREATE TABLE t (a text)", f"INSERT INTO t VALUES ('{'x' * 200}')") as evil:
        put(bucket, crafted(dumped(evil), b"x" * 200, rows))

    with pytest.raises(Damaged, match="not a table's head"):
        await run_drill(surroundings)

    assert left(marks) == set()


async def test_who_restores_on_the_source_is_told_what_it_reaches_and_goes_on(
    server: DrillServer, s3: Bucket, bucket: Outside
) -> None:
    reader = 'it\'s "me"'
    name = reader.replace('"', '""')
    with server.database("shop", SHOP) as shop:
        archive = dumped(shop)
        put(bucket, archive)
        server.execute(
            f"CREATE ROLE \"{name}\" LOGIN CREATEDB PASSWORD 'x'",
            f'GRANT CONNECT ON DATABASE shop, waterclock TO "{name}"',
            f'GRANT pg_read_all_data TO "{name}"',
        )
        try:
            url = f"postgresql://it%27s%20%22me%22:x@{shop.rpartition('@')[2]}"
            told = Told()
            result: DrillResult = (await run_drill(environment(url, s3), told=told)).result
            assert result.rows == 1
            assert "this drill restores on the server that was backed up" in told.text
            (line,) = [line for line in told.lines if "on the source's server" in line.text]
            assert line.level == "warning"
            assert 'member of "pg_read_all_data"' in line.text
            assert 'CONNECT to the database "waterclock"' in line.text
            server.execute(f'GRANT pg_write_server_files TO "{name}"')
            with pytest.raises(RoleTooWide, match=f'REVOKE "pg_write_server_files" FROM "{name}" GRANTED BY'):
                await run_drill(environment(url, s3))
        finally:
            server.execute(f'DROP OWNED BY "{name}"', f'DROP ROLE "{name}"')


async def test_a_superuser_never_restores(
    server: DrillServer, surroundings: dict[str, str], shop: str, s3: Bucket, bucket: Outside, tmp_path: Path
) -> None:
    with server.database("evil", "CREATE TABLE t (id int)") as evil:
        put(bucket, dumped(evil))
    before = server.databases()
    (tmp_path / "listed").mkdir()
    of_variables = environment(shop, s3)
    listed = described(tmp_path / "listed", of_variables, drills="source")
    for worker, params in (
        (surroundings | {"SCRATCH": server.url}, {}),
        (surroundings | {"SCRATCH": server.url}, {"target": "env:SCRATCH"}),
        (of_variables, {}),
        (listed, {}),
    ):
        told = Told()
        with pytest.raises(RoleTooWide, match='CREATE ROLE "waterclock_scratch" LOGIN NOINHERIT CREATEDB') as raised:
            await run_drill(worker, params, told=told)
        assert isinstance(raised.value, GiveUp)
        assert [step.name for step in told.steps] == ["Find backup"]
        assert server.databases() == before


WIDER = {
    "CREATEROLE": "ALTER ROLE {role} CREATEROLE",
    "REPLICATION": "ALTER ROLE {role} REPLICATION",
    "BYPASSRLS": "ALTER ROLE {role} BYPASSRLS",
    "may not make databases": "ALTER ROLE {role} NOCREATEDB",
    'member of "pg_execute_server_program"': "GRANT pg_execute_server_program TO {role}",
    'member of "pg_read_server_files"': "GRANT pg_read_server_files TO {role} WITH INHERIT FALSE, SET FALSE,"
    " ADMIN TRUE",
    'member of "pg_write_server_files"': 'CREATE ROLE "mid""dle"; GRANT pg_write_server_files TO "mid""dle";'
    ' GRANT "mid""dle" TO {role}',
    'member of "pg_read_all_data"': "GRANT pg_read_all_data TO {role}",
    'member of "pg_create_subscription"': "GRANT pg_create_subscription TO {role}",
    'member of "boss" (SUPERUSER)': "CREATE ROLE boss SUPERUSER; GRANT boss TO {role}",
    'owns the database "sh op"': 'ALTER DATABASE "sh op" OWNER TO {role}',
    'CONNECT to the database "sh op"': 'GRANT CONNECT ON DATABASE "sh op" TO PUBLIC',
    '"team" owns the database': 'CREATE ROLE team; ALTER DATABASE "sh op" OWNER TO team; GRANT team TO {role}',
    'may CONNECT to the database "sh op"': 'GRANT CONNECT ON DATABASE "sh op" TO {role}',
    'it may CONNECT to the database "sh op"': 'CREATE ROLE team; GRANT CONNECT ON DATABASE "sh op" TO team;'
    " GRANT team TO {role}",
    "ALTER SYSTEM the parameter archive_command": "GRANT ALTER SYSTEM ON PARAMETER archive_command TO {role}",
    "SET the parameter session_preload_libraries": "GRANT SET ON PARAMETER session_preload_libraries TO PUBLIC",
}


@pytest.fixture(scope="module")
def drillers(server: DrillServer) -> Generator[DrillServer]:
    """With another database, and somebody who may enter it because everybody may."""
    server.execute("CREATE ROLE clerk LOGIN PASSWORD 'x'")
    with server.database("sh op"):
        yield server
    server.execute("DROP ROLE clerk")


@pytest.mark.parametrize(("what", "statement"), WIDER.items(), ids=lambda text: str(text)[:60])
async def test_a_role_that_may_do_more_is_refused_with_the_lines_that_mend_it(
    drillers: DrillServer, what: str, statement: str
) -> None:
    found = found_programs({"WATERCLOCK_PG_BIN": str(postgres_program("psql").parent)})

    def heard(_: str, text: str) -> None:
        raise AssertionError(text)

    async def look() -> None:
        with private_environment(connection_of(drillers.scratch, database=None), application="test") as env:
            psql = Psql(found[0].psql, env, limits=IMPATIENT, tell=heard)
            judge(await restorer_of(psql), where="scratch", source="shop", warn=lambda _: None)

    await look()
    drillers.execute(*statement.format(role=ROLE).split(";"))
    try:
        with pytest.raises(RoleTooWide, match=re.escape(what)) as raised:
            await look()
        said, _, lines = str(raised.value).partition("administrator of the server:\n")
        assert said.startswith(f'the role "{ROLE}" may not restore')
        assert "PUBLIC" not in statement or "DATABASE" not in statement or 'TO "clerk";' in lines
        drillers.execute(*lines.splitlines())
        await look()
    finally:
        for role in ('"mid""dle"', "boss", "team"):
            if f"CREATE ROLE {role}" in statement:
                drillers.execute(
                    f"REASSIGN OWNED BY {role} TO waterclock", f"DROP OWNED BY {role}", f"DROP ROLE {role}"
                )
