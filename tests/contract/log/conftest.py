"""An open log for each test, on Valkey and on Redis."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.contract.log.build import QUEUES, open_all
from waterclock.log.client import Log, LogSettings
from waterclock.log.opening import initialise


@pytest_asyncio.fixture
async def log(any_redis_url: str, key_prefix: str) -> AsyncIterator[Log]:
    """One partition, three queues, open."""
    settings = LogSettings(url=any_redis_url, prefix=key_prefix)
    await initialise(settings, partitions=1, queues=QUEUES)
    log = await Log.connect(settings, role="test")
    try:
        await open_all(log, epoch=1)
        yield log
    finally:
        await log.close()
