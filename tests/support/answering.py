"""A proxy before a server of the log that can answer in its place, as servers do that are not the one to ask.

It runs in the event loop that opened it. What it is told to answer it answers to every command, also to those that a
server has not answered yet, but for what a connection begins with.
"""

from __future__ import annotations

import asyncio
from typing import Self
from urllib.parse import urlsplit

from waterclock_dev.servers.ports import LOOPBACK

SILENCE, RESET = "silence", "reset"
"""In place of an answer: none at all, or the end of the connection."""

_BEGINNINGS = {b"HELLO", b"AUTH", b"CLIENT", b"SELECT", b"PING"}
_LISTENING = {b"SUBSCRIBE", b"PSUBSCRIBE"}

Spoken = tuple[str, str]
"""The name of a connection, and a command on it."""


class Answering:
    """Use it as a context; `url` is known inside."""

    def __init__(self, server: str, *, informs: str | None = None) -> None:
        """`informs`: the server that answers INFO in its place, as where a proxy shares out commands."""
        parts, other = urlsplit(server), urlsplit(informs or server)
        self._to = parts.hostname, parts.port
        self._informs = (other.hostname, other.port) if informs else None
        self._answer: str | None = None
        self._greets = True
        self._told = asyncio.Event()
        self._open: set[asyncio.StreamWriter] = set()
        self.asked: set[Spoken] = set()  # and answered by the server, since the last change
        self.answered: set[Spoken] = set()  # by the proxy itself

    @property
    def url(self) -> str:
        return f"redis://{LOOPBACK}:{self.port}/0"

    def answer(self, reply: str, *, greets: bool) -> None:
        """From now on this error, `SILENCE` or `RESET`. `greets`: new connections are still told who is there."""
        self._answer, self._greets = reply, greets
        self.answered = set()
        self._told.set()

    def calm(self) -> None:
        """The server's answers again."""
        self._answer = None
        self.asked = set()
        self._told.clear()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, LOOPBACK, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for writer in self._open:
            writer.transport.abort()
        while self._open:  # noqa: ASYNC110  each leaves the set when its talk has ended
            await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            from_server, to_server = await asyncio.open_connection(*self._to)
            self._open.add(to_server)
            try:
                await self._talk(reader, writer, from_server, to_server)
            finally:
                self._open.discard(to_server)
                to_server.transport.abort()
        finally:
            self._open.discard(writer)
            writer.transport.abort()

    async def _talk(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        from_server: asyncio.StreamReader,
        to_server: asyncio.StreamWriter,
    ) -> None:
        name = ""
        owed: asyncio.Task[bytes] | None = None  # what the server has answered, or will
        try:
            while True:
                raw, words = await _command(reader)
                if words[:2] == [b"CLIENT", b"SETNAME"]:
                    name = words[2].decode()
                spoken = name, words[0].decode()
                reply = None if self._exempt(words[0]) else self._answer
                if reply is None and self._informs and words[0] == b"INFO":
                    writer.write(await self._of_other(raw))
                elif reply is None:
                    if owed is not None:
                        await owed  # nobody waits for that one any more
                    to_server.write(raw)
                    if words[0] in _LISTENING:
                        await _relay(reader, writer, from_server, to_server)
                        return
                    owed = asyncio.create_task(_reply(from_server), name="reply")
                    reply = await self._of_server(owed, spoken, writer)
                if reply is not None:
                    self.answered.add(spoken)
                    if not self._instead(reply, writer):
                        return
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            if owed is not None:
                owed.cancel()
                await asyncio.wait({owed})

    async def _of_other(self, command: bytes) -> bytes:
        assert self._informs is not None
        from_other, to_other = await asyncio.open_connection(*self._informs)
        try:
            to_other.write(command)
            return await _reply(from_other)
        finally:
            to_other.transport.abort()

    def _exempt(self, command: bytes) -> bool:
        return command in _BEGINNINGS or (command == b"INFO" and self._greets)

    async def _of_server(self, answer: asyncio.Task[bytes], spoken: Spoken, writer: asyncio.StreamWriter) -> str | None:
        """Pass the server's answer on; or what to answer, if that is told before there is one."""
        told = asyncio.create_task(self._told.wait(), name="told")
        try:
            await asyncio.wait((answer, told), return_when=asyncio.FIRST_COMPLETED)
            if not answer.done() and not self._exempt(spoken[1].encode()):
                return self._answer
            writer.write(await answer)
            self.asked.add(spoken)
            return None
        finally:
            told.cancel()
            await asyncio.wait((told,))

    def _instead(self, reply: str, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection goes on."""
        if reply == RESET:
            return False
        if reply != SILENCE:
            writer.write(f"-{reply}\r\n".encode())
        return True


async def _relay(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    from_server: asyncio.StreamReader,
    to_server: asyncio.StreamWriter,
) -> None:
    """Both ways, for a connection that only listens from now on."""

    async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            target.write(data)

    ways = [asyncio.create_task(copy(reader, to_server)), asyncio.create_task(copy(from_server, writer))]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.wait(ways)


async def _command(reader: asyncio.StreamReader) -> tuple[bytes, list[bytes]]:
    """A command as it came, and its words."""
    head = await reader.readuntil(b"\r\n")
    raw, words = [head], list[bytes]()
    for _ in range(int(head[1:])):
        size = await reader.readuntil(b"\r\n")
        word = await reader.readexactly(int(size[1:]) + 2)
        raw += [size, word]
        words.append(word[:-2])
    return b"".join(raw), words


async def _reply(reader: asyncio.StreamReader) -> bytes:
    """One whole reply, as it came."""
    head = await reader.readuntil(b"\r\n")
    kind, size = head[:1], head[1:-2]
    if kind in b"$=!" and int(size) >= 0:
        return head + await reader.readexactly(int(size) + 2)
    if kind in b"*~>%" and int(size) > 0:
        parts = int(size) * (2 if kind == b"%" else 1)
        return head + b"".join([await _reply(reader) for _ in range(parts)])
    return head
