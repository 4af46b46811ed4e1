"""Whether the process lives, over HTTP: for what starts and stops it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import msgspec

from waterclock.kit.service import Unfit

Report = Callable[[], tuple[bool, dict[str, object]]]
"""Whether the process lives, and what it says of itself."""

READ_TIMEOUT_S = 5.0
_LONGEST_REQUEST = 8_192  # bytes


@asynccontextmanager
async def served(
    host: str, port: int | None, report: Callable[[], tuple[bool, dict[str, object]]]
) -> AsyncGenerator[None]:
    """Answer `/livez` while the context lasts: 200 or 503, with the report as JSON. Without a port nothing is served.

    Raises:
        Unfit: the port cannot be had.
    """
    if port is None:
        yield
        return

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(READ_TIMEOUT_S):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(_response(head, report))
                await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return  # whoever asked is gone, or did not ask in HTTP
        finally:
            writer.close()

    try:
        server = await asyncio.start_server(answer, host, port, limit=_LONGEST_REQUEST)
    except OSError as error:
        raise Unfit(f"WATERCLOCK_HEALTH_PORT: {host}:{port} cannot be served: {error.strerror}") from error
    async with server:
        yield


def _response(head: bytes, report: Report) -> bytes:
    method, _, rest = head.partition(b" ")
    path = rest.partition(b" ")[0].partition(b"?")[0]
    if path != b"/livez" or method not in {b"GET", b"HEAD"}:
        return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    alive, said = report()
    body = msgspec.json.encode(said)
    status = b"200 OK" if alive else b"503 Service Unavailable"
    kept = b"" if method == b"HEAD" else body
    return b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (
        status,
        len(body),
        kept,
    )
