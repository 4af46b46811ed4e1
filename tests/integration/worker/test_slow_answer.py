"""A foreign answer that comes byte by byte: the time of the whole request counts, however often a byte comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.integration.http.test_request import LOOPBACK, ask
from waterclock.executors.context import GiveUp
from waterclock.kit.http.exchange import NoAnswer
from waterclock_worker.executors.http_request import BadStatus

TIMEOUT = 0.5  # s
EVERY = TIMEOUT / 20  # s; as 0.4 s to the usual 30 s, and less
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"


class Dripping:
    """Answers each request by some bytes at once, then by one at a time for as long as somebody listens."""

    def __init__(self, at_once: bytes, then: bytes) -> None:
        self.at_once, self.then = at_once, then
        self.dripped = self.requests = 0
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            self.requests += 1
            writer.write(self.at_once)
            place = 0
            while True:
                writer.write(self.then[place % len(self.then) :][:1])
                await writer.drain()
                place += 1
                self.dripped += 1
                await asyncio.sleep(EVERY)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def dripping(at_once: bytes, then: bytes) -> AsyncGenerator[Dripping]:
    made = Dripping(at_once, then)
    async with await asyncio.start_server(made.serve, LOOPBACK, 0) as listening:
        made.url = f"http://{LOOPBACK}:{listening.sockets[0].getsockname()[1]}"
        yield made


@pytest.mark.parametrize(
    ("at_once", "then"),
    [
        pytest.param(HEAD, b"x", id="body"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n", b"x", id="body without a length"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", id="chunks"),
        pytest.param(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n", id="headers"),
        pytest.param(b"", b"HTTP/1.1 100 Continue\r\n\r\n", id="answers before the answer"),
    ],
)
async def test_it_ends_when_the_time_of_the_request_is_over(at_once: bytes, then: bytes) -> None:
    async with dripping(at_once, then) as server:
        with pytest.raises(NoAnswer, match=f"no complete response within {TIMEOUT:g} s"):
            await ask({"url": server.url, "timeout": TIMEOUT})
    assert server.requests == 1
    assert server.dripped > 3  # it was not for want of bytes


async def test_its_status_judges_the_run_as_far_as_it_is_known() -> None:
    params: dict[str, Any] = {"timeout": TIMEOUT, "method": "POST", "json": 1}
    async with dripping(HEAD, b"x") as server:
        with pytest.raises(GiveUp, match="a POST that may have been executed is not retried"):
            await ask({"url": server.url} | params)
    async with dripping(HEAD.replace(b"200 OK", b"503 Busy"), b"x") as server:
        with pytest.raises(BadStatus, match="503"):
            await ask({"url": server.url} | params)
    async with dripping(HEAD.replace(b"200 OK", b"404 Lost"), b"x") as server:
        with pytest.raises(GiveUp, match="404"):
            await ask({"url": server.url} | params)
