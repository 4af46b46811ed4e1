"""A server that says nothing, and those who wait for it.

A server that is stopped, or whose packets are swallowed, leaves its connections open: who asks on one of them would
wait for ever. No limit on time tells that from a query that takes long. So when a session has been in use for a while
the server is asked for a sign of life on a connection of its own. If there is none, the sessions in use are hung up on,
and none is given out until it answers again: reads are refused at once, not each after a wait of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, TypeAlias

import psycopg
from psycopg import AsyncConnection, pq
from psycopg.conninfo import make_conninfo
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from waterclock.kit.cancellation import not_swallowed

_Connection: TypeAlias = AsyncConnection[TupleRow]

LOOK = 0.5  # s between two looks at the sessions in use
SLOW = 1.0  # s; who has a session for so long may be waiting for a server that says nothing
ANSWER = 2  # s for a sign of life; the least that libpq knows

_log = logging.getLogger(__name__)


class Silence(psycopg.OperationalError):
    """The server did not answer in time."""


class WatchedPool(AsyncConnectionPool[_Connection]):
    """Connections that are hung up on when the server says nothing, while `keep_vigil` runs."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._in_use: dict[_Connection, float] = {}
        self._silent = False

    async def getconn(self, timeout: float | None = None) -> _Connection:
        """
        Raises:
            PoolTimeout: none is free in time, or the server is known to say nothing.
        """
        if self._silent:
            raise PoolTimeout("Postgres does not respond")
        connection = None
        try:
            with not_swallowed():
                connection = await super().getconn(timeout)
        except asyncio.CancelledError:
            if connection is not None:
                await super().putconn(connection)
            raise
        self._in_use[connection] = asyncio.get_running_loop().time()
        return connection

    async def putconn(self, conn: _Connection) -> None:
        self._in_use.pop(conn, None)
        await super().putconn(conn)

    async def keep_vigil(self) -> None:
        """Watch until cancelled."""
        try:
            while True:
                await asyncio.sleep(LOOK)
                if self._silent or self._is_slow():
                    await self._look()
        finally:
            self._silent = False

    def _is_slow(self) -> bool:
        now = asyncio.get_running_loop().time()
        return any(now - since >= SLOW for since in self._in_use.values())

    async def _look(self) -> None:
        was, self._silent = self._silent, not await self._answers()
        if self._silent != was:
            _log.warning("postgres does not respond" if self._silent else "postgres reachable again")
        if self._silent:
            for connection in self._in_use:
                hang_up(connection)

    async def _answers(self) -> bool:
        """Whether the server says anything, be it that it takes no connection now."""
        assert isinstance(self.conninfo, str)
        place = make_conninfo(self.conninfo, connect_timeout=ANSWER).encode()
        try:
            async with asyncio.timeout(2 * ANSWER):  # a name may take its time, too
                said = await asyncio.to_thread(pq.PGconn.ping, place)
        except TimeoutError:
            return False
        return said in {pq.Ping.OK, pq.Ping.REJECT}


def hang_up(connection: _Connection) -> None:
    """End the connection under whoever waits on it: they get an OperationalError now, from however silent a server."""
    with contextlib.suppress(psycopg.OperationalError, OSError):  # it has ended by itself
        line = socket.socket(fileno=os.dup(connection.fileno()))
        try:
            line.shutdown(socket.SHUT_RDWR)
        finally:
            line.close()


@contextmanager
def within(connection: _Connection, seconds: float) -> Generator[None]:
    """Hang up when what is done on the connection takes longer. (To cancel it would be to wait for the server, too.)

    Raises:
        Silence: it took longer.
    """
    ended = False

    def end() -> None:
        nonlocal ended
        ended = True
        hang_up(connection)

    due = asyncio.get_running_loop().call_later(seconds, end)
    try:
        yield
    except psycopg.OperationalError as error:
        if ended:
            raise Silence("does not answer") from error
        raise
    finally:
        due.cancel()
