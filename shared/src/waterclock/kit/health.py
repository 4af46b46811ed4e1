"""Whether a process lives and does its work, over HTTP: for what starts and stops it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from waterclock.kit.service import Unfit

READ_TIMEOUT = 5.0  # s
LONGEST_REQUEST = 8_192  # bytes


class Health:
    """What the process says of itself: unready until it says otherwise."""

    def __init__(self) -> None:
        self._reason: str | None = "starting"

    def ready(self) -> None:
        self._reason = None

    def unready(self, reason: str) -> None:
        self._reason = reason

    def answer(self, path: bytes) -> tuple[int, dict[str, str]]:
        """Status and body for a path."""
        if path == b"/livez":
            return 200, {"status": "alive"}
        if path != b"/readyz":
            return 404, {"status": "unknown"}
        return (200, {"status": "ready"}) if self._reason is None else (503, {"status": "unready", "why": self._reason})


@asynccontextmanager
async def served(host: str, port: int | None, health: Health) -> AsyncGenerator[None]:
    """Answer `/livez` and `/readyz` while the context lasts; without a port nothing is served.

    Raises:
        Unfit: the port cannot be had.
    """
    if port is None:
        yield
        return

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(READ_TIMEOUT):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(_response(head, health))
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
        yield


def _response(head: bytes, health: Health) -> bytes:
    method, _, rest = head.partition(b" ")
    status, said = health.answer(rest.partition(b" ")[0].partition(b"?")[0])
    body = json.dumps(said).encode()
    lines = [
        b"HTTP/1.1 %d %b" % (status, b"OK" if status == 200 else b"Not Now"),
        b"Content-Type: application/json",
        b"Content-Length: %d" % len(body),
        b"Connection: close",
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n" + (b"" if method == b"HEAD" else body)
