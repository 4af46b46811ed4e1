"""Connections: those that do nothing are closed in time, and make room for others where there are many."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import resource
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Self
from weakref import WeakKeyDictionary

import pytest

from tests.support.waiting import until
from waterclock_api.http import server
from waterclock_api.http.gateway import BehindGateway
from waterclock_api.http.server import serve
from waterclock_api.limits import chunked_response, client_connections
from waterclock_api.limits.chunked_response import STUCK
from waterclock_api.limits.client_connections import Connections
from waterclock_api.limits.peer_state import Row, connected, tcp_rows
from waterclock_dev.servers.ports import LOOPBACK, free_port

GET = b"GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n"
LARGE = 16 << 20
writers: WeakKeyDictionary[asyncio.StreamReader, asyncio.StreamWriter] = WeakKeyDictionary()


async def app(scope: Any, receive: Any, send: Any) -> None:
    """`/` is answered, `/live` lasts until its client leaves, `/large` takes many pieces."""
    kind = b"text/event-stream" if scope["path"] == "/live" else b"text/plain"
    body = b"x" * (LARGE if scope["path"] == "/large" else 2)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
    more = scope["path"] == "/live"
    await send({"type": "http.response.body", "body": body, "more_body": more})
    while more and (await receive())["type"] != "http.disconnect":
        pass


@asynccontextmanager
async def small(connections: int) -> AsyncGenerator[int]:
    """The port of a server with so many connections."""
    port, stop, ready = free_port(), asyncio.Event(), asyncio.Event()

    async def run() -> None:
        application: Any = BehindGateway(app)
        ended = stop.set
        await serve(application, LOOPBACK, port, stop, ready=ready.set, ending=ended, connections=connections)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(run())
        async with asyncio.timeout(10):
            await ready.wait()
        try:
            yield port
        finally:
            stop.set()


@asynccontextmanager
async def opened(port: int, text: bytes = b"") -> AsyncGenerator[asyncio.StreamReader]:
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    try:
        writer.write(text)
        writers[reader] = writer
        yield reader
    finally:
        writer.transport.abort()


async def answer_of(reader: asyncio.StreamReader) -> None:
    assert b" 200 " in await head_of(reader)
    assert await reader.readexactly(2) == b"xx"


async def head_of(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(20):
        return await reader.readuntil(b"\r\n\r\n")


async def test_a_new_caller_gets_in_where_all_connections_rest_and_what_is_under_way_goes_on() -> None:
    async with small(40) as port, AsyncExitStack() as others:
        live = [await others.enter_async_context(opened(port, GET % b"/live")) for _ in range(5)]
        for reader in live:
            await head_of(reader)
        idle = [await others.enter_async_context(opened(port)) for _ in range(60)]
        halves = [await others.enter_async_context(opened(port, b"GET / HTTP/1.1\r\n")) for _ in range(20)]
        async with opened(port, GET % b"/") as newcomer:
            assert (await head_of(newcomer)).startswith(b"HTTP/1.1 200 ")
        assert any(reader.at_eof() or reader.exception() for reader in (*idle, *halves))
        assert not any(reader.at_eof() or reader.exception() for reader in live)


async def test_those_that_rest_longest_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = 0

    def rows() -> Iterator[Row]:
        nonlocal looks
        looks += 1
        return tcp_rows()

    monkeypatch.setattr(client_connections, "LOOK_EVERY", 0.02)
    monkeypatch.setattr(client_connections, "tcp_rows", rows)
    async with small(60) as port, AsyncExitStack() as others:
        old = [await others.enter_async_context(opened(port)) for _ in range(5)]
        before = looks

        async def seen() -> bool:
            return looks > before + 1

        await until(seen, within=20, what="the server knows the first")
        new: list[asyncio.StreamReader] = []
        while not any(reader.at_eof() or reader.exception() for reader in old):
            new.append(await others.enter_async_context(opened(port, GET % b"/")))
            await head_of(new[-1])
        assert len(new) >= 45  # there was room before
        assert not new[-1].at_eof()


async def test_a_request_whose_head_does_not_come_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    assert server.HEAD_WITHIN == 10_000
    assert server.HEAD_WITHIN * server.RESTS > 90_000  # ms, as long as gateways keep theirs
    monkeypatch.setattr(server, "HEAD_WITHIN", 200)
    monkeypatch.setattr(client_connections, "LOOK_EVERY", 0.02)
    async with small(40) as port:
        for text in (b"", b"GET / HTTP/1.1\r\nHost: localhost\r\n", b"\r\n"):
            async with opened(port, text) as reader, asyncio.timeout(20):
                assert await reader.read() in (b"", b"HTTP/1.1 408 Request Timeout\r\n\r\n")
        async with opened(port, GET % b"/") as reader:  # and one that has been used, and rests
            await head_of(reader)
            async with asyncio.timeout(20):
                await reader.read()


async def test_a_connection_that_rests_outlives_a_head_that_does_not_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that has been used and on which the next head has begun is given up, however its bytes trickle."""
    monkeypatch.setattr(server, "HEAD_WITHIN", 300)
    monkeypatch.setattr(server, "RESTS", 1_000)
    monkeypatch.setattr(client_connections, "LOOK_EVERY", 0.02)
    async with small(40) as port, opened(port, GET % b"/") as resting:
        await answer_of(resting)
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
        writer.write(GET % b"/")
        await answer_of(reader)

        async def trickle() -> None:
            with contextlib.suppress(ConnectionError):
                for byte in GET * 1_000:
                    writer.write(bytes([byte]).replace(b"\r", b"y").replace(b"\n", b"y"))
                    await writer.drain()
                    await asyncio.sleep(0.1)

        async with asyncio.TaskGroup() as tasks, asyncio.timeout(20):
            trickling = tasks.create_task(trickle())
            with contextlib.suppress(ConnectionError):
                assert await reader.read() in (b"", b"HTTP/1.1 408 Request Timeout\r\n\r\n")
            trickling.cancel()
        writer.transport.abort()
        for late in (b"", b"GET / HT"):
            async with opened(port, late) as silent, asyncio.timeout(20):
                assert await silent.read() in (b"", b"HTTP/1.1 408 Request Timeout\r\n\r\n")
        assert not resting.at_eof()
        resting_writer = writers[resting]
        resting_writer.write(GET % b"/")
        await answer_of(resting)


