"""A proxy that answers itself, and remembers what it was asked for."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager


class Proxy:
    """Answers requests by their URL; what it does not know with 404."""

    def __init__(self, answers: Mapping[str, bytes]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    @asynccontextmanager
    async def serving(self) -> AsyncGenerator[str]:
        """Its URL."""
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        async with server:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        url = head.split(b" ", 2)[1].decode()
        self.asked.append(url)
        body = self.answers.get(url)
        status = b"404 Not Found" if body is None else b"200 OK"
        told = b"Content-Type: application/json\r\nConnection: close"
        writer.write(
            b"HTTP/1.1 %b\r\n%b\r\nContent-Length: %d\r\n\r\n%b" % (status, told, len(body or b""), body or b"")
        )
        await writer.drain()
        writer.close()
