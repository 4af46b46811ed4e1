"""How projectors share the partitions: by session locks, which save work and guarantee nothing.

Each projector holds a shared lock by which the others count it, and one lock for each partition that it projects.
"""

from __future__ import annotations

from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement
from waterclock.wire.level import LEVEL


class Shares:
    """The locks of one projector, held by its connection and gone with it."""

    def __init__(self, connection: Connection, partitions: int) -> None:
        self._connection = connection
        self._partitions = partitions

    async def join(self) -> None:
        """Be counted among the projectors, and among those of this release or a later one."""
        await self._connection.execute(statement("join_level"), {"level": LEVEL})
        await self._connection.execute(statement("join_projectors"))

    async def fair(self) -> int:
        """How many partitions each projector needs to take so that all are taken."""
        cursor = await self._connection.execute(statement("count_projectors"))
        row = await cursor.fetchone()
        assert row is not None
        return -(-self._partitions // max(1, row[0]))

    async def older(self) -> int:
        """How many projectors are of an earlier release, which tells no level."""
        cursor = await self._connection.execute(statement("count_older"), {"level": LEVEL})
        row = await cursor.fetchone()
        assert row is not None
        return row[0]

    async def take(self, partition: int) -> bool:
        """Take a partition, if no one has it."""
        cursor = await self._connection.execute(statement("take_partition"), {"partition": partition})
        row = await cursor.fetchone()
        return row is not None and row[0]

    async def give(self, partition: int) -> None:
        await self._connection.execute(statement("give_partition"), {"partition": partition})
