"""Who waits for a connection and is told to stop does so, whatever comes in the same turn of the loop."""

from __future__ import annotations

import asyncio

import pytest
from psycopg_pool import PoolTimeout

from waterclock.store.connection.pool import open_pool

PATIENCE = 15.0  # s
TURNS = range(24)  # of the loop: more than a connection takes on its way to who waits


@pytest.mark.parametrize("turns", TURNS)
async def test_a_cancellation_is_not_lost_to_a_connection_that_comes_with_it(
    turns: int, migrated_postgres_url: str
) -> None:
    async with await open_pool(migrated_postgres_url, name="test", max_size=1) as pool:

        async def survive() -> None:
            while True:
                try:
                    async with pool.connection():
                        await asyncio.Event().wait()
                except PoolTimeout:
                    pass

        lent = await pool.getconn()
        waiting = asyncio.create_task(survive())
        await _turns(len(TURNS))
        assert pool.get_stats()["requests_waiting"] == 1
        coming = asyncio.create_task(pool.putconn(lent))
        await _turns(turns)
        waiting.cancel()
        await asyncio.wait([waiting], timeout=PATIENCE)
        assert waiting.cancelled()
        await coming
        async with pool.connection(PATIENCE):
            assert pool.get_stats()["pool_size"] == 1


async def _turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)
