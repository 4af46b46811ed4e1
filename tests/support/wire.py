"""A proxy before a server that loses replies, as networks do: the command is executed, its answer never arrives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Literal
from urllib.parse import urlsplit

Loss = Literal["cut", "silence"]


class Wire:
    """`lose` says what happens to the next reply: the connection is cut in its place, or nothing comes any more."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 0
        self._loss: Loss | None = None
        self._armed_by = b""
        self.lost = 0
        self.swallowed = asyncio.Event()
        self.port = 0

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def lose(self, loss: Loss, *, after: bytes) -> None:
        """Lose the reply to the next command that contains `after`."""
        self._loss, self._armed_by = loss, after

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self._host, self._port)
        losing = asyncio.Event()
        try:
            async with asyncio.TaskGroup() as both:
                forth = both.create_task(self._forth(reader, back, losing), name="commands")
                answers = both.create_task(self._back(there, writer, losing), name="replies")
                await asyncio.wait((forth, answers), return_when=asyncio.FIRST_COMPLETED)
                forth.cancel()
                answers.cancel()
        finally:
            writer.close()
            back.close()

    async def _forth(self, reader: asyncio.StreamReader, back: asyncio.StreamWriter, losing: asyncio.Event) -> None:
        while chunk := await reader.read(65536):
            if self._loss is not None and self._armed_by in chunk:
                losing.set()
            back.write(chunk)
            await back.drain()

    async def _back(self, there: asyncio.StreamReader, writer: asyncio.StreamWriter, losing: asyncio.Event) -> None:
        while chunk := await there.read(65536):
            if not losing.is_set():
                writer.write(chunk)
                await writer.drain()
                continue
            loss, self._loss = self._loss, None
            self.lost += 1
            self.swallowed.set()
            if loss == "cut":
                return
            losing.clear()


@asynccontextmanager
async def lossy(url: str) -> AsyncGenerator[Wire]:
    """A wire to the server at `url`."""
    wire = Wire(url)
    server = await asyncio.start_server(wire.serve, "127.0.0.1", 0)
    wire.port = server.sockets[0].getsockname()[1]
    try:
        yield wire
    finally:
        server.close()
