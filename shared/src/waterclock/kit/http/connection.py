"""One connection: bytes out, bytes in. What comes while nothing was asked breaks the rules, and closes it."""

from __future__ import annotations

import asyncio
from typing import cast

_AHEAD = 256 * 1024  # bytes that are held until somebody reads them


class Connection(asyncio.Protocol):
    """Of one event loop. `heard` is whoever's who asked: it takes from its beginning what it has read."""

    def __init__(self) -> None:
        self.heard = bytearray()
        self.ended = False  # nothing more comes
        self._error: Exception | None = None
        self._asked = False
        self._paused = False
        self._waiting: asyncio.Future[None] | None = None
        self._transport: asyncio.Transport | None = None

    @property
    def is_open(self) -> bool:
        """Whether another request may be sent on it: all that was sent has gone, and nothing is left over."""
        transport = self._transport
        return (
            transport is not None
            and not self.ended
            and not self.heard
            and not transport.is_closing()
            and not transport.get_write_buffer_size()
        )

    def ask(self, request: bytes) -> None:
        """Send a request of bounded length; what comes from now on is its answer."""
        assert self._transport is not None
        self._asked = True
        self._transport.write(request)

    def rest(self) -> None:
        """Nothing is asked any more."""
        self._asked = False

    async def more(self) -> bool:
        """Wait until more is heard. False: nothing more comes.

        Raises:
            OSError: the connection broke.
        """
        before = len(self.heard)
        self._resume()
        while len(self.heard) == before and not self.ended:
            self._waiting = asyncio.get_running_loop().create_future()
            try:
                await self._waiting
            finally:
                self._waiting = None
        if len(self.heard) > before:
            return True
        if self._error is not None:
            raise self._error
        return False

    def close(self) -> None:
        """At once: what was not sent is not sent any more."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if not self._asked:
            self.ended = True
            self.close()
            return
        self.heard += data
        if len(self.heard) > _AHEAD and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        self.ended = True
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended:
            self._error = exc
        self.ended = True
        self._wake()

    def _resume(self) -> None:
        if self._paused and self._transport is not None and not self._transport.is_closing():
            self._paused = False
            self._transport.resume_reading()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
