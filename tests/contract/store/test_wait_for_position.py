"""Waiting for the read models: seen in the session that then reads."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from tests.support.histories import entries_of
from waterclock.model.events import LeadershipTaken
from waterclock.model.positions import Position
from waterclock.store.connection.pool import Connection, Pool
from waterclock.store.readmodels import wait_for_position
from waterclock.store.readmodels.project import apply, batch_of
from waterclock.store.readmodels.wait_for_position import Projected, wait_for

DEADLINE = 20.0  # s
ENTRIES = entries_of([LeadershipTaken(scheduler="s", term=term) for term in range(4)])
SECOND = ENTRIES[1].position


@asynccontextmanager
async def listening(pool: Pool) -> AsyncGenerator[Projected]:
    projected = Projected(pool)
    async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks:
        listener = tasks.create_task(projected.listen())
        await projected.listening.wait()
        yield projected
        listener.cancel()


async def project(pool: Pool, first: int, last: int) -> None:
    after = ENTRIES[first - 1].position if first else None
    part = ENTRIES[first : last + 1]
    async with pool.connection() as connection:
        assert await apply(connection, after, part, batch_of(part))


async def test_a_position_that_is_reached_is_not_waited_for(pool: Pool, connection: Connection) -> None:
    await project(pool, 0, 3)

    assert await wait_for(connection, SECOND, 0)
    assert await wait_for(connection, ENTRIES[3].position, 0)


async def test_a_position_that_is_not_reached_in_time_is_said_so(pool: Pool, connection: Connection) -> None:
    await project(pool, 0, 0)

    assert not await wait_for(connection, SECOND, 0.05)
    assert not await wait_for(connection, Position(7, 1, 1), 0)


async def test_who_waits_is_woken_by_the_projection(
    pool: Pool, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wait_for_position, "LOOK_ANYWAY", DEADLINE)
    async with listening(pool) as projected, asyncio.TaskGroup() as tasks:
        waiter = tasks.create_task(wait_for(connection, SECOND, DEADLINE, projected))
        await project(pool, 0, 0)
        await project(pool, 1, 1)

        assert await waiter


async def test_without_a_listener_who_waits_looks_again(pool: Pool, connection: Connection) -> None:
    async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks:
        waiter = tasks.create_task(wait_for(connection, SECOND, DEADLINE))
        await project(pool, 0, 1)

        assert await waiter


async def test_what_the_read_models_show_is_heard_without_a_query(pool: Pool) -> None:
    await project(pool, 0, 0)
    async with listening(pool) as projected, asyncio.TaskGroup() as tasks:
        assert await projected.shows(ENTRIES[0].position, 0)  # from before it has listened
        assert not await projected.shows(SECOND, 0)
        waiters = [tasks.create_task(projected.shows(SECOND, DEADLINE)) for _ in range(3)]
        await project(pool, 1, 1)
    assert [waiter.result() for waiter in waiters] == [True] * 3


async def test_a_listener_that_lost_its_connection_listens_again(
    pool: Pool, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wait_for_position, "LOOK_ANYWAY", DEADLINE)
    async with listening(pool) as projected, asyncio.TaskGroup() as tasks:
        waiter = tasks.create_task(wait_for(connection, SECOND, DEADLINE, projected))
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND query LIKE '%FROM partitions%' AND pid <> pg_backend_pid()"
        )
        await project(pool, 0, 1)  # said while no one listens
        await projected.listening.wait()

        assert await waiter
