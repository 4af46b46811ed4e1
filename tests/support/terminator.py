"""TLS before a server that has none: the wheels' servers are built without it.

What stunnel does: TLS from the first byte, or for Postgres once the client has asked for it (`protocol = pgsql`).
"""

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Generator
from pathlib import Path

from tests.support.certificates import Identity
from waterclock_dev.servers.ports import LOOPBACK

_ASKED, _REFUSED = (1234 << 16 | 5679).to_bytes(4), (1234 << 16 | 5680).to_bytes(4)  # SSLRequest, GSSENCRequest
_CHUNK = 65536


class Terminator:
    """`port` is where TLS is spoken; `peers` the names of clients' certificates, empty for one without."""

    def __init__(self, to: int, identity: Identity, *, clients: Path | None, postgres: bool) -> None:
        self.port = 0
        self.peers: list[str] = []
        self._to = to
        self._postgres = postgres
        self._loop = asyncio.new_event_loop()
        self._open: set[asyncio.StreamWriter] = set()
        self._tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._tls.load_cert_chain(*identity)
        if clients is not None:
            self._tls.verify_mode = ssl.CERT_REQUIRED
            self._tls.load_verify_locations(clients)

    def show(self, identity: Identity) -> None:
        """Another certificate from now on; connections that are open are cut."""
        self._tls.load_cert_chain(*identity)
        asyncio.run_coroutine_threadsafe(self._cut(), self._loop).result(10)

    def run(self, listening: threading.Event) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._listen(listening))

    def end(self) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)

    async def _listen(self, listening: threading.Event) -> None:
        self._ended = asyncio.Event()
        tls = None if self._postgres else self._tls
        server = await asyncio.start_server(self._serve, LOOPBACK, 0, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        listening.set()
        await self._ended.wait()
        server.close()
        await self._cut()

    async def _cut(self) -> None:
        for writer in self._open:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            if not self._postgres or await self._asked(reader, writer):
                certificate = writer.get_extra_info("peercert") or {"subject": ()}
                self.peers.append(dict(pair for (pair,) in certificate["subject"]).get("commonName", ""))
                await self._pass_on(reader, writer)
        writer.transport.abort()

    async def _asked(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Whether the client asked for TLS, and speaks it now."""
        while (words := await reader.readexactly(8))[4:] == _REFUSED:
            writer.write(b"N")
        if words[4:] != _ASKED:
            return False
        writer.write(b"S")
        await writer.drain()
        await writer.start_tls(self._tls)
        return True

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_connection(LOOPBACK, self._to)
        self._open |= {writer, to_server}
        ways = [asyncio.create_task(_copy(reader, to_server)), asyncio.create_task(_copy(from_server, writer))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._open -= {writer, to_server}
            to_server.transport.abort()
            for way in ways:
                way.cancel()
            await asyncio.wait(ways)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()


@contextlib.contextmanager
def terminated(
    to: int, identity: Identity, *, clients: Path | None = None, postgres: bool = False
) -> Generator[Terminator]:
    """Before the port `to`. `clients`: who signed the certificates that are asked of clients; none: nobody is asked."""
    made = Terminator(to, identity, clients=clients, postgres=postgres)
    listening = threading.Event()
    thread = threading.Thread(target=made.run, args=(listening,), name="terminate TLS")
    thread.start()
    try:
        assert listening.wait(10)
        yield made
    finally:
        made.end()
        thread.join()
