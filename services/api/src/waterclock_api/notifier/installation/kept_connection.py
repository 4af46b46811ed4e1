"""A connection to Postgres that is made when it is wanted, and made anew where it was lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from waterclock.store.connection.pool import Connection, Pool, connect_anew
from waterclock.store.connection.statements import statement
from waterclock.store.connection.transient import PASSES
from waterclock.store.connection.watchdog import within

T = TypeVar("T")

STALLED_MS = 2_500
"""Within a transaction, after which the server ends it: others wait for what it holds."""


class StoreSilent(Exception):
    """Postgres gave no answer in time, or none that helps."""


class KeptConnection:
    """Of one task. `patience`: seconds to connect, and again to do something."""

    def __init__(self, pool: Pool, *, work: str, patience: float) -> None:
        self._pool = pool
        self._work = work
        self._patience = patience
        self._connection: Connection | None = None

    async def use(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """
        Raises:
            StoreSilent: it may have been done.
        """
        try:
            connection = await self._connected()
            with within(connection, self._patience):
                return await work(connection)
        except (*PASSES, TimeoutError) as error:
            await self.close()
            raise StoreSilent(" ".join(str(error).split()) or "Postgres does not answer") from error

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _connected(self) -> Connection:
        if self._connection is None or self._connection.closed:
            async with asyncio.timeout(self._patience):
                self._connection = await connect_anew(self._pool, work=self._work)
                await self._connection.execute(statement("end_when_stalled"), {"ms": STALLED_MS})
        return self._connection
