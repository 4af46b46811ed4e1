"""A Postgres primary and a standby that streams from it, through a relay."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import psycopg

from tests.support.postgres_files import filled
from tests.support.relay import Relay
from tests.support.standing import end
from tests.support.waiting import until
from waterclock_dev.servers.children import Child
from waterclock_dev.servers.ports import LOOPBACK
from waterclock_dev.servers.postgres import USER, Postgres, _as_ordinary_user, postgres_program  # pyright: ignore[reportPrivateUsage]
from waterclock_dev.servers.server import Server

IN_STEP = 20.0  # s
COPIED = 60.0  # s


class Standby(NamedTuple):
    """`link`: how the standby hears of the primary; what is held there makes it lag."""

    primary: Server[Postgres]
    standby: Server[Postgres]
    link: Relay

    async def promote(self) -> None:
        """Make the standby take writes, with what it has. The primary is told nothing."""
        async with await psycopg.AsyncConnection.connect(self.standby.url, autocommit=True) as connection:
            await connection.execute("SELECT pg_promote(true, 20)")

    async def rewind(self) -> Standby:
        """Make the old primary, which has stopped, a standby of the one that took its place; that pair, in step."""
        await _rewind(self.primary.program.data, self.standby, self.link)
        await self.primary.start()
        turned = Standby(primary=self.standby, standby=self.primary, link=self.link)
        await turned.in_step()
        return turned

    async def in_step(self) -> None:
        """Return when the standby has replayed what the primary had written at the call."""
        async with await psycopg.AsyncConnection.connect(self.primary.url, autocommit=True) as connection:
            (wanted,) = await _row(connection, "SELECT pg_current_wal_lsn()")
        async with await psycopg.AsyncConnection.connect(self.standby.url, autocommit=True) as connection:

            async def reached() -> bool:
                query = "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn"
                (is_there,) = await _row(connection, query, str(wanted))
                return bool(is_there)

            await until(reached, within=IN_STEP, what=f"the standby has come to {wanted}")


@asynccontextmanager
async def with_standby(folder: Path, *, settings: Mapping[str, str] | None = None) -> AsyncGenerator[Standby]:
    """Both on fresh data, in step; at the end they are killed. The database's URL differs in the port alone."""
    primary = Server(Postgres(data=folder / "postgres-primary", settings=settings or {}))
    standby = Server(Postgres(data=folder / "postgres-standby", settings=settings or {}))
    try:
        await filled(primary.program)
        await primary.start()
        async with Relay(primary.port) as link:
            await _copy(primary, link, standby.program.data)
            await standby.start()
            made = Standby(primary, standby, link)
            await made.in_step()
            yield made
    finally:
        await end((primary, standby))


async def _copy(primary: Server[Postgres], link: Relay, data: Path) -> None:
    """A base backup that goes on as a standby. Its password is the primary's."""
    password = primary.program.password
    data.with_name(f"{data.name}.password").write_text(password, "ascii")
    source = f"host={LOOPBACK} port={link.port} user={USER} password={password}"
    command = [str(postgres_program("pg_basebackup")), "--pgdata", str(data), "--dbname", source]
    command += ["--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync"]
    child = Child(command, name="pg_basebackup")
    try:
        code = await child.exited()
    finally:
        if child.running:
            await child.kill()
    assert code == 0, child.last_lines


async def _rewind(data: Path, source: Server[Postgres], link: Relay) -> None:
    """Its changes since the two parted are undone, and it goes on as a standby, through the link."""
    link.lead_to(source.port, cut=True)
    link.release()
    with (data / "postgresql.auto.conf").open("a") as file:
        file.write("wal_keep_size = '1GB'\n")  # else what it reads goes when it has the target recover
    password = source.program.password
    at = f"host={LOOPBACK} port={link.port} user={USER} password={password}"
    words = [
        str(postgres_program("pg_rewind")),
        f"--target-pgdata={data}",
        f"--source-server={at}",
        "--write-recovery-conf",
    ]
    child = Child(_as_ordinary_user([*words, "--no-sync"]), name="pg_rewind")
    assert await child.exited() == 0, child.last_lines


async def _row(connection: psycopg.AsyncConnection, query: str, *values: str) -> tuple[object, ...]:
    found = await (await connection.execute(query.encode(), values)).fetchone()
    assert found is not None
    return tuple(found)
