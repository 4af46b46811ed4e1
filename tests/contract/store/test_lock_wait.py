"""What an operator's command does while another session holds what it needs: it names it, and gives up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import psycopg
import pytest

from tests.support.waiting import until
from waterclock.store.connection import lock_wait
from waterclock.store.connection.lock_wait import LockHeld, patient
from waterclock.store.connection.migrate import migrate
from waterclock.store.connection.pool import Connection, Pool, connect_anew, open_pool
from waterclock.store.connection.statements import statement

LIMIT = 0.4  # s
HELD = "LOCK TABLE partitions IN EXCLUSIVE MODE"


@asynccontextmanager
async def holding(pool: Pool, name: str = "psql of ann") -> AsyncGenerator[int]:
    """A session that stands still with the lock; its pid."""
    async with await connect_anew(pool, work=name) as holder, holder.transaction():
        await holder.execute(HELD)
        yield holder.info.backend_pid


async def level(connection: Connection) -> str:
    await connection.execute(statement("level_openings"), {"above": 0})
    return "levelled"


async def test_work_that_waits_for_nobody_gives_its_result(pool: Pool, connection: Connection) -> None:
    assert await patient(connection, level(connection), connect=pool.connection, tell=print) == "levelled"


async def test_a_lock_that_is_held_for_too_long_is_given_up_and_its_holder_named(
    pool: Pool, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock_wait, "TELL_EVERY", 0.0)
    told: list[str] = []
    async with holding(pool) as pid:
        with pytest.raises(LockHeld) as refused:
            await patient(connection, level(connection), connect=pool.connection, tell=told.append, limit=LIMIT)
    who = f"Postgres session {pid} (waterclock test psql of ann, user "
    assert who in str(refused.value)
    assert "idle, in a transaction for " in str(refused.value)
    assert f"SELECT pg_terminate_backend({pid})" in str(refused.value)
    assert told
    assert all(who in line for line in told)
    assert await patient(connection, level(connection), connect=pool.connection, tell=print) == "levelled"


async def test_who_is_named_is_the_one_for_whom_all_wait(pool: Pool, connection: Connection) -> None:
    async with holding(pool) as pid, await connect_anew(pool, work="between") as between, asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(between.execute("UPDATE partitions SET epoch = epoch"))
        await until(lambda: waits(pool, between), within=30, what="another waits, too")
        with pytest.raises(LockHeld, match=rf"\(SELECT pg_terminate_backend\({pid}\)\)"):
            await patient(connection, level(connection), connect=pool.connection, tell=print, limit=LIMIT)
        waiting.cancel()


async def waits(pool: Pool, session: Connection) -> bool:
    async with pool.connection() as looking:
        asked = "SELECT FROM pg_locks WHERE NOT granted AND pid = %s"
        return (await (await looking.execute(asked, [session.info.backend_pid])).fetchone()) is not None


async def test_who_is_at_work_is_waited_for_where_that_is_said(
    pool: Pool, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Longer than the limit; once it stands still, the limit holds."""
    monkeypatch.setattr(lock_wait, "TELL_EVERY", 2 * LIMIT)
    told = asyncio.Event()

    async def given_up() -> None:
        with pytest.raises(LockHeld, match=r"waterclock test migration.* idle"):
            await patient(
                connection,
                alone(connection),
                connect=pool.connection,
                tell=lambda _: told.set(),
                limit=LIMIT,
                while_it_works=True,
            )

    async with await connect_anew(pool, work="migration") as other, asyncio.TaskGroup() as tasks:
        await alone(other)
        working = tasks.create_task(other.execute("SELECT pg_sleep(3600)"))
        waiting = tasks.create_task(given_up())
        await asyncio.wait_for(told.wait(), 30)
        assert not waiting.done()
        working.cancel()


async def alone(connection: Connection) -> None:
    await connection.execute("SELECT pg_advisory_lock(7)")


async def test_a_projector_that_stands_still_is_not_waited_for(
    pool: Pool, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock_wait, "LOOK", 0.05)
    told: list[str] = []
    async with await open_pool(str(pool.conninfo), name="projector") as projectors:
        stalled = await connect_anew(projectors, work="follow 0")
        await stalled.execute("BEGIN")
        await stalled.execute(HELD)

        assert await patient(connection, level(connection), connect=pool.connection, tell=told.append) == "levelled"

        assert [f"ended Postgres session {stalled.info.backend_pid} " in line for line in told] == [True]
        with pytest.raises(psycopg.OperationalError):
            await stalled.execute("COMMIT")
        await stalled.close()


async def test_a_fault_of_the_work_is_raised_as_it_is(pool: Pool, connection: Connection) -> None:
    async def fail() -> None:
        await connection.execute("SELECT 1 / 0")

    with pytest.raises(psycopg.errors.DivisionByZero):
        await patient(connection, fail(), connect=pool.connection, tell=print)


async def test_a_migration_gives_up_a_table_that_someone_reads_for_ever(pool: Pool, migrated_postgres_url: str) -> None:
    async with await connect_anew(pool, work="dump") as reader, reader.transaction():
        await reader.execute("LOCK TABLE migrations IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(LockHeld, match="waterclock test dump"):
            await migrate(migrated_postgres_url, limit=LIMIT)
    assert await migrate(migrated_postgres_url) == []
