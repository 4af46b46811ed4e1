"""A database that exists for one drill: created, asked, and dropped whatever happens."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncGenerator, Iterable, Mapping
from pathlib import Path

from waterclock.executors import Step
from waterclock_worker.executors.backup.faults import moving
from waterclock_worker.executors.backup.limits import Limits
from waterclock_worker.executors.backup.process import Tell, running

PREFIX = "waterclock_drill_"
_ANSWER_MOST = 16 * 1024 * 1024  # bytes
_FORGOTTEN = """
SELECT datname FROM pg_database
WHERE datname ~ '^waterclock_drill_[0-9a-f]{16}_[0-9]+_[0-9]{10}$'
  AND right(datname, 10)::bigint < extract(epoch FROM now()) - 86400
  AND pg_has_role(datdba, 'MEMBER')
  AND NOT EXISTS (SELECT FROM pg_stat_activity WHERE pg_stat_activity.datname = pg_database.datname);
"""
"""Scratch databases over a day old that nobody uses and we may drop: their drill was killed in its last attempt."""


class Psql:
    """psql against one server: what is asked goes in by its input, so that no name stands on a command line."""

    def __init__(self, path: Path, env: Mapping[str, str], *, limits: Limits, tell: Tell) -> None:
        self._path = path
        self._env = env
        self._limits = limits
        self._tell = tell

    async def ask(self, sql: str, *, database: str | None = None) -> list[list[str]]:
        """The rows of all statements, as text; of the connection's own database, unless another is named.

        Raises:
            ChildExit: one failed.
        """
        env = dict(self._env) if database is None else {**self._env, "PGDATABASE": database}
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
                tasks.create_task(psql.feed_all(sql.encode()), name="ask psql")
                while len(answer) < _ANSWER_MOST and (chunk := await psql.output.read(64 * 1024)):
                    answer += chunk
                    moved()
            await psql.finish()
        return [line.split("\t") for line in answer.decode().splitlines()]

    async def counted(self, tables: Iterable[str], *, database: str | None = None) -> dict[str, int]:
        """Rows of each table, by its name as SQL writes it; those of its partitions and heirs are not among them."""
        names = list(tables)
        # A name comes from a dump, as it quotes it: that is code of the database it is restored into anyway.
        asked = "".join(f"SELECT {place}, count(*) FROM ONLY {name};\n" for place, name in enumerate(names))  # noqa: S608 # nosec B608 # as said
        answer = await self.ask(asked, database=database) if names else []
        return {names[int(place)]: int(count) for place, count in answer}


@contextlib.asynccontextmanager
async def scratch_database(psql: Psql, run_id: str, attempt: int, *, limits: Limits, step: Step) -> AsyncGenerator[str]:
    """An empty database; what earlier attempts of the run, and long ago other drills, have left is dropped first.

    It itself is dropped at the end.

    Raises:
        ChildExit: it could not be created, or not dropped.
    """
    stem = PREFIX + hashlib.sha256(run_id.encode()).hexdigest()[:16]
    beginning = f"SELECT datname FROM pg_database WHERE starts_with(datname, '{stem}');"  # noqa: S608 # nosec B608 # hex digits
    for (left,) in await psql.ask(beginning):
        await psql.ask(f'DROP DATABASE IF EXISTS "{left}" WITH (FORCE);')
        step.log("dropped %s, which an earlier attempt had left", left, level="warning")
    for (forgotten,) in await psql.ask(_FORGOTTEN):
        await psql.ask(f'DROP DATABASE IF EXISTS "{forgotten}";')
        step.log("dropped %s, which a drill had left more than a day ago", forgotten, level="warning")
    [(second,)] = await psql.ask("SELECT extract(epoch FROM now())::bigint;")
    name = f"{stem}_{attempt}_{second}"
    try:
        await psql.ask(f'CREATE DATABASE "{name}" TEMPLATE template0;')
        yield name
    finally:
        async with asyncio.timeout(limits.undo):
            await psql.ask(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE);')
        step.log("dropped %s", name)
