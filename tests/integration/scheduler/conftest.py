from collections.abc import AsyncGenerator

import pytest_asyncio

from tests.integration.scheduler.stage import Stage, staged


@pytest_asyncio.fixture
async def stage(redis_url: str, key_prefix: str) -> AsyncGenerator[Stage]:
    async with staged(redis_url, key_prefix) as stage:
        yield stage
