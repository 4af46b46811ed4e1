"""The outbox of the page: whatever is killed between a commit and the API's answer, each order gets one run."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import pytest

from tests.integration.api.client.test_web_frameworks import CONFIRM
from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import RUNS, Rig, served
from tests.support.pages import save
from tests.support.repository import DOCS
from tests.support.waiting import until
from tests.support.wire import lossy

PAGE = DOCS / "how-to" / "outbox.md"
RELAY, ORDER = "relay.py", "place_order.py"


@pytest.fixture
def shop(postgres_url: str, tmp_path: Path) -> str:
    """A database of an application, with the page's table; its programs lie in `tmp_path`."""
    save(tmp_path, PAGE)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE orders (number text PRIMARY KEY)")
        connection.execute((tmp_path / "outbox.sql").read_bytes())
    return postgres_url


async def test_an_order_and_its_request_are_there_both_or_neither(shop: str, tmp_path: Path) -> None:
    for expected in (0, 1):  # the same order again is a violation of its key
        async with started(tmp_path / ORDER, shop, "http://127.0.0.1:1", "A-1") as program:
            assert await program.wait() == expected
    assert left(shop) == [("orders.confirm", {"order": "A-1"}, None)]


async def test_a_relay_that_is_killed_before_it_sends_or_before_it_knows_loses_and_doubles_nothing(
    rig: MakeRig, shop: str, tmp_path: Path
) -> None:
    async with rig() as api, served(api) as url, lossy(url) as wire:
        await api.worker(CONFIRM)
        through = f"http://127.0.0.1:{wire.port}"
        async with started(tmp_path / ORDER, shop, url, "A-1") as program:
            assert await program.wait() == 0

        async with silent() as (nowhere, heard), started(tmp_path / RELAY, shop, nowhere):
            await asyncio.wait_for(heard.wait(), 20)
        assert (await requested(api), len(left(shop))) == ([], 1)

        wire.lose("silence", after=b"POST /v1/monitor/runs")
        async with started(tmp_path / RELAY, shop, through):
            await asyncio.wait_for(wire.swallowed.wait(), 20)
        await until(lambda: projected(api, "A-1"), within=20, what="the run of the request without an answer")
        assert len(left(shop)) == 1

        async with started(tmp_path / ORDER, shop, url, "A-2") as program:
            assert await program.wait() == 0
        async with started(tmp_path / RELAY, shop, url):
            await until(lambda: emptied(shop), within=20, what="nothing is left in the outbox")
        await until(lambda: projected(api, "A-2"), within=20, what="the run that was requested last")
        assert await requested(api) == ["A-2", "A-1"]


async def test_what_the_api_refuses_is_set_aside_and_holds_up_nothing(rig: MakeRig, shop: str, tmp_path: Path) -> None:
    async with rig() as api, served(api) as url:
        await api.worker(CONFIRM)
        with psycopg.connect(shop, autocommit=True) as connection:
            connection.execute("INSERT INTO outbox (executor) VALUES ('no.such')")
            connection.execute("INSERT INTO outbox (executor) VALUES ('orders.confirm')")
        async with started(tmp_path / RELAY, shop, url):
            await until(lambda: emptied(shop), within=20, what="what can be sent is sent")
        [(executor, _, refused)] = left(shop)
    assert (executor, "no worker has announced" in (refused or "")) == ("no.such", True)


@asynccontextmanager
async def started(program: Path, shop: str, api: str, *arguments: str) -> AsyncGenerator[Process]:
    """A program, which is killed at the end."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, str(program), *arguments),
        env={**os.environ, "SHOP_DATABASE_URL": shop, "WATERCLOCK_API_URL": api},
        stderr=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        yield child
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()


@asynccontextmanager
async def silent() -> AsyncGenerator[tuple[str, asyncio.Event]]:
    """The URL of a server that takes a request and never answers, and whether it has one."""
    heard = asyncio.Event()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        heard.set()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", heard


async def requested(api: Rig) -> list[str | None]:
    """The orders of all runs."""
    return [run["params"].get("order") for run in (await api.http.get(RUNS)).json()["items"]]


async def projected(api: Rig, order: str) -> bool:
    return order in await requested(api)


async def emptied(shop: str) -> bool:
    return not [refused for _, _, refused in left(shop) if refused is None]


def left(shop: str) -> list[tuple[str, dict[str, str], str | None]]:
    with psycopg.connect(shop) as connection:
        return connection.execute("SELECT executor, params, refused FROM outbox ORDER BY id").fetchall()