@pytest.mark.parametrize(
    "text",
    [
        b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % number for number in range(10_000)) + b"\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"y" * 2 * server.HEAD_BYTES + b"\r\n\r\n",
        b"GET /" + b"y" * 2 * server.HEAD_BYTES,
    ],
)
async def test_a_head_that_is_too_large_is_refused(text: bytes) -> None:
    async with small(40) as port, opened(port, text) as reader:
        assert (await head_of(reader)).split()[1] in (b"431", b"414")


async def test_requests_sent_ahead_are_answered_one_after_the_other() -> None:
    async with small(40) as port, opened(port, (GET % b"/") * 50) as reader, asyncio.timeout(20):
        for _ in range(50):
            assert b" 200 " in await reader.readuntil(b"\r\n\r\n")
            assert await reader.readexactly(2) == b"xx"


async def test_the_connection_of_a_client_that_takes_nothing_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunked_response, "TAKEN_WITHIN", 0.2)
    async with small(40) as port:
        with socket.socket() as lazy:
            lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            lazy.connect((LOOPBACK, port))
            lazy.sendall(GET % b"/large")
            own = f":{lazy.getsockname()[1]:04X}"

            async def gone() -> bool:
                """Its end on the server's side, with what was not sent."""
                return not any(row.remote.endswith(own) and row.state == "01" for row in tcp_rows())

            await until(gone, within=20, what="the server gives it up")
        async with opened(port, GET % b"/large") as reader, asyncio.timeout(30):  # who reads gets all of it
            await reader.readuntil(b"\r\n\r\n")
            got = 0
            while got < LARGE:
                got += len(await reader.read(1 << 20))


