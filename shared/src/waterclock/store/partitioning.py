"""How many partitions the log has, and has had. An event of an earlier number stays where its partition was then.

All that is new is in a later epoch than all that was before the change, so the events of a job are in the order of
their epochs and numbers, whichever partitions they lie in. What notifiers know of a job or run moves to the partition
in which that lives from then on.
"""

from __future__ import annotations

from typing import NamedTuple

from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement
from waterclock.store.notices import facts


class Partitioning(NamedTuple):
    """`since`: the first epoch with so many partitions; 0: there were always so many."""

    since: int
    partitions: int


async def partitionings(connection: Connection) -> list[Partitioning]:
    """What there has been, oldest first; none before the first partition was opened."""
    rows = await (await connection.execute(statement("partitionings"))).fetchall()
    if rows:
        return [Partitioning(*row) for row in rows]
    opened = await (await connection.execute(statement("partitions"))).fetchall()
    return [Partitioning(0, max(row[0] for row in opened) + 1)] if opened else []


async def present(connection: Connection) -> Partitioning | None:
    """How many there are; None before the first was opened."""
    found = await partitionings(connection)
    return found[-1] if found else None


async def most(connection: Connection) -> int:
    """The greatest number that there has ever been; 0 before the first was opened."""
    return max((one.partitions for one in await partitionings(connection)), default=0)


async def repartition(connection: Connection, partitions: int, *, above: int) -> Partitioning:
    """Let the log have another number of partitions; `above`: the latest epoch that the log itself knows."""
    async with connection.transaction():
        await connection.execute(statement("hold_positions"))
        wanted = {"partitions": partitions, "above": above}
        row = await (await connection.execute(statement("note_partitioning"), wanted)).fetchone()
        assert row is not None
        await facts.move(connection, partitions)
        return Partitioning(row[0], partitions)
