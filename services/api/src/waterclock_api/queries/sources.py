"""What reads are answered from: the log, the archive and the read models, and whose clock tells the time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Literal, NamedTuple

import msgspec
import psycopg
from psycopg.errors import QueryCanceled
from psycopg_pool import PoolTimeout

from waterclock.kit.clock import Clock
from waterclock.log.client import Log
from waterclock.log.liveness.store_clock import StoreClocks
from waterclock.model.positions import Position
from waterclock.store.connection.lanes import Lane, LaneFull, Lanes
from waterclock.store.connection.pool import Connection
from waterclock.store.connection.watchdog import within
from waterclock.store.readmodels.wait_for_position import LOOK_AGAIN, LOOK_ANYWAY, Projected, reached
from waterclock_api.http.problems import ReadTooSlow
from waterclock_api.limits.memory_budget import Budget
from waterclock_api.limits.offload import Offload
from waterclock_api.validation.executors import Registry
from waterclock_api.validation.live_executors import LiveExecutors

READ_TIMEOUT = 2.0  # s, for a place and a connection
DOWN_TIMEOUT = 0.25  # s, where the one that listens has been lost: Postgres is probably away
LaneName = Literal["own", "reads", "streams", "lists", "searches"]
PATIENCES: Mapping[LaneName, float] = {"streams": 10.0, "searches": 5.0}
"""Of those who may wait longer, s."""


class Reading(NamedTuple):
    """In which lane one reads; `who`: whose share it is part of; `cheaper`: what to do where it takes too long."""

    lane: LaneName
    who: str = ""
    cheaper: str = "Try again later."


ONE = Reading("reads")
COMMAND = Reading("own")
STREAM = Reading("streams")


class Sources(msgspec.Struct, frozen=True, kw_only=True):
    log: Log
    lanes: Lanes
    projected: Projected
    registry: Registry
    live: LiveExecutors
    clock: Clock
    store_clocks: StoreClocks
    budget: Budget = msgspec.field(default_factory=Budget)
    offload: Offload = msgspec.field(default_factory=Offload)

    def now_ms(self, partition: int = 0) -> int:
        """A partition's clock as it is known here, ms; our own only until the log has answered for the first time.

        By it, not by ours, what is stored is told: what is due, late, over, next, an hour ago.
        """
        return self.store_clocks.now_ms(partition)

    async def decisive_now(self, partition: int = 0) -> int:
        """The same for what decides about something stored: never our own.

        Raises:
            LogError: the log has not answered yet, and does not now.
        """
        if not self.store_clocks.of(partition).known:
            await self.store_clocks.read(self.log, partition)
        return self.now_ms(partition)

    @asynccontextmanager
    async def reading(self, of: Reading = ONE) -> AsyncGenerator[Connection]:
        """A session for reads.

        Raises:
            LaneFull: other reads take all places.
            ReadTooSlow: it takes longer than a statement may.
            PoolTimeout: Postgres is unreachable.
        """
        try:
            async with self._session(of.lane, PATIENCES.get(of.lane, READ_TIMEOUT), of.who) as connection:
                yield connection
        except QueryCanceled as error:
            raise ReadTooSlow(of.cheaper) from error

    @asynccontextmanager
    async def reading_after(
        self, position: Position, wait: float, of: Reading = COMMAND
    ) -> AsyncGenerator[Connection | None]:
        """A session that sees what the event at `position` changed; None if that takes longer than `wait` s.

        No session is held while the read models are waited for: whoever reads has them all.
        """
        async with AsyncExitStack() as held:
            yield await self._session_at(held, position, wait, of)

    async def _session_at(
        self, held: AsyncExitStack, position: Position, wait: float, of: Reading
    ) -> Connection | None:
        deadline = self.clock.monotonic() + wait
        with self.projected.hear(position.partition) as heard:
            while (left := deadline - self.clock.monotonic()) > 0:
                heard.clear()
                async with AsyncExitStack() as looking:
                    try:
                        connection = await looking.enter_async_context(self._session(of.lane, left, of.who))
                        with within(connection, left):
                            there = await reached(connection, position)
                    except (psycopg.OperationalError, PoolTimeout):
                        return None
                    if there:
                        held.push_async_exit(looking.pop_all())
                        return connection
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(min(left, self._look_again)):
                        await heard.wait()
        return None

    @asynccontextmanager
    async def _session(self, lane: LaneName, wait: float, who: str) -> AsyncGenerator[Connection]:
        chosen: Lane = getattr(self.lanes, lane)
        try:
            async with chosen.connection(self._patience(wait), who=who) as connection:
                yield connection
        except LaneFull as error:
            if self.projected.listening.is_set():
                raise
            raise PoolTimeout("Postgres is probably away") from error

    @property
    def _look_again(self) -> float:
        return LOOK_ANYWAY if self.projected.listening.is_set() else LOOK_AGAIN

    def _patience(self, wanted: float) -> float:
        return wanted if self.projected.listening.is_set() else min(wanted, DOWN_TIMEOUT)
