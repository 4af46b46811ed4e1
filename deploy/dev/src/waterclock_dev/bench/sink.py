"""A collector that takes all it is sent and keeps nothing: what it costs is nobody's who is measured."""

import asyncio
from collections.abc import Callable

from waterclock_dev.servers.ports import LOOPBACK

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
HEAD_MOST = 65_536  # bytes


async def serve_sink(port: int, stop: asyncio.Event, *, ready: Callable[[], None]) -> None:
    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                lines = (line.partition(b":") for line in head.lower().split(b"\r\n"))
                length = next((int(value) for name, _, value in lines if name == b"content-length"), 0)
                await reader.readexactly(length)
                writer.write(_ANSWER)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            return  # the sender has gone
        finally:
            writer.close()

    async with await asyncio.start_server(take, LOOPBACK, port, limit=HEAD_MOST):
        ready()
        await stop.wait()
