"""How projectors, notifiers and publishers share partitions: by session locks, which save work, and guarantee nothing.

Each holds a shared lock by which its like count it, and one lock for each partition that it works on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, MutableMapping
from typing import NamedTuple, TypeAlias

from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement
from waterclock.wire.level import LEVEL

Held: TypeAlias = MutableMapping[int, asyncio.Task[None]]
"""The work on each partition that is held."""
Begin: TypeAlias = Callable[[int], asyncio.Task[None]]


class Sharers(NamedTuple):
    """Names of locks: of all who share, and of a partition's. Those of projectors earlier releases know, too."""

    all: str
    partition: str


PROJECTORS = Sharers("waterclock projectors", "waterclock partition")
NOTIFIERS = Sharers("waterclock notifiers", "waterclock notified partition")
PUBLISHERS = Sharers("waterclock publishers", "waterclock published partition")


class Shares:
    """The locks of one process, held by its connection and gone with it."""

    def __init__(self, connection: Connection, partitions: int, sharers: Sharers = PROJECTORS) -> None:
        self._connection = connection
        self._partitions = partitions
        self._sharers = sharers

    async def join(self) -> None:
        """Be counted among one's like; a projector also among those of this release or a later one."""
        if self._sharers is PROJECTORS:
            await self._connection.execute(statement("join_level"), {"level": LEVEL})
        await self._connection.execute(statement("join_sharers"), {"sharers": self._sharers.all})

    async def fair(self) -> int:
        """How many partitions each needs to take so that all are taken."""
        cursor = await self._connection.execute(statement("count_sharers"), {"sharers": self._sharers.all})
        row = await cursor.fetchone()
        assert row is not None
        return -(-self._partitions // max(1, row[0]))

    async def older(self) -> int:
        """How many projectors are of an earlier release, which tells no level."""
        cursor = await self._connection.execute(statement("count_older"), {"level": LEVEL})
        row = await cursor.fetchone()
        assert row is not None
        return row[0]

    async def settle(self, held: Held, begin: Begin, given: Callable[[int], None]) -> None:
        """Let go what is beyond a fair share, and begin what is free of it. `given` is told what was let go."""
        fair = await self.fair()
        while len(held) > fair:
            partition, task = held.popitem()
            task.cancel()
            await asyncio.wait([task])
            given(partition)
            await self.give(partition)
        for partition in range(self._partitions):
            if len(held) < fair and partition not in held and await self.take(partition):
                held[partition] = begin(partition)

    async def take(self, partition: int) -> bool:
        """Take a partition, if no one has it."""
        cursor = await self._connection.execute(statement("take_partition"), self._named(partition))
        row = await cursor.fetchone()
        return row is not None and row[0]

    async def give(self, partition: int) -> None:
        await self._connection.execute(statement("give_partition"), self._named(partition))

    def _named(self, partition: int) -> dict[str, object]:
        return {"sharers": self._sharers.partition, "partition": partition}
