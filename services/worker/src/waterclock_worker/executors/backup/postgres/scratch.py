"""A database that exists for one drill: created, asked, and dropped whatever happens."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from pathlib import Path

import msgspec

from waterclock.executors.context import Step
from waterclock_worker.executors.backup.faults import NotProved, moving
from waterclock_worker.executors.backup.limits import Limits
from waterclock_worker.executors.backup.postgres.encoding import UTF8, client_of, of_databases, told
from waterclock_worker.executors.backup.postgres.process import Tell, running
from waterclock_worker.executors.backup.postgres.rows import Counts
from waterclock_worker.executors.backup.postgres.sql import quoted

PREFIX = "waterclock_drill_"
NAME = r"^waterclock_drill_[0-9a-f]{16}_[0-9]+_[0-9]{10}$"
_ANSWER_MOST = 16 * 1024 * 1024  # bytes
_AS_WE_NEED = """
SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET default_transaction_read_only = off;
SET search_path = pg_catalog;
"""
"""A dump can leave settings with the role that restored it, and with its scratch database."""
_FORGOTTEN = """
SELECT datname FROM pg_database
WHERE datname ~ '^waterclock_drill_[0-9a-f]{16}_[0-9]+_[0-9]{10}$'
  AND right(datname, 10)::bigint < extract(epoch FROM now()) - 86400
  AND pg_has_role(datdba, 'MEMBER')
  AND NOT EXISTS (SELECT FROM pg_stat_activity WHERE pg_stat_activity.datname = pg_database.datname);
