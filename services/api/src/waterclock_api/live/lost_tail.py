"""Readers of live events who have come further than the log: what they hold beyond its end is lost.

A replica that was behind took over, or the log was put back. Who reads on from a place beyond the end would wait for a
future in which other events stand in the same places. So it is told, once, and goes on from the end; but only where the
server is the one to ask, and where neither stream nor archive has that place.
"""

from __future__ import annotations

from waterclock.log.client import Log
from waterclock.log.connection.errors import Halted, Superseded
from waterclock.log.gates import gate_of
from waterclock.log.tail import Archive
from waterclock.model.positions import Position
from waterclock_api.live.positions import Places


async def is_lost(log: Log, archive: Archive, place: Position, end: Position | None) -> bool:
    """Whether `place`, where a reader is, is lost with all that stood after `end`, which may come after it.

    Raises:
        Superseded, Halted: this server does not tell.
        LogError, psycopg.Error, PoolTimeout: no answer.
    """
    if end is not None and end >= place:
        return False
    await check_latest(log, place.partition, opened=True)
    around = place._replace(seq=place.seq - 1), place._replace(seq=place.seq + 1)
    return not await archive.entries(place.partition, *around)


async def check_beyond(log: Log, named: Places, ends: Places) -> None:
    """Check that a server may be believed that has less than a reader names.

    Raises:
        Superseded: it may not.
        LogUnavailable: no answer.
    """
    for partition, end in ends.items():
        place = named.get(partition)
        if place is not None and (end is None or place > end):
            await check_latest(log, partition, opened=False)


async def check_latest(log: Log, partition: int, *, opened: bool) -> None:
    """Check that no later epoch is known than the server's, and, if `opened`, that the partition is open there.

    Raises:
        Superseded, Halted: it is not so.
        LogUnavailable: no answer.
    """
    gate = await gate_of(log, partition)
    if gate.epoch < log.floors.of(partition):
        raise Superseded(f"The server has partition {partition} in epoch {gate.epoch}, and a later epoch was opened.")
    if opened and not gate.opened:
        raise Halted(f"Partition {partition} is not open: it may have lost its events.")
