"""Executors that live sessions have, as the log knows them, kept for a moment.

A session is alive until it has left or was found dead, as for whoever claims. What nobody knows is in a run's favour:
a session of a release that does not say what it can run may be granted any run of its partition, and one that the
archive has not heard of may serve any queue.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import NamedTuple

import msgspec
import psycopg
from psycopg_pool import PoolTimeout

from waterclock.kit.clock import Clock
from waterclock.log.client import Log
from waterclock.log.commands.aside import executors_by_session
from waterclock.log.connection.errors import LogError
from waterclock.store.connection.lanes import Connections
from waterclock.store.connection.statements import statement
from waterclock.store.connection.watchdog import within
from waterclock.store.readmodels.wait_for_position import Projected

FRESH_FOR = 1.0  # s
PATIENCE = 0.5  # s, with the log: what is read is told without it, too
_POSTGRES = 0.5  # s


class LiveSession(NamedTuple):
    """`executors`: keys and aliases; None: it does not say. `queues`: None: not known."""

    executors: frozenset[str] | None
    queues: frozenset[str] | None

    def can_run(self, executor: str, queue: str) -> bool:
        if self.executors is None:
            return True
        return executor in self.executors and (self.queues is None or queue in self.queues)


class _Kept(NamedTuple):
    """`kinds`: the sessions that differ, of which there are few where there are many sessions."""

    sessions: Mapping[str, LiveSession] | None
    kinds: Collection[LiveSession]
    read_at: float


class LiveExecutors:
    """Read when somebody asks, and then at most once in `FRESH_FOR` for each partition."""

    def __init__(self, log: Log, pool: Connections, projected: Projected, clock: Clock) -> None:
        self._log = log
        self._pool = pool
        self._projected = projected
        self._clock = clock
        self._locks: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._kept: dict[int, _Kept] = {}
        self._queues: dict[int, dict[str, frozenset[str]]] = {}

    async def sessions(self, partition: int) -> Mapping[str, LiveSession] | None:
        """The live sessions of a partition; None: the log does not answer."""
        return (await self._fresh(partition)).sessions

    async def lacked(self, partition: int, executor: str, queue: str) -> bool:
        """Whether no live session of a partition can take runs of an executor in a queue, as far as is known."""
        kept = await self._fresh(partition)
        return kept.sessions is not None and not any(one.can_run(executor, queue) for one in kept.kinds)

    async def all_sessions(self) -> Mapping[str, LiveSession] | None:
        """The live sessions of all partitions; None: one does not answer."""
        found: dict[str, LiveSession] = {}
        for partition in range(self._log.partitions):
            sessions = await self.sessions(partition)
            if sessions is None:
                return None
            found |= sessions
        return found

    async def _fresh(self, partition: int) -> _Kept:
        async with self._locks[partition]:
            kept = self._kept.get(partition)
            if kept is None or self._clock.monotonic() - kept.read_at > FRESH_FOR:
                found = await self._read(partition)
                kept = _Kept(found, set((found or {}).values()), self._clock.monotonic())
                self._kept[partition] = kept
        return kept

    async def _read(self, partition: int) -> Mapping[str, LiveSession] | None:
        try:
            async with asyncio.timeout(PATIENCE):
                found = await executors_by_session(self._log, partition)
        except (LogError, TimeoutError, ValueError, msgspec.DecodeError):  # no answer, or one that nobody can read
            return None
        queues = await self._queues_of(partition, found)
        return {session: LiveSession(executors, queues.get(session)) for session, executors in found.items()}

    async def _queues_of(self, partition: int, sessions: Collection[str]) -> Mapping[str, frozenset[str]]:
        """Which queues the sessions serve; those that are not known yet are left out.

        What a session announced never changes; what is known by its worker's name is asked again each time.
        """
        before = self._queues.get(partition, {})
        known = {session: before[session] for session in sessions if session in before}
        by_name: dict[str, frozenset[str]] = {}
        unknown = [session for session in sessions if session not in before]
        if unknown and self._projected.listening.is_set():  # else Postgres is probably away
            try:
                async with self._pool.connection(timeout=_POSTGRES) as connection:
                    with within(connection, _POSTGRES):
                        asked = statement("session_queues", "waterclock_api")
                        cursor = await connection.execute(asked, {"sessions": unknown})
                        rows = await cursor.fetchall()
                        known |= {session: frozenset(queues) for session, queues, announced in rows if announced}
                        by_name = {session: frozenset(queues) for session, queues, announced in rows if not announced}
            except (psycopg.Error, PoolTimeout):
                pass
        self._queues[partition] = known
        return known | by_name
