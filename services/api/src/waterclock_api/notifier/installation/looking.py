"""A look at the whole installation: at all partitions of the log and at what Postgres keeps, at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import NamedTuple

from waterclock.kit.clock import Clock
from waterclock.log.client import Log
from waterclock.log.connection.errors import LogError
from waterclock.log.liveness.leadership import watch
from waterclock.log.liveness.waiting import lacked_in
from waterclock.model.notices.installation.incidents import Standing
from waterclock.model.notices.installation.looks import Look, PartitionLook
from waterclock.model.positions import Position
from waterclock.store.connection.pool import Connection
from waterclock.store.notices import deliveries, facts, standing
from waterclock_api.consistency.lag import places_of_all
from waterclock_api.notifier.installation.kept_connection import KeptConnection, StoreSilent
from waterclock_api.notifier.installation.pace import Pace

LANES = 4
"""Partitions of one server that are looked at at once."""


class Stored(NamedTuple):
    """What Postgres says, read by one session."""

    standing: Standing
    projected: Mapping[int, Position | None]
    judged: Mapping[int, Position]
    dues: Mapping[int, int | None]
    dead: Mapping[str, str]


class Looker:
    """`channels`: names of those in force."""

    def __init__(
        self, log: Log, store: KeptConnection, clock: Clock, *, pace: Pace, channels: Callable[[], Collection[str]]
    ) -> None:
        self._log = log
        self._store = store
        self._clock = clock
        self._pace = pace
        self._channels = channels
        self._lacked: dict[int, tuple[float, Mapping[str, int]]] = {}

    async def look(self) -> tuple[Look, Standing | None]:
        """What there is to see, and what was told of it, as far as Postgres says so."""
        at, clock = self._clock.monotonic(), self._clock.now_ms()
        async with asyncio.TaskGroup() as tasks:
            asking = tasks.create_task(self._stored(), name="look at the store")
            looking = [
                tasks.create_task(self._group(one), name=f"look at partitions {one}") for one in self._log.groups
            ]
        seen = sorted((one for group in looking for one in group.result()), key=lambda one: one.partition)
        stored = asking.result()
        if isinstance(stored, str):
            return Look(at=at, clock=clock, partitions=tuple(seen), store_silent=stored), None
        partitions = tuple(_with(one, stored) for one in seen)
        return Look(at=at, clock=clock, partitions=partitions, dead=stored.dead), stored.standing

    async def _stored(self) -> Stored | str:
        try:
            return await self._store.use(self._read)
        except StoreSilent as error:
            return str(error)

    async def _read(self, connection: Connection) -> Stored:
        partitions = self._log.partitions
        return Stored(
            standing=await standing.read(connection),
            projected=await places_of_all(connection, partitions),
            judged=await facts.all_judged(connection),
            dues=await facts.earliest_dues(connection, partitions),
            dead=await deliveries.dead_channels(connection, sorted(self._channels()), after=self._pace.dead_after),
        )

    async def _group(self, partitions: tuple[int, ...]) -> list[PartitionLook]:
        """Partitions of one server: where it does not answer in time, the rest are silent."""
        found: dict[int, PartitionLook] = {}
        with suppress(TimeoutError):
            async with asyncio.timeout(self._pace.patience), asyncio.TaskGroup() as tasks:
                for lane in range(LANES):
                    tasks.create_task(self._lane(partitions[lane::LANES], found), name=f"look at partitions {lane}")
        silent = f"Redis does not answer within {self._pace.patience:g} s"
        return [found.get(one) or PartitionLook(partition=one, silent=silent) for one in partitions]

    async def _lane(self, partitions: tuple[int, ...], found: dict[int, PartitionLook]) -> None:
        for one in partitions:
            found[one] = await self._partition(one)

    async def _partition(self, partition: int) -> PartitionLook:
        try:
            seen = await watch(self._log, partition)
            lacked = await self._lacking(partition)
        except LogError as error:
            self._lacked.pop(partition, None)
            return PartitionLook(partition=partition, silent=" ".join(str(error).split()))
        return PartitionLook(
            partition=partition,
            now=seen.now,
            led_until=seen.until,
            next_at=seen.next_at,
            last=None if seen.last == (0, 0) else Position(partition, *seen.last),
            lacked=lacked,
        )

    async def _lacking(self, partition: int) -> Mapping[str, int]:
        now = self._clock.monotonic()
        read_at, found = self._lacked.get(partition, (float("-inf"), {}))
        if now - read_at >= self._pace.executors:
            found = await lacked_in(self._log, partition)
            self._lacked[partition] = now, found
        return found


def _with(one: PartitionLook, stored: Stored) -> PartitionLook:
    return PartitionLook(
        partition=one.partition,
        silent=one.silent,
        now=one.now,
        led_until=one.led_until,
        next_at=one.next_at,
        last=one.last,
        lacked=one.lacked,
        projected=stored.projected.get(one.partition),
        judged=stored.judged.get(one.partition),
        due=stored.dues.get(one.partition),
    )