"""
"""Scratch databases over a day old that nobody uses and we may drop: their drill was killed in its last attempt."""
_OWN_ENCODING = """
SELECT pg_encoding_to_char(encoding), current_setting('server_version_num')
FROM pg_database WHERE datname = 'template0';
"""
_PROVIDERS = 150000  # from which version on a database has one
_SETTINGS = """
SELECT json_agg(json_build_object('database', d.datname, 'settings', s.setconfig))
FROM pg_db_role_setting AS s LEFT JOIN pg_database AS d ON d.oid = s.setdatabase
WHERE s.setrole = (SELECT oid FROM pg_roles WHERE rolname = session_user);
"""


class Psql:
    """psql against one server: what is asked goes in by its input, so that no name stands on a command line."""

    def __init__(self, path: Path, env: Mapping[str, str], *, limits: Limits, tell: Tell) -> None:
        self._path = path
        self._env = env
        self._limits = limits
        self._tell = tell

    async def ask(self, sql: str | bytes, *, database: str | None = None, encoding: str = UTF8) -> list[list[str]]:
        """The rows of all statements, as text; of the connection's own database, unless another is named.

        `encoding`: what the statements are written in, and the rows.

        Raises:
            ChildExit: one failed.
            ValueError: it holds a NUL, at which psql would end the line, and join it to the next.
        """
        words = sql.encode() if isinstance(sql, str) else sql
        if b"\0" in words:
            raise ValueError("what psql is asked holds a NUL")
        env = {**self._env, "PGCLIENTENCODING": encoding}
        if database is not None:
            env["PGDATABASE"] = database
        arguments = ["--no-psqlrc", "--no-align", "--tuples-only", "--quiet", "--field-separator=\t", "--no-password"]
        async with running(
            self._path,
            [*arguments, "--set=ON_ERROR_STOP=1", "--file=-"],
            env=env,
            tell=self._tell,
            grace=self._limits.grace,
            reads_input=True,
            writes_output=True,
        ) as psql:
            answer = bytearray()
            async with moving(self._limits.silence, "waiting for psql") as moved, asyncio.TaskGroup() as tasks:
                tasks.create_task(psql.feed_all(_AS_WE_NEED.encode() + words), name="ask psql")
                while len(answer) < _ANSWER_MOST and (chunk := await psql.output.read(64 * 1024)):
                    answer += chunk
                    moved()
            await psql.finish()
        # not by `splitlines`: names and settings that a dump chooses may hold what that takes for the end of a line
        return [line.split("\t") for line in answer.decode(errors="replace").split("\n")[:-1]]

    async def counted(self, dumped: Counts, *, database: str | None = None) -> dict[str, int]:
        """Rows of each table of a dump, as it is named there; those of its partitions and heirs are not among them.

        Raises:
            ChildExit: one is not there.
            NotProved: a name is none of the encoding that the dump says.
        """
        names = list(dumped.names)
        # A name comes from a dump, as it quotes it: that is code of the database it is restored into anyway.
        asked = b"".join(
            b"SELECT %d, pg_catalog.count(*) FROM ONLY %b;\n" % (place, _told(dumped, name))
            for place, name in enumerate(names)
        )
        answer = await self.ask(asked, database=database, encoding=client_of(dumped.encoding)) if names else []
        return {names[int(place)]: int(count) for place, count in answer}


class _RoleSettings(msgspec.Struct, frozen=True):
    """What a role has been given for its sessions, in one database or (None) in all."""

    database: str | None
    settings: tuple[str, ...]


@contextlib.asynccontextmanager
async def scratch_database(
    psql: Psql,
    run_id: str,
    attempt: int,
    *,
    encoding: str,
    limits: Limits,
    step: Step,
    looked: Callable[[str], Awaitable[None]],
) -> AsyncGenerator[str]:
    """An empty database that nobody else may enter, once `looked` has seen it; it is dropped at the end.

    It has the encoding of the dump: what has no like in another could not be restored.

    What earlier attempts of the run, and long ago other drills, have left is dropped first.

    Raises:
        ChildExit: it could not be created, or not dropped.
    """
    stem = PREFIX + hashlib.sha256(run_id.encode()).hexdigest()[:16]
    # A dump may name a database as it likes, and what is asked goes to psql: only our own names are.
    beginning = f"SELECT datname FROM pg_database WHERE starts_with(datname, '{stem}') AND datname ~ '{NAME}';"  # noqa: S608 # nosec B608 # hex digits
    for (left,) in await psql.ask(beginning):
        await psql.ask(f'DROP DATABASE IF EXISTS "{left}" WITH (FORCE);')
        step.log("dropped %s, which an earlier attempt had left", left, level="warning")
    for (forgotten,) in await psql.ask(_FORGOTTEN):
        await psql.ask(f'DROP DATABASE IF EXISTS "{forgotten}";')
        step.log("dropped %s, which a drill had left more than a day ago", forgotten, level="warning")
    [(second,)] = await psql.ask("SELECT extract(epoch FROM now())::bigint;")
    name = f"{stem}_{attempt}_{second}"
    before = await _settings(psql)
    try:
        await psql.ask(
            f'CREATE DATABASE "{name}" TEMPLATE template0{await _in(psql, encoding)} ALLOW_CONNECTIONS false;'
            f' REVOKE ALL ON DATABASE "{name}" FROM PUBLIC;'
            f' ALTER DATABASE "{name}" ALLOW_CONNECTIONS true;'
        )
        await looked(name)
        yield name
    finally:
        async with asyncio.timeout(limits.undo):
            await psql.ask(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE);')
            step.log("dropped %s", name)
            await _take_back(psql, before, step)


async def _in(psql: Psql, encoding: str) -> str:
    """How a database is made that has this encoding: with the server's own locale, if that has it, else with none."""
    [(own, version)] = await psql.ask(_OWN_ENCODING)
    if encoding == own or not of_databases(encoding):
        return ""
    provider = " LOCALE_PROVIDER libc" if int(version) >= _PROVIDERS else ""
    return f" ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'{provider}"


def _told(dumped: Counts, name: str) -> bytes:
    words = told(dumped.names[name], dumped.encoding)
    if words is None:
        raise NotProved(f"the table {name} cannot be asked for: its name is no text in {dumped.encoding}")
    return words


async def _settings(psql: Psql) -> set[tuple[str | None, str, str]]:
    """Of the role: in which database, name and value."""
    found = msgspec.json.decode((await psql.ask(_SETTINGS))[0][0] or "[]", type=tuple[_RoleSettings, ...])
    settings = ((one.database, setting.partition("=")) for one in found for setting in one.settings)
    return {(database, name, value) for database, (name, _, value) in settings}


async def _take_back(psql: Psql, before: set[tuple[str | None, str, str]], step: Step) -> None:
    """Reset what the dump has set for the role's sessions to come: the next drill is not its."""
    for database, name, value in sorted(await _settings(psql) - before, key=str):
        place = "" if database is None else f" IN DATABASE {quoted(database)}"
        await psql.ask(f"ALTER ROLE SESSION_USER{place} RESET {quoted(name)};")
        step.log("took back %s = %s, which the dump had set for its role%s", name, value, place, level="warning")
