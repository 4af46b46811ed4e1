"""What handlers work with. `app` puts it together; every handler gets it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import msgspec
import psycopg
from psycopg_pool import PoolTimeout

from waterclock.kit.clock import Clock
from waterclock.log.client import Log
from waterclock.model.positions import Position
from waterclock.store.pool import Connection, Pool
from waterclock.store.waits import Projected, wait_for
from waterclock_api.hub import Hub
from waterclock_api.registry import Registry

READ_TIMEOUT = 2.0  # s, for a connection
DOWN_TIMEOUT = 0.25  # s, where the one that listens has been lost: Postgres is probably away


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    log: Log
    pool: Pool
    projected: Projected
    registry: Registry
    hub: Hub
    clock: Clock

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
        """A session that sees what the event at `position` changed; None if that takes longer than `wait` s."""
        if wait <= 0:
            yield None
            return
        deadline = self.clock.monotonic() + wait
        try:
            connection = await self.pool.getconn(timeout=self._patience(wait))
        except PoolTimeout:
            yield None
            return
        try:
            left = max(0.0, deadline - self.clock.monotonic())
            try:
                reached = await wait_for(connection, position, left, self.projected)
            except psycopg.OperationalError:
                reached = False
            yield connection if reached else None
        finally:
            await self.pool.putconn(connection)

    def _patience(self, wanted: float) -> float:
        return wanted if self.projected.listening.is_set() else min(wanted, DOWN_TIMEOUT)
