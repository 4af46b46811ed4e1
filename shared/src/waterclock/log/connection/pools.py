"""Connections to one server, lent to one call at a time.

One that saw anything but a whole reply is dropped: its next reply might be another call's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

from redis.exceptions import ResponseError

from waterclock.log.connection.addresses import Target
from waterclock.log.connection.connections import Line, Server
from waterclock.log.connection.errors import LogUnavailable
from waterclock.log.connection.transient import DROPPED, KEPT


class Lines:
    """At most `size` connections to one server, for calls that follow each other closely."""

    def __init__(
        self, target: Target, *, size: int, timeout: float, name: str, met: Callable[[Server], Awaitable[None]]
    ) -> None:
        """`met`: told of the process that a new connection has reached, before it is used."""
        self._new: Callable[[], Line] = lambda: Line(target, timeout=timeout, name=name)
        self._address = target.address
        self._timeout = timeout
        self._met = met
        self._free = asyncio.Semaphore(size)
        self._idle: list[Line] = []
        self._dropped = 0  # how often all were
        self._closed = False

    @asynccontextmanager
    async def line(self) -> AsyncGenerator[Line]:
        """Lend a connection. One that got no answer is dropped with the idle ones: they reached the same server."""
        try:
            async with asyncio.timeout(self._timeout):
                await self._free.acquire()
        except TimeoutError as error:
            raise LogUnavailable(f"All connections to {self._address} are busy.") from error
        line = self._idle.pop() if self._idle else self._new()
        lent_at = self._dropped
        try:
            if not line.server.run_id:
                await line.open()
                await self._met(line.server)
                lent_at = self._dropped
            yield line
        except (ResponseError, *KEPT):
            await self._take_back(line, lent_at)
            raise
        except DROPPED:
            await line.drop()
            await self.drop()
            raise
        except LogUnavailable:
            await line.drop()
            await self._drop_idle()
            raise
        except BaseException:
            await line.drop()
            raise
        else:
            await self._take_back(line, lent_at)
        finally:
            self._free.release()

    async def drop(self) -> None:
        """Use none of them again: those that are lent are dropped when they come back."""
        self._dropped += 1
        await self._drop_idle()

    async def close(self) -> None:
        """Close what is idle now, and each that is still lent when it comes back."""
        self._closed = True
        while self._idle:
            await self._idle.pop().close()

    async def _take_back(self, line: Line, lent_at: int) -> None:
        if self._closed:
            await line.close()
        elif lent_at != self._dropped or not line.server.run_id:
            await line.drop()
        else:
            self._idle.append(line)

    async def _drop_idle(self) -> None:
        while self._idle:
            await self._idle.pop().drop()
