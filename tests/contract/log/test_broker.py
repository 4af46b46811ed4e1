"""Services hear messages whenever the log is there, also where it was away when they started."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from tests.support.servers import OwnValkey
from waterclock.log.broker import broker_at, control_stream, messages_log
from waterclock.log.client import Log, LogSettings
from waterclock.log.control import Control, say
from waterclock.wire.keys import Keys

DEADLINE = 30.0  # s


@asynccontextmanager
async def reached(url: str) -> AsyncGenerator[Log]:
    log = await Log.reach(LogSettings(url=url), role="test")
    try:
        yield log
    finally:
        await log.close()


async def test_a_broker_starts_while_its_server_is_away_and_reads_when_it_is_there(
    own_valkey: OwnValkey, caplog: pytest.LogCaptureFixture
) -> None:
    server, keys = await own_valkey(), Keys("wc")
    await server.kill()
    broker = broker_at(server.url)
    heard: asyncio.Queue[dict[str, str]] = asyncio.Queue()

    @broker.subscriber(stream=control_stream(keys, since_ms=0))
    async def hear(word: dict[str, str]) -> None:
        heard.put_nowait(word)

    async with asyncio.timeout(DEADLINE):
        await broker.start()
        await server.start()
        async with reached(server.url) as log:
            await say(log, Control("drain", worker="w"))
        assert await heard.get() == {"say": "drain", "worker": "w"}
        await broker.stop()
    assert not [record for record in caplog.records if record.levelno > logging.INFO or record.exc_info]


async def test_a_broker_that_never_found_its_server_can_be_stopped(own_valkey: OwnValkey) -> None:
    server = await own_valkey()
    await server.kill()
    broker = broker_at(server.url)
    broker.subscriber(stream=control_stream(Keys("wc"), since_ms=0))(asyncio.sleep)
    async with asyncio.timeout(DEADLINE):
        await broker.start()
        await broker.stop()
    assert "begin to read messages" not in {task.get_name() for task in asyncio.all_tasks()}


async def test_a_server_that_goes_away_in_the_start_is_no_traceback(
    own_valkey: OwnValkey, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between our look whether it is there and FastStream's."""
    server = await own_valkey()
    broker = broker_at(server.url)
    heard: asyncio.Queue[dict[str, str]] = asyncio.Queue()

    @broker.subscriber(stream=control_stream(Keys("wc"), since_ms=0))
    async def hear(word: dict[str, str]) -> None:
        heard.put_nowait(word)

    client = await broker.connect()
    looked, ping = 0, cast("Callable[[], Awaitable[bool]]", client.ping)  # pyright: ignore[reportUnknownMemberType]

    async def once_there() -> bool:
        nonlocal looked
        looked += 1
        answer = await ping()
        if looked == 1:
            await server.kill()
            asyncio.get_running_loop().call_later(1, lambda: asyncio.ensure_future(server.start()))
        return answer

    monkeypatch.setattr(client, "ping", once_there)
    async with asyncio.timeout(DEADLINE):
        await broker.start()
        async with reached(server.url) as log:
            await say(log, Control("drain", worker="w"))
        assert await heard.get() == {"say": "drain", "worker": "w"}
        await broker.stop()
    assert messages_log.name not in {record.name for record in caplog.records if record.exc_info}


async def test_a_broker_whose_reader_loses_the_connection_as_it_ends_is_stopped(
    own_valkey: OwnValkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader cancelled while it connects again closes the connection, on which FastStream then says goodbye."""
    server = await own_valkey()
    broker = broker_at(server.url)
    subscriber = broker.subscriber("schedulers")
    subscriber(asyncio.sleep)
    reads = asyncio.Event()
    async with asyncio.timeout(DEADLINE):
        await broker.start()
        subscription: Any = cast("Any", subscriber).subscription

        async def cut_off(**_: object) -> None:
            try:
                reads.set()
                await asyncio.Event().wait()
            finally:
                await subscription.connection.disconnect(nowait=True)

        monkeypatch.setattr(subscription, "get_message", cut_off)
        await reads.wait()
        await broker.stop()
    assert cast("Any", subscriber).subscription is None


async def test_a_broker_whose_server_is_away_says_no_goodbye(own_valkey: OwnValkey) -> None:
    server = await own_valkey()
    broker = broker_at(server.url)
    broker.subscriber("schedulers")(asyncio.sleep)
    async with asyncio.timeout(DEADLINE):
        await broker.start()
        await server.kill()
        await broker.stop()
    assert not [task for task in asyncio.all_tasks() if "_consume" in repr(task.get_coro())]
