"""Connections to a database of the test's own."""

from collections.abc import AsyncIterator

import pytest_asyncio

from waterclock.store.connection.pool import Connection, Pool, open_pool
from waterclock.store.connection.statements import statement


@pytest_asyncio.fixture
async def pool(migrated_postgres_url: str) -> AsyncIterator[Pool]:
    """To a migrated database that has partition 0 and nothing in it."""
    opened = await open_pool(migrated_postgres_url, name="test", min_size=1, max_size=6)
    async with opened.connection() as connection:
        await connection.execute(statement("add_partition"), {"partition": 0})
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def connection(pool: Pool) -> AsyncIterator[Connection]:
    async with pool.connection() as one:
        yield one
