"""What only a look at the stores can tell, for `/metrics`. What does not answer is left out, and said to be down."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import cast

import psycopg
from psycopg_pool import PoolTimeout

from waterclock.kit.clock import Clock
from waterclock.kit.telemetry import catalog
from waterclock.kit.telemetry.metrics import Exposition
from waterclock.log.client import Log
from waterclock.log.commands.queues import TRUTH, Depths, depths
from waterclock.log.connection.errors import Halted, LogError, LogFull, LogRefuses
from waterclock.log.liveness import leadership
from waterclock.log.liveness.waiting import Waiting, WaitingRuns
from waterclock.log.memory import room_of
from waterclock.log.recovery.opening import server_state
from waterclock.log.writable import check_server
from waterclock.store import quarantine
from waterclock.store.connection.lanes import Connections
from waterclock.store.connection.watchdog import within
from waterclock_api.consistency.clocks import Clocks, look
from waterclock_api.consistency.lag import Lags, lags, places_of_all

_OF_PARTITIONS = (
    catalog.OPEN, catalog.HAS_LEADER, catalog.UNDECIDED, catalog.STREAM_BYTES, catalog.QUEUED, catalog.QUEUE_AGE,
    catalog.QUEUE_PAUSED, catalog.MEMORY_USED, catalog.MEMORY_LIMIT, catalog.LOG_WRITABLE,
    catalog.LOG_CLOCK_OFFSET, catalog.CLOCK_AHEAD,
)  # fmt: skip
_POSTGRES_S = 1.5
_EXECUTORS_MOST = 50


class Measured:
    """The looks of an API process."""

    def __init__(
        self, log: Log, pool: Connections, streams: Callable[[], int], clock: Clock, waiting: WaitingRuns
    ) -> None:
        self._log = log
        self._waiting = waiting
        self._clock = clock
        self._pool = pool
        self._streams = streams

    def told_by(self, exposition: Exposition) -> None:
        exposition.looks += [self._look_at_log, self._look_at_executors, self._look_at_lag, self._look_at_streams]

    async def _look_at_streams(self) -> None:
        catalog.CLIENTS.set(self._streams())

    async def _look_at_log(self) -> None:
        catalog.STORE_UP.set(0, "log")  # until it has answered, also if that takes too long
        for gauge in _OF_PARTITIONS:
            gauge.replace({})
        try:
            found = {partition: await self._partition(partition) for partition in range(self._log.partitions)}
            await self._servers()
            self._clocks(await look(self._log, self._clock))
        except LogError:
            return
        catalog.STORE_UP.set(1, "log")
        tell_queues({partition: each for partition, each in found.items() if each is not None})

    async def _look_at_executors(self) -> None:
        tell_executors(())
        found: list[Waiting] = []
        try:
            for partition in range(self._log.partitions):
                with suppress(Halted):
                    found.append(await self._waiting.head_of(partition))
        except LogError:
            return
        tell_executors(found)

    async def _partition(self, partition: int) -> Depths | None:
        """Tell how a partition does; what its queues hold, None while it is halted."""
        label = str(partition)
        opened = (await server_state(self._log, partition)).opened
        catalog.OPEN.set(opened, label)
        key = self._log.keys.partition(partition, "events")
        catalog.STREAM_BYTES.set(cast("int | None", await self._log.execute(key, "MEMORY", "USAGE", key)) or 0, label)
        try:
            seen = await leadership.watch(self._log, partition)
            found = await depths(self._log, partition)
        except Halted:
            catalog.OPEN.set(0, label)
            return None
        except LogRefuses:  # it answers
            return None
        catalog.HAS_LEADER.set(seen.until > seen.now, label)
        catalog.UNDECIDED.set(max(0, seen.now - seen.next_at) / 1000 if seen.next_at else 0, label)
        return found

    async def _servers(self) -> None:
        for place, partitions in enumerate(self._log.groups):
            try:
                await check_server(self._log, partitions[0])
                catalog.LOG_WRITABLE.set(1, str(place))
            except (LogRefuses, LogFull):
                catalog.LOG_WRITABLE.set(0, str(place))
            room = await room_of(self._log, self._log.keys.partition(partitions[0], "meta"))
            catalog.MEMORY_USED.set(room.used, str(place))
            if room.limit:
                catalog.MEMORY_LIMIT.set(room.limit, str(place))

    def _clocks(self, found: Clocks) -> None:
        for place, offset in enumerate(found.offsets.values()):
            catalog.LOG_CLOCK_OFFSET.set(offset / 1000, str(place))
        for partition, ahead in found.ahead.items():
            catalog.CLOCK_AHEAD.set(max(0, ahead) / 1000, str(partition))

    async def _look_at_lag(self) -> None:
        catalog.STORE_UP.set(0, "archive")
        tell_lags({})
        try:
            async with self._pool.connection(timeout=_POSTGRES_S) as connection:
                with within(connection, _POSTGRES_S):
                    places = await places_of_all(connection, self._log.partitions)
                    catalog.QUARANTINED.set(await quarantine.count(connection))
            catalog.STORE_UP.set(1, "archive")
            tell_lags(await lags(self._log, places))
        except (psycopg.Error, PoolTimeout, LogError):
            return


def tell_lags(found: Lags) -> None:
    catalog.LAG_EVENTS.replace({(str(partition),): one.events for partition, one in found.items()})
    catalog.LAG_SECONDS.replace({(str(partition),): one.seconds for partition, one in found.items()})
    catalog.ARCHIVE_AHEAD.replace({(str(partition),): one.ahead for partition, one in found.items()})


def tell_queues(found: Mapping[int, Depths]) -> None:
    for each in found.values():
        for queue, depth in each.queues.items():
            age = max(0, each.now - depth.since) / 1000 if depth.since else 0
            catalog.QUEUED.set(catalog.QUEUED.series.get((queue,), 0) + depth.queued, queue)
            catalog.QUEUE_AGE.set(max(catalog.QUEUE_AGE.series.get((queue,), 0), age), queue)
    if (truth := found.get(TRUTH)) is not None:
        catalog.QUEUE_PAUSED.replace({(queue,): bool(depth.paused) for queue, depth in truth.queues.items()})


def tell_executors(found: Iterable[Waiting]) -> None:
    """Tell for which executors runs wait that nobody is about to start; pauses are told by themselves."""
    runs: Counter[str] = Counter()
    ages: dict[str, float] = {}
    for each in found:
        for (queue, executor), group in each.groups.items():
            lacked = group.queued if each.is_lacked(executor) else 0
            if queue in each.paused or not lacked + group.aside:
                continue
            runs[executor] += lacked + group.aside
            since = min(one for one in (group.since if lacked else 0, group.aside_since) if one)
            ages[executor] = max(ages.get(executor, 0), (each.now - since) / 1000)
    told = [executor for executor, _ in runs.most_common(_EXECUTORS_MOST)]
    catalog.EXECUTOR_WAITING.replace({(executor,): runs[executor] for executor in told})
    catalog.EXECUTOR_AGE.replace({(executor,): ages[executor] for executor in told})
