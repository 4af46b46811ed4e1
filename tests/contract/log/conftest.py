"""An open log for each test, on Valkey, on Redis and in memory."""

from collections.abc import AsyncGenerator

import pytest
import pytest_asyncio

from tests.contract.log.build import QUEUES, open_all
from tests.support import servers
from tests.support.memory.connection import memory_log, wall_us
from tests.support.memory.store import Store
from tests.support.servers import Shared
from waterclock.log.client import Log, LogSettings
from waterclock.log.recovery.opening import prepare


@pytest.fixture(params=["valkey_server", "other_redis_server", "memory"])
def log_server(request: pytest.FixtureRequest) -> Shared | None:
    """Where the log is, emptied; None: in memory."""
    if request.param == "memory":
        return None
    server: Shared = request.getfixturevalue(request.param)
    servers.empty(server)
    return server


@pytest_asyncio.fixture
async def log(log_server: Shared | None, key_prefix: str) -> AsyncGenerator[Log]:
    """One partition, three queues, open."""
    if log_server is None:
        log = await memory_log(Store(wall_us), prefix=key_prefix)
    else:
        log = await Log.reach(LogSettings(url=log_server.url, prefix=key_prefix), role="test")
    try:
        await prepare(log, partitions=1, queues=QUEUES)
        await log.refresh()
        await open_all(log, epoch=1)
        yield log
    finally:
        await log.close()
