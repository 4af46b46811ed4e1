"""Whether a process lives and does its work, over HTTP: for what starts, stops and watches it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import msgspec

from waterclock.kit.service import Unfit

READ_TIMEOUT = 5.0  # s
LONGEST_REQUEST = 8_192  # bytes


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a process says of itself: `alive` answers `/livez`, `ready` answers `/readyz`, `said` is told by both."""

    alive: bool = True
    ready: bool
    said: dict[str, object]


@asynccontextmanager
async def served(host: str, port: int | None, look: Callable[[], Report]) -> AsyncGenerator[int | None]:
    """Answer `/livez` and `/readyz` while the context lasts; gives the port, which 0 leaves to the system.

    Without a port nothing is served.

    Raises:
        Unfit: the port cannot be had.
    """
    if port is None:
        yield None
        return

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(READ_TIMEOUT):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(_response(head, look()))
                await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return  # whoever asked is gone, or did not ask in HTTP
        finally:
            writer.close()

    try:
        server = await asyncio.start_server(answer, host, port, limit=LONGEST_REQUEST)
    except OSError as error:
        raise Unfit(f"WATERCLOCK_HEALTH_PORT: {host}:{port} cannot be served: {error.strerror}") from error
    async with server:
        yield server.sockets[0].getsockname()[1]


def _response(head: bytes, report: Report) -> bytes:
    method, _, rest = head.partition(b" ")
    well = {b"/livez": report.alive, b"/readyz": report.ready}.get(rest.partition(b" ")[0].partition(b"?")[0])
    if well is None or method not in {b"GET", b"HEAD"}:
        return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    status = b"200 OK" if well else b"503 Service Unavailable"
    body = msgspec.json.encode(report.said)
    top = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
    return top % (status, len(body)) + (b"" if method == b"HEAD" else body)
