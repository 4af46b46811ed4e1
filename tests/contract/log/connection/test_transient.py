"""What a server says that passes by itself, and what it does to the connections that heard it."""

import asyncio
from collections.abc import AsyncGenerator

import pytest
import pytest_asyncio

from tests.contract.log.build import QUEUES, open_all
from tests.support import servers
from tests.support.servers import Shared
from waterclock.log.client import Log, LogSettings
from waterclock.log.connection.errors import (
    LogFull,
    LogRefuses,
    LogUnavailable,
    NotPrimary,
    Superseded,
)
from waterclock.log.recovery.opening import initialise


@pytest_asyncio.fixture
async def log(valkey_server: Shared, key_prefix: str) -> AsyncGenerator[Log]:
    servers.empty(valkey_server)
    settings = LogSettings(url=valkey_server.url, prefix=key_prefix)
    await initialise(settings, partitions=1, queues=QUEUES)
    log = await Log.connect(settings, role="test")
    await open_all(log, epoch=1)
    yield log
    await log.close()


async def answered(log: Log, reply: str) -> None:
    """Have the server answer so."""
    await log.execute("", "EVAL", f"return redis.error_reply('{reply}')", 0)


async def connections(log: Log) -> set[str]:
    """The ids of all connections of this log, but for the one that asks."""
    listed = (await log.execute("", "CLIENT", "LIST")).decode().splitlines()
    own = str(await log.execute("", "CLIENT", "ID"))
    fields = [dict(pair.split("=", 1) for pair in line.split()) for line in listed]
    return {one["id"] for one in fields if one.get("name", "").startswith(f"{log.keys.prefix}-")} | {own}


@pytest.mark.parametrize(
    ("reply", "raised"),
    [
        ("SUPERSEDED by epoch 7", Superseded),
        ("UNBLOCKED force unblock from blocking operation", NotPrimary),
        ("LOADING Valkey is loading the dataset in memory", NotPrimary),
        ("MASTERDOWN Link with MASTER is down", NotPrimary),
        ("READONLY You cannot write against a read only replica.", NotPrimary),
        ("CLUSTERDOWN The cluster is down", NotPrimary),
    ],
)
async def test_after_a_word_of_one_that_is_not_to_be_asked_no_connection_to_it_is_used_again(
    log: Log, reply: str, raised: type[LogUnavailable]
) -> None:
    reader, wake = log.reader(), log.keys.partition(0, "wake")
    await reader.read({wake: "0-0"}, count=1, block=None)
    async with asyncio.TaskGroup() as at_once:
        for control in (False, False, False, True):
            at_once.create_task(log.execute("", "PING", control=control))
    before = await connections(log)
    assert len(before) >= 4
    with pytest.raises(raised):
        await answered(log, reply)
    await reader.read({wake: "0-0"}, count=1, block=None)
    assert not before & await connections(log)
    await reader.close()


@pytest.mark.parametrize(
    ("reply", "raised"),
    [
        ("MISCONF Errors writing to the AOF file", LogRefuses),
        ("NOREPLICAS Not enough good replicas to write.", LogRefuses),
        ("BUSY Valkey is busy running a script.", LogRefuses),
        ("OOM command not allowed when used memory > maxmemory.", LogFull),
    ],
)
async def test_one_that_does_nothing_now_keeps_its_connections(log: Log, reply: str, raised: type[Exception]) -> None:
    before = await connections(log)
    with pytest.raises(raised):
        await answered(log, reply)
    assert before <= await connections(log)
