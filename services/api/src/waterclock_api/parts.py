"""What handlers work with. `app` puts it together; every handler gets it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import psycopg
from litestar import Request
from psycopg_pool import PoolTimeout

from waterclock.kit.clock import Clock
from waterclock.kit.metrics import Exposition
from waterclock.log.client import Log
from waterclock.log.gathering import Gathering
from waterclock.log.store_clock import StoreClocks
from waterclock.model.positions import Position
from waterclock.store.pool import Connection, Pool
from waterclock.store.vigil import within
from waterclock.store.waits import LOOK_AGAIN, LOOK_ANYWAY, Projected, reached
from waterclock_api.access import Access
from waterclock_api.budget import Budget
from waterclock_api.hub import Hub
from waterclock_api.memory import JobMemory
from waterclock_api.offload import Offload
from waterclock_api.outages import Outages
from waterclock_api.registry import Registry

READ_TIMEOUT = 2.0  # s, for a connection
DOWN_TIMEOUT = 0.25  # s, where the one that listens has been lost: Postgres is probably away


PARTS = "parts"
"""Their name in the application's state."""


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    log: Log
    gathering: Gathering
    pool: Pool
    projected: Projected
    registry: Registry
    memory: JobMemory
    hub: Hub
    clock: Clock
    store_clocks: StoreClocks
    exposition: Exposition
    access: Access
    outages: Outages
    budget: Budget = msgspec.field(default_factory=Budget)
    offload: Offload = msgspec.field(default_factory=Offload)

    @asynccontextmanager
    async def reading(self) -> AsyncGenerator[Connection]:
        """A session for reads.

        Raises:
            PoolTimeout: Postgres is out of reach, or all connections are busy.
        """
        async with self.pool.connection(timeout=self._patience(READ_TIMEOUT)) as connection:
            yield connection

    @asynccontextmanager
    async def reading_after(self, position: Position, wait: float) -> AsyncGenerator[Connection | None]:
        """A session that sees what the event at `position` changed; None if that takes longer than `wait` s.

        No session is held while the read models are waited for: whoever reads has them all.
        """
        connection = await self._session_at(position, wait)
        try:
            yield connection
        finally:
            if connection is not None:
                await self.pool.putconn(connection)

    async def _session_at(self, position: Position, wait: float) -> Connection | None:
        deadline = self.clock.monotonic() + wait
        with self.projected.hear(position.partition) as heard:
            while (left := deadline - self.clock.monotonic()) > 0:
                heard.clear()
                try:
                    connection = await self._looked(position, left)
                except (psycopg.OperationalError, PoolTimeout):
                    return None
                if connection is not None:
                    return connection
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(min(left, self._look_again)):
                        await heard.wait()
        return None

    async def _looked(self, position: Position, left: float) -> Connection | None:
        """A session that has reached the position, or None."""
        connection = await self.pool.getconn(timeout=self._patience(left))
        try:
            with within(connection, left):
                there = await reached(connection, position)
            if there:
                return connection
        except BaseException:
            await self.pool.putconn(connection)
            raise
        await self.pool.putconn(connection)
        return None

    @property
    def _look_again(self) -> float:
        return LOOK_ANYWAY if self.projected.listening.is_set() else LOOK_AGAIN

    def _patience(self, wanted: float) -> float:
        return wanted if self.projected.listening.is_set() else min(wanted, DOWN_TIMEOUT)


def parts_of(request: Request[Any, Any, Any]) -> Parts:
    """The parts of the application that was asked. Litestar's injection would cost 30 µs a request."""
    return request.app.state[PARTS]
