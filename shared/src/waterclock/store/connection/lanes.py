"""The connections of a pool, shared out by purpose, so that slow reads never hold those that others need.

    own       commands, keys, executors, probes
    reads     one run, one job
    streams   what a live stream had before it was opened
    lists     pages that an index gives
    searches  whatever may have to look at much: texts, labels, histories, proofs

Each lane has places, and a caller a share of them. Who finds no place waits for one, a while and in a bounded line, in
which those who hold less than their share go first. A pool of fewer than five connections has fewer lanes.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import NamedTuple, Protocol

from psycopg_pool import PoolTimeout

from waterclock.store.connection.pool import Connection, Pool

PATIENCE = 5.0  # s, for whoever does not say how long
ALONE = 1.0  # s that a statement may take where all lanes are one connection


class LaneFull(PoolTimeout):
    """No place came free in time, or too many wait for one."""


class ShareTaken(LaneFull):
    """As many reads of the caller wait as may."""


class Connections(Protocol):
    """A pool, or a lane of one."""

    def connection(self, timeout: float | None = None) -> AbstractAsyncContextManager[Connection]: ...


class Lane:
    """Some of the connections of a pool. `line`: so many wait at most; one caller has half of it, and of the places."""

    def __init__(self, pool: Pool, places: int, *, line: int | None = None) -> None:
        self.places = places
        self._pool = pool
        self._line = line
        self._free = places
        self._share = max(1, places // 2)
        self._held: Counter[str] = Counter()
        self._waiting: dict[asyncio.Future[None], str] = {}  # oldest first

    @asynccontextmanager
    async def connection(self, timeout: float | None = None, *, who: str = "") -> AsyncGenerator[Connection]:
        """A connection of the lane; `timeout`: s for place and connection together; `who`: whose share it counts in.

        Raises:
            LaneFull: there is no place.
            PoolTimeout: Postgres is unreachable.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + (PATIENCE if timeout is None else timeout)
        await self._enter(who, deadline)
        try:
            async with self._pool.connection(timeout=max(0.0, deadline - loop.time())) as connection:
                yield connection
        finally:
            self._leave(who)

    async def _enter(self, who: str, deadline: float) -> None:
        if self._free and not self._is_over(who):
            self._take(who)
            return
        self._check_line(who)
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[place] = who
        try:
            async with asyncio.timeout_at(deadline):
                await place
        except BaseException as error:
            if place.done() and not place.cancelled():  # it was given in the same moment
                self._leave(who)
            if isinstance(error, TimeoutError):
                raise self._full(who) from error
            raise
        finally:
            del self._waiting[place]

    def _take(self, who: str) -> None:
        self._free -= 1
        self._held[who] += 1

    def _leave(self, who: str) -> None:
        self._free += 1
        self._held[who] -= 1
        if not self._held[who]:
            del self._held[who]
        for place, waiter in self._waiting.items():
            if self._free and not place.done() and not self._is_over(waiter):
                self._take(waiter)
                place.set_result(None)

    def _is_over(self, who: str) -> bool:
        return bool(who) and self._held[who] >= self._share

    def _check_line(self, who: str) -> None:
        if self._line is None:
            return
        if who and sum(waiter == who for waiter in self._waiting.values()) >= self._line // 2:
            raise ShareTaken("too many of the caller's reads are waiting")
        if len(self._waiting) >= self._line:
            raise LaneFull("too many reads are waiting")

    def _full(self, who: str) -> LaneFull:
        return LaneFull(
            "the caller's other reads use its share of connections"
            if self._is_over(who)
            else "other reads use all connections"
        )


class Lanes(NamedTuple):
    own: Lane
    reads: Lane
    streams: Lane
    lists: Lane
    searches: Lane


LINES = {"lists": 256, "searches": 32}
"""How many may wait; the others' reads are short, and who asks for them is paced elsewhere."""


def lanes_of(pool: Pool) -> Lanes:
    """The lanes of a pool: as many connections in all as it has."""
    most = pool.max_size
    if most >= len(Lanes._fields):
        each, more = divmod(most, len(Lanes._fields))
        order = ("reads", "lists", "own", "searches", "streams")  # who gets what is left over
        places = {name: each + (place < more) for place, name in enumerate(order)}
        return Lanes(**{name: Lane(pool, count, line=LINES.get(name)) for name, count in places.items()})
    own = Lane(pool, 1)
    searches = Lane(pool, 1, line=LINES["searches"]) if most > 1 else own
    reads = Lane(pool, 1) if most > 2 else own
    lists = Lane(pool, 1, line=LINES["lists"]) if most > 3 else (reads if most == 3 else searches)
    return Lanes(own=own, reads=reads, streams=reads, lists=lists, searches=searches)


def statement_seconds(connections: int, wanted: float) -> float:
    """How long a statement may take in a pool of so many connections, s."""
    return wanted if connections > 1 else min(wanted, ALONE)