def test_connections_are_fewer_where_descriptors_are() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (1_024, hard))
        assert client_connections.connections_at_most(10_000) == 1_024 - client_connections.KEPT_BACK
        assert client_connections.connections_at_most(100) == 100
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_service_raises_its_limit_of_descriptors_to_the_hard_one() -> None:
    code = (
        "import asyncio, resource\n"
        "from waterclock.kit.service import run_service\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (256, 700))\n"
        "async def serve(stop): print(resource.getrlimit(resource.RLIMIT_NOFILE))\n"
        "run_service(serve)\n"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert told.stdout.strip() == "(700, 700)"


async def test_a_process_without_a_descriptor_to_look_by_goes_on_and_looks_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[str] = []
    again = asyncio.Event()
    counted = client_connections.open_descriptors

    def none_left() -> int:
        if len(told) < 3:
            told.append("refused")
            raise OSError(errno.EMFILE, "Too many open files")
        told.append("looked")
        again.set()
        return counted()

    monkeypatch.setattr(client_connections, "LOOK_EVERY", 0.001)
    monkeypatch.setattr(client_connections, "open_descriptors", none_left)
    async with small(40) as port, asyncio.timeout(10), opened(port, GET % b"/") as reader:
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        await again.wait()
    assert told[:4] == ["refused"] * 3 + ["looked"]


def test_whose_connections_are_there_is_not_known_where_it_cannot_be_looked(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(self: Path, **_: Any) -> str:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(Path, "read_text", refused)
    assert connected() is None


class Attended:
    """Connections to a listener of ours, and requests on them that last as long as a test likes."""

    def __init__(self, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self._listener = socket.create_server((LOOPBACK, 0))
        self._accepted: list[socket.socket] = []
        self._looks = 0
        self._watched = Connections(self._answer, self._listener.getsockname()[1], most)

        def rows() -> Iterator[Row]:
            self._looks += 1
            return tcp_rows()

        monkeypatch.setattr(client_connections, "LOOK_EVERY", 0.005)
        monkeypatch.setattr(client_connections, "tcp_rows", rows)

    async def __aenter__(self) -> Self:
        self._tending = asyncio.create_task(self._watched.tend())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._tending.cancel()
        for one in (self._listener, *self._accepted):
            one.close()

    def client(self) -> socket.socket:
        client = socket.create_connection(self._listener.getsockname())
        client.setblocking(False)
        self._accepted.append(self._listener.accept()[0])
        return client

    async def request(self, client: socket.socket, *, until: asyncio.Event | None = None, stuck: bool = False) -> None:
        scope = {"type": "http", "client": client.getsockname(), "until": until, "gets stuck": stuck}
        await self._watched(scope, None, None)

    async def looked(self, times: int = 2) -> None:
        """Looks that have begun from now on, of which all but the last are over."""
        wanted = self._looks + times

        async def done() -> bool:
            return self._looks >= wanted

        await until(done, within=20, what="connections are looked at")

    @staticmethod
    async def _answer(scope: Any, *_: Any) -> None:
        if scope["until"] is not None:
            await scope["until"].wait()
        if scope["gets stuck"]:
            scope[STUCK] = True
            raise asyncio.CancelledError


def is_closed(client: socket.socket) -> bool:
    try:
        return client.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


async def test_a_stuck_connection_is_closed_later_where_no_descriptor_is_left_to_do_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refused, copied = 0, os.dup

    def none_left(descriptor: int) -> int:
        nonlocal refused
        if refused < 3:
            refused += 1
            raise OSError(errno.EMFILE, "Too many open files")
        return copied(descriptor)

    monkeypatch.setattr(os, "dup", none_left)
    async with Attended(40, monkeypatch) as attended:
        with contextlib.closing(attended.client()) as client:
            await attended.request(client, stuck=True)

            async def closed() -> bool:
                return is_closed(client)

            await until(closed, within=20, what="the stuck connection is closed")
    assert refused == 3


async def test_a_new_connection_from_the_port_of_a_stuck_one_is_left_open(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Attended(4, monkeypatch) as attended:
        with contextlib.closing(attended.client()) as client:
            await attended.request(client, stuck=True)
            await attended.request(client)  # which nobody could make over the stuck one
            await attended.looked()
            assert not is_closed(client)


async def test_a_connection_is_busy_with_its_next_request_though_the_last_is_not_quite_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with Attended(1, monkeypatch) as attended, asyncio.TaskGroup() as requests:
        with contextlib.closing(attended.client()) as one, contextlib.closing(attended.client()) as other:
            over, never = asyncio.Event(), asyncio.Event()
            last = requests.create_task(attended.request(one, until=over))
            for client in (one, other):
                requests.create_task(attended.request(client, until=never))
            await asyncio.sleep(0)
            over.set()
            await last
            await attended.looked()
            assert not is_closed(one)
            never.set()
