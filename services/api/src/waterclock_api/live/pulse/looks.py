"""What the pulse asks of both stores: each look as a whole or not at all, with little patience.

A look that takes long is taken less often, so that each store is busy with them a twentieth of the time at most. At
rest both are looked at every few seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import NamedTuple

import psycopg
from psycopg.errors import QueryCanceled
from psycopg_pool import PoolTimeout

from waterclock.kit.clock import Clock
from waterclock.log.client import Log
from waterclock.log.commands.queues import TRUTH, depths
from waterclock.log.connection.errors import LogError
from waterclock.log.liveness.lag import lag
from waterclock.log.liveness.sessions import LEASE_MS, list_sessions, sessions
from waterclock.log.memory import Room, room_of
from waterclock.model.positions import Position
from waterclock.store.connection.lanes import Connections
from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement
from waterclock.store.connection.watchdog import within
from waterclock_api.consistency.lag import places_of_all
from waterclock_api.live.pulse.changes import News
from waterclock_api.queries import read_models
from waterclock_api.queries.read_models import PACKAGE, QueueCount

AT_REST = 5.0  # s between two looks where nothing happens
FLEET_EVERY = 3.0  # s; a worker is silent after 8
LOST_EVERY = 60.0  # s; and whenever one leaves
LOST_WITHIN_MS = 3_600_000
PATIENCE = (1.5, 0.005)  # s, with the log, and for each partition; as long as readiness waits
POSTGRES = 1.5  # s
_SHARE = 20  # a look's time, so often, is how long the next one waits
_AWAY = 2.0  # s until Postgres is asked again that did not answer
_SESSIONS = 500  # at once
_NONE = QueueCount()


class Depth(NamedTuple):
    paused: bool
    waiting: int


class Fleet(NamedTuple):
    live: int
    silent: int


class OfLog(NamedTuple):
    """`memory`: of the server that has the least left."""

    queues: Mapping[str, Depth]
    fleet: Fleet
    memory: Room


class OfStore(NamedTuple):
    """`lost`: workers, in the last hour; `places`: up to where read models are; `lag_ms`: how far they are behind."""

    queues: Mapping[str, QueueCount]
    lost: int
    places: Mapping[int, Position]
    lag_ms: int

    def count_of(self, queue: str) -> QueueCount:
        return self.queues.get(queue, _NONE)


class LogLook:
    def __init__(self, log: Log, clock: Clock) -> None:
        self._log = log
        self._clock = clock
        self._looked_at = self._fleet_at = -AT_REST
        self._took = 0.0
        self._heard = self._fleet_moved = False
        self._last: OfLog | None = None

    async def look(self, news: News) -> OfLog | None:
        """None: the log does not answer."""
        self._heard, self._fleet_moved = self._heard or news.heard, self._fleet_moved or news.fleet
        now = self._clock.monotonic()
        rest = 0.0 if self._heard or self._last is None else AT_REST
        if now - self._looked_at < max(rest, _SHARE * self._took):
            return self._last
        self._looked_at, self._took = now, 0.0
        try:
            async with asyncio.timeout(_patience(self._log)):
                self._last = await self._look(now)
                self._heard = self._fleet_moved = False
            self._took = self._clock.monotonic() - now
        except (LogError, TimeoutError):
            self._last = None
        return self._last

    async def _look(self, now: float) -> OfLog:
        held = [await depths(self._log, partition) for partition in range(self._log.partitions)]
        queues = {
            known.name: Depth(
                paused=known.name in held[TRUTH].queues and bool(held[TRUTH].queues[known.name].paused),
                waiting=sum(
                    each.queues[known.name].queued + each.queues[known.name].aside
                    for each in held
                    if known.name in each.queues
                ),
            )
            for known in self._log.queues
        }
        if self._last is not None and not self._fleet_moved and now - self._fleet_at < FLEET_EVERY:
            return self._last._replace(queues=queues)
        self._fleet_at = now
        return OfLog(queues, await self._fleet(), await self._memory())

    async def _fleet(self) -> Fleet:
        """A worker lives that was heard lately in any partition."""
        live: set[str] = set()
        here: set[str] = set()
        for partition in range(self._log.partitions):
            names = [name for name, renewal in (await sessions(self._log, partition)).items() if renewal >= 0]
            here.update(names)
            for first in range(0, len(names), _SESSIONS):
                some = names[first : first + _SESSIONS]
                found = await list_sessions(self._log, partition, some)
                live |= {
                    name
                    for name, state in zip(some, found.sessions, strict=True)
                    if state is not None and state.renewal >= 0 and found.now - state.heard_at <= LEASE_MS
                }
        return Fleet(len(live), len(here - live))

    async def _memory(self) -> Room:
        rooms = [
            await room_of(self._log, self._log.keys.partition(partitions[0], "meta")) for partitions in self._log.groups
        ]
        return max(rooms, key=lambda room: (room.used / room.limit if room.limit else 0, room.used))


class StoreLook:
    def __init__(self, log: Log, pool: Connections, clock: Clock) -> None:
        self._log = log
        self._pool = pool
        self._clock = clock
        self._looked_at = self._lost_at = -LOST_EVERY
        self._took = 0.0
        self._last: OfStore | None = None
        self._heard = self._fleet = False

    async def look(self, news: News, last: Mapping[int, Position], now_ms: int) -> OfStore | None:
        """None: Postgres does not answer. `last`: what came last in each partition; `now_ms`: as the log has it."""
        self._heard, self._fleet = self._heard or news.heard, self._fleet or news.fleet
        began = self._clock.monotonic()
        behind = self._last is not None and bool(_behind(self._last.places, last))
        rest = 0.0 if self._heard or behind else AT_REST
        if began - self._looked_at < max(rest, _SHARE * self._took):
            return self._last
        try:
            self._last = await self._look(last, began, now_ms)
            self._heard = self._fleet = False
            self._took = self._clock.monotonic() - began
        except QueryCanceled:  # it is there, and busy
            self._last, self._took = None, POSTGRES
        except (psycopg.Error, PoolTimeout, LogError, TimeoutError):
            self._last, self._took = None, _AWAY / _SHARE
        self._looked_at = self._clock.monotonic()
        return self._last

    async def _look(self, last: Mapping[int, Position], now: float, now_ms: int) -> OfStore:
        async with self._pool.connection(timeout=POSTGRES) as connection:
            with within(connection, POSTGRES):
                queues = await read_models.queues(connection, now_ms)
                lost = self._last.lost if self._last is not None else 0
                if self._fleet or now - self._lost_at >= LOST_EVERY:
                    lost, self._lost_at = await _lost(connection, now_ms), now
                places = await places_of_all(connection, self._log.partitions)
        reached = {partition: place for partition, place in places.items() if place is not None}
        lag_ms = 0
        async with asyncio.timeout(_patience(self._log)):
            for partition in _behind(reached, last):
                found = await lag(self._log, partition, reached.get(partition))
                lag_ms = max(lag_ms, round(found.seconds * 1000))
        return OfStore(queues, lost, reached, lag_ms)


def _patience(log: Log) -> float:
    return PATIENCE[0] + PATIENCE[1] * log.partitions


def _behind(reached: Mapping[int, Position], last: Mapping[int, Position]) -> list[int]:
    """The partitions of which the read models lack what came last."""
    return [one for one, position in last.items() if one not in reached or reached[one] < position]


async def _lost(connection: Connection, now_ms: int) -> int:
    cursor = await connection.execute(statement("lost_workers", PACKAGE), {"since": now_ms - LOST_WITHIN_MS})
    row = await cursor.fetchone()
    assert row is not None
    return row[0]
