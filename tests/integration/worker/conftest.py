from collections.abc import AsyncGenerator

import pytest_asyncio

from tests.integration.worker.shop import Shop, opened


@pytest_asyncio.fixture
async def shop(redis_url: str, key_prefix: str) -> AsyncGenerator[Shop]:
    async with opened(redis_url, key_prefix) as made:
        yield made
