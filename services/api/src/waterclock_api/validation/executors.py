"""Executors that workers announced, as the read models know them, kept for a moment."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

import msgspec
import psycopg
from psycopg_pool import PoolTimeout

from waterclock.kit.clock import Clock
from waterclock.kit.telemetry.log_lines import Outage
from waterclock.log.client import Log
from waterclock.log.connection.errors import LogError
from waterclock.log.tail import tail_of
from waterclock.model.events import ExecutorSpec
from waterclock.model.places import Reach
from waterclock.store.connection.lanes import Connections
from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement
from waterclock.store.connection.watchdog import within
from waterclock.store.readmodels.wait_for_position import Projected, seen
from waterclock_api.limits.thread_turns import in_thread
from waterclock_api.validation.announced_places import Announced
from waterclock_api.validation.parameters import prepared

FRESH_FOR = 2.0  # s
CATCH_UP = 2.0  # s; how long an unknown executor is waited for, if the projection is behind
_ALL = {"after_key": None, "limit": None, "sessions": None}
_FLEET_PARTITION = 0
_TIMEOUT, _DOWN_TIMEOUT = 1.0, 0.25  # s, for a connection; where Postgres is probably away

_HERE_MOST, _LEFT_MOST = 1000, 20  # starts of workers whose announcements are read

_log = logging.getLogger(__name__)


class Registry:
    """Specs by key and by alias. What was known stays known while Postgres is unreachable."""

    def __init__(self, log: Log, pool: Connections, projected: Projected, clock: Clock) -> None:
        self._log = log
        self._pool = pool
        self._projected = projected
        self._clock = clock
        self._outage = Outage(_log, "executors not loaded", "executors loaded again")
        self._known: dict[str, ExecutorSpec] | None = None
        self._announced: tuple[Announced, ...] = ()
        self._read_at = 0.0

    async def known(self, wanted: str, *, patient: bool = True) -> dict[str, ExecutorSpec] | None:
        """All executors; None when it cannot be told whether `wanted` is among them.

        If it is not, what workers have said by now is waited for a little, unless the caller is not `patient`.
        """
        try:
            if self._known is None or self._aged or (patient and wanted not in self._known):
                self._known = await self._read()
                self._outage.over()
            if wanted in self._known or not patient:
                return self._known
            if not await self._caught_up():
                return None
            self._known = await self._read()
            self._outage.over()
        except (psycopg.Error, PoolTimeout, LogError) as error:
            self._outage.failed(error)
            return self._known if self._known is not None and wanted in self._known else None
        return self._known

    @property
    def announced(self) -> tuple[Announced, ...]:
        """Where executors may go, as known when they were last read."""
        return self._announced

    def kept(self, name: str) -> ExecutorSpec | None:
        """An executor by key or alias, as last read, without waiting; None: there was none, or nothing was read yet."""
        return None if self._known is None else self._known.get(name)

    async def names_of(self, name: str) -> frozenset[str]:
        """All names of an executor, of which this is one: its key and its aliases, as far as they are known."""
        spec = (await self.known(name, patient=False) or {}).get(name)
        return frozenset({name} if spec is None else {name, spec.key, *spec.aliases})

    async def keep(self) -> None:
        """Keep what is known fresh until cancelled."""
        while True:
            try:
                if self._known is None or self._aged:
                    self._known = await self._read()
                self._outage.over()
            except (psycopg.Error, PoolTimeout) as error:
                self._outage.failed(error)
            await asyncio.sleep(FRESH_FOR)

    @property
    def _aged(self) -> bool:
        return self._clock.monotonic() - self._read_at > FRESH_FOR

    @property
    def _patience(self) -> float:
        return _TIMEOUT if self._projected.listening.is_set() else _DOWN_TIMEOUT

    async def _caught_up(self) -> bool:
        """Whether the read models reach, in time, what is in the log now."""
        tail = await tail_of(self._log, _FLEET_PARTITION)
        if tail is None:
            return True
        return await seen(self._pool, tail, CATCH_UP, self._projected)

    async def _read(self) -> dict[str, ExecutorSpec]:
        async with self._pool.connection(timeout=self._patience) as connection:
            with within(connection, _TIMEOUT):
                read_now = await executors_of_workers(connection)
                announced = await announced_by_workers(connection)
        if announced != self._announced:  # else the same object: what was found out about it is found by it
            self._announced = announced
        specs: list[ExecutorSpec] = []
        for read in read_now:
            before = self.kept(read.key)
            if before is not None and before == read:
                read = before
            else:
                await in_thread(prepared, read)
            specs.append(read)
        self._read_at = self._clock.monotonic()
        return by_name(specs)


async def executors_of_workers(connection: Connection) -> list[ExecutorSpec]:
    """What workers ever announced of their executors."""
    cursor = await connection.execute(statement("executors", "waterclock_api"), _ALL)
    return [msgspec.convert(spec, ExecutorSpec) for _, spec, _ in await cursor.fetchall()]


def by_name(specs: Iterable[ExecutorSpec]) -> dict[str, ExecutorSpec]:
    """Executors by key and by alias: of two that share a name, the later one has it."""
    known: dict[str, ExecutorSpec] = {}
    for one in specs:
        known |= dict.fromkeys(one.aliases, one) | {one.key: one}
    return known


async def announced_by_workers(connection: Connection) -> tuple[Announced, ...]:
    """What workers announced of where their executors may go: those that are here, and some that have left."""
    limits = {"limit": _HERE_MOST, "left": _LEFT_MOST}
    cursor = await connection.execute(statement("announced", "waterclock_api"), limits)
    return tuple(
        Announced(
            queues=frozenset(queues),
            executors=frozenset(executors),
            is_here=is_here,
            reach=None if reach is None else msgspec.convert(reach, Reach),
        )
        for queues, executors, reach, is_here, *_ in await cursor.fetchall()
    )
