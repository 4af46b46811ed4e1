"""What a notifier had claimed is free when it is gone, or stands still; not before, and not what others have."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from tests.integration.stage import eventually
from waterclock.store.connection.pool import Connection, Pool, connect_anew, open_pool
from waterclock.store.connection.statements import statement
from waterclock.store.notices import deliveries, trips
from waterclock.store.notices.presence import Presence, free_claims

_MESSAGE = b"INSERT INTO notice_deliveries (channel, message, subject, state) VALUES ('ops', 'm', 'j', 'waiting')"
_TRIP = b"INSERT INTO notice_trips (id, job_id, document, state) VALUES ('t', 'j', %s, 'waiting')"
_OF_TRIP = b'{"id":"t","job":"j","version":1,"failures":3,"position":"0-1-1","at":1}'


@asynccontextmanager
async def opened(postgres_url: str) -> AsyncGenerator[tuple[Pool, Connection]]:
    pool = await open_pool(postgres_url, name="test", max_size=2)
    try:
        async with await connect_anew(pool) as connection:
            await connection.execute(_MESSAGE)
            await connection.execute(_TRIP, [_OF_TRIP])
            yield pool, connection
    finally:
        await pool.close()


async def claimed(connection: Connection, owner: int | None) -> tuple[int, int]:
    """How many messages and jobs could be claimed."""
    messages = await deliveries.claim(connection, {"ops": 9}, lease=60, claim=f"{owner}", owner=owner)
    jobs = await trips.claim(connection, most=9, lease=60, claim=f"{owner}", owner=owner)
    return len(messages), len(jobs)


@pytest.mark.parametrize("ends", ["it is killed", "it stands still"])
async def test_what_it_had_is_free_when_its_session_has_ended(migrated_postgres_url: str, ends: str) -> None:
    async with opened(migrated_postgres_url) as (pool, connection):
        presence, session = Presence(), await connect_anew(pool)
        await presence.appear(session)
        assert await claimed(connection, presence.number) == (1, 1)
        await free_claims(connection)
        assert await claimed(connection, None) == (0, 0)

        if ends == "it is killed":
            await session.close()
        else:
            await session.execute(statement("end_when_silent"), {"ms": 50})

        async def free() -> bool:
            await free_claims(connection)
            return await claimed(connection, None) == (1, 1)

        await eventually(free)
        await session.close()


async def test_what_was_claimed_without_a_lock_is_kept_for_its_time(migrated_postgres_url: str) -> None:
    async with opened(migrated_postgres_url) as (_, connection):
        assert await claimed(connection, None) == (1, 1)
        await free_claims(connection)
        assert await claimed(connection, None) == (0, 0)
