"""A client that costs little: one request again and again over a few connections, the next when the answer is there."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from typing import cast
from urllib.parse import urlsplit

from waterclock_dev.servers.server import ServerError

CONNECTIONS = 32
LONGEST = 120.0  # s


async def send(url: str, *, count: int, rate: float | None = None, bearer: str | None = None) -> float:
    """POST nothing to `url`, `count` times, as fast as it answers or at most `rate` a second; seconds.

    Raises:
        ServerError: an answer is not 202.
    """
    parts = urlsplit(url)
    shown = "" if bearer is None else f"Authorization: Bearer {bearer}\r\n"
    request = f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n{shown}Content-Length: 0\r\n\r\n".encode()
    assert parts.hostname is not None
    assert parts.port is not None
    host, port = parts.hostname, parts.port
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()
    turns = iter(range(count))
    began = loop.time()
    with ExitStack() as opened:
        for _ in range(min(CONNECTIONS, count)):
            transport, _ = await loop.create_connection(
                lambda: _Sender(request, turns, done, count, began=began, rate=rate), host, port
            )
            opened.callback(transport.close)
        async with asyncio.timeout(LONGEST):
            await done
    return loop.time() - began


class _Sender(asyncio.Protocol):
    """One connection. It reads no more of an answer than its status and where it ends."""

    def __init__(
        self,
        request: bytes,
        turns: Iterator[int],
        done: "asyncio.Future[None]",
        count: int,
        *,
        began: float,
        rate: float | None,
    ) -> None:
        self._request = request
        self._turns = turns
        self._done = done
        self._last = count - 1
        self._began = began
        self._rate = rate
        self._turn = 0
        self._heard = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._next()

    def data_received(self, data: bytes) -> None:
        self._heard += data
        head, gap, body = self._heard.partition(b"\r\n\r\n")
        if not gap or len(body) < _length(head):
            return
        if not head.startswith(b"HTTP/1.1 202"):
            self._fail(ServerError(f"the server answered {self._heard[:300].decode(errors='replace')}"))
            return
        self._heard = b""
        if self._turn == self._last and not self._done.done():
            self._done.set_result(None)
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(ServerError(f"the server closed a connection: {exc}"))

    def _next(self) -> None:
        turn = next(self._turns, None)
        if turn is None:
            return
        self._turn = turn
        wait = 0.0 if self._rate is None else self._began + turn / self._rate - asyncio.get_running_loop().time()
        if wait > 0:
            asyncio.get_running_loop().call_later(wait, self._write)
        else:
            self._write()

    def _write(self) -> None:
        assert self._transport is not None
        if not self._transport.is_closing():
            self._transport.write(self._request)

    def _fail(self, error: ServerError) -> None:
        if not self._done.done():
            self._done.set_exception(error)


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0
