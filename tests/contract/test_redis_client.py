"""What we rely on in redis-py: that a write whose reply is lost is not retried behind our back, and what follows."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from redis.asyncio import Redis
from redis.asyncio.connection import Connection, DefaultParser
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError

from tests.contract.log.build import QUEUES, WORKER, ask, create, ending, finish, grab, open_all, tags_of, wish
from tests.support.wire import Loss, Wire, lossy
from waterclock.log.client import Log, LogSettings
from waterclock.log.connection.addresses import target_of
from waterclock.log.connection.connections import Line, pack
from waterclock.log.connection.errors import LogUnavailable
from waterclock.log.liveness.sessions import join
from waterclock.log.recovery.opening import initialise

ADD = pack("XADD", "mine", "*", "n", 1)
LOSSES: tuple[Loss, ...] = ("cut", "silence")


@pytest_asyncio.fixture
async def wire(redis_url: str) -> AsyncIterator[Wire]:
    async with lossy(redis_url) as wire:
        yield wire


@pytest_asyncio.fixture
async def direct(redis_url: str) -> AsyncIterator[Redis]:
    """Around the wire."""
    client: Redis = Redis.from_url(redis_url)  # pyright: ignore[reportUnknownMemberType]
    async with client:
        yield client


def line_to(wire: Wire) -> Line:
    return Line(target_of(wire.url), timeout=0.3, name="test")


async def count(direct: Redis) -> int:
    return await direct.xlen("mine")


@pytest.mark.parametrize("loss", LOSSES)
async def test_a_write_whose_reply_is_lost_is_not_sent_again(wire: Wire, direct: Redis, loss: Loss) -> None:
    line = line_to(wire)
    wire.lose(loss, after=b"XADD")
    with pytest.raises(LogUnavailable):
        await line.ask(ADD)
    assert wire.lost == 1
    assert await count(direct) == 1
    await line.close()


async def test_the_drivers_own_default_sends_it_again(wire: Wire, direct: Redis) -> None:
    """Why the retry is written out in `log/lines.py`. Should this fail, the driver has learned better."""
    async with Redis(host="127.0.0.1", port=wire.port) as client:
        wire.lose("cut", after=b"XADD")
        await client.xadd("mine", {"n": 1})
    assert await count(direct) == 2


async def test_no_retry_means_none(wire: Wire) -> None:
    connection = Connection(host="127.0.0.1", port=wire.port, retry=Retry(NoBackoff(), 0), retry_on_error=[])
    assert connection.retry.get_retries() == 0
    wire.lose("cut", after=b"PING")
    await connection.send_command("PING")
    with pytest.raises(RedisConnectionError):
        await connection.read_response()
    await connection.disconnect()


async def test_a_line_learns_on_every_connect_which_process_it_reached(wire: Wire, direct: Redis) -> None:
    told: Any = await direct.info("server")  # pyright: ignore[reportUnknownMemberType]
    line = line_to(wire)
    await line.open()
    assert line.server.run_id == told["run_id"]
    assert line.server.valkey
    assert line.server.version >= (7, 2)
    await line.close()


async def test_the_parser_is_the_quick_one() -> None:
    assert DefaultParser.__name__ == "_AsyncHiredisParser"


async def test_after_a_cancelled_call_the_next_gets_its_own_answer(wire: Wire) -> None:
    line = line_to(wire)
    await line.open()
    wire.lose("silence", after=b"ECHO")
    waiting = asyncio.create_task(line.ask(pack("ECHO", "one")))
    async with asyncio.timeout(15):
        await wire.swallowed.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await line.ask(pack("ECHO", "two")) == b"two"
    await line.close()


@pytest_asyncio.fixture
async def log(wire: Wire) -> AsyncIterator[Log]:
    settings = LogSettings(url=wire.url, timeout=0.5)
    await initialise(settings, partitions=1, queues=QUEUES)
    log = await Log.connect(settings, role="test")
    try:
        await open_all(log, epoch=1)
        await create(log)
        await join(log, WORKER, body=None)
        yield log
    finally:
        await log.close()


@pytest.mark.parametrize("loss", LOSSES)
async def test_scripts_whose_reply_is_lost_may_be_called_again(log: Log, wire: Wire, loss: Loss) -> None:
    await ask(log, wish(7))
    await finish(log, ending((await grab(log, 1)).grants[0]))  # so that every script is loaded

    wire.lose(loss, after=b"ask ")
    with pytest.raises(LogUnavailable):
        await ask(log, wish(1))
    await ask(log, wish(1))

    wire.lose(loss, after=WORKER.encode())
    with pytest.raises(LogUnavailable):
        await grab(log, 2)
    [grant] = (await grab(log, 2)).grants

    wire.lose(loss, after=b"run.succeeded")
    with pytest.raises(LogUnavailable):
        await finish(log, ending(grant))
    assert await finish(log, ending(grant)) == ["repeated"]

    assert wire.lost == 3
    tags = await tags_of(log)
    assert [tags.count(tag) for tag in ("run.requested", "run.started", "run.succeeded")] == [2, 2, 2]
