"""A TCP relay: an address that stays while what it leads to changes, stands still or goes away.

As services know a store in many places: by a name, a virtual address, a proxy. It runs in the event loop that opened
it.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Self

from waterclock_dev.servers.ports import LOOPBACK

_CHUNK = 65536


class Relay:
    """Use it as a context; `port` is known inside."""

    def __init__(self, to: int) -> None:
        """`to`: the port, on this machine, to which it leads at first."""
        self.port = 0
        self.connections = 0  # that were opened through it
        self._to = to
        self._shut = False
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._open: set[asyncio.StreamWriter] = set()

    def lead_to(self, port: int, *, cut: bool) -> None:
        """Lead new connections there. `cut` breaks the open ones; else they stay with the server they reached."""
        self._to = port
        if cut:
            self.cut()

    def cut(self) -> None:
        """Break all open connections."""
        for writer in self._open:
            writer.transport.abort()

    def hold(self) -> None:
        """Let nothing pass, in either direction, without breaking anything: a network that drops all packets."""
        self._flowing.clear()

    def release(self) -> None:
        """Let what was held pass."""
        self._flowing.set()

    def shut(self) -> None:
        """Break all connections, and each new one at once."""
        self._shut = True
        self.cut()

    def admit(self) -> None:
        """End of `shut`."""
        self._shut = False

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, LOOPBACK, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self._flowing.set()
        self.shut()
        while self._open:  # noqa: ASYNC110  each leaves the set when its tasks are done
            await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            await self._flowing.wait()
            if not self._shut:
                self.connections += 1
                with contextlib.suppress(OSError):
                    await self._pass_on(reader, writer)
        finally:
            self._open.discard(writer)
            writer.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_connection(LOOPBACK, self._to)
        self._open.add(to_server)
        ways = [
            asyncio.create_task(self._copy(reader, to_server), name="relay to the server"),
            asyncio.create_task(self._copy(from_server, writer), name="relay to the client"),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._open.discard(to_server)
            to_server.transport.abort()
            for way in ways:
                way.cancel()
            await asyncio.wait(ways)

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(_CHUNK):
                await self._flowing.wait()
                writer.write(data)
                await writer.drain()
