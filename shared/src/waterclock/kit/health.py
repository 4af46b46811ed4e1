"""Whether a process lives and does its work, and its metrics, over HTTP: for what starts, stops and watches it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import msgspec

from waterclock.kit.addresses import authority, listening_socket, setting_at_fault
from waterclock.kit.service import Unfit
from waterclock.kit.telemetry.metrics import Exposition

READ_TIMEOUT = 5.0  # s
LONGEST_REQUEST = 8_192  # bytes


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a process says of itself: `alive` answers `/livez`, `ready` answers `/readyz`, `said` is told by both."""

    alive: bool = True
    ready: bool
    said: dict[str, object]


@asynccontextmanager
async def served(
    host: str, port: int | None, look: Callable[[], Report], exposition: Exposition | None = None
) -> AsyncGenerator[int | None]:
    """Answer `/livez`, `/readyz` and, with an exposition, `/metrics` while the context lasts.

    Gives the port, which 0 leaves to the system.

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
                writer.write(await _response(head, look, exposition))
                await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return  # whoever asked is gone, or did not ask in HTTP
        finally:
            writer.close()

    try:
        listening = listening_socket(host, port)
    except OSError as error:
        setting = setting_at_fault(error, "WATERCLOCK_HEALTH_PORT")
        raise Unfit(f"{setting}: cannot listen on {authority(host, port)}: {error.strerror}") from error
    server = await asyncio.start_server(answer, sock=listening, limit=LONGEST_REQUEST)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def _response(head: bytes, look: Callable[[], Report], exposition: Exposition | None) -> bytes:
    method, _, rest = head.partition(b" ")
    path = rest.partition(b" ")[0].partition(b"?")[0]
    with_body = method == b"GET"
    if method in {b"GET", b"HEAD"}:
        if path == b"/metrics" and exposition is not None:
            text, content = await exposition.text(_accepted(head))
            return _answer(b"200 OK", content.encode(), text, with_body=with_body)
        report = look()
        well = {b"/livez": report.alive, b"/readyz": report.ready}.get(path)
        if well is not None:
            status = b"200 OK" if well else b"503 Service Unavailable"
            return _answer(status, b"application/json", msgspec.json.encode(report.said), with_body=with_body)
    return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def _accepted(head: bytes) -> str:
    found = (line.partition(b":") for line in head.split(b"\r\n"))
    return ",".join(value.decode("latin-1") for name, _, value in found if name.lower() == b"accept")


def _answer(status: bytes, content: bytes, body: bytes, *, with_body: bool) -> bytes:
    top = b"HTTP/1.1 %b\r\nContent-Type: %b\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
    return top % (status, content, len(body)) + (body if with_body else b"")
