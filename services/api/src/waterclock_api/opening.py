"""Opening partitions after a restart of the log's server: nothing is written after a lost entry.

A partition is halted until someone has compared the end of its stream with the archive. Here is the plain opening, for
a stream that lost nothing that is archived: the epoch is raised in Postgres first, on the position that was compared,
then in the log, on the stream's end that was compared. Of several projectors that try at once one succeeds, and the
others see it.
"""

from __future__ import annotations

import logging

from waterclock.log import tail
from waterclock.log.client import Log
from waterclock.log.errors import StaleEpoch, TailMoved
from waterclock.log.opening import open_partition, server_state, tail_of
from waterclock.model.positions import Position
from waterclock.store import archive
from waterclock.store.pool import Connection
from waterclock.store.statements import statement

_TRIES = 10  # each is spoilt only by another projector that gets on

_log = logging.getLogger(__name__)


class ArchiveAhead(Exception):
    """The stream has lost events that are archived: it must be repaired before anything is written."""

    def __init__(self, partition: int, archived: Position, end: Position | None) -> None:
        super().__init__(
            f"Partition {partition} is archived up to {archived}, but its stream ends at {end or 'nothing'}:"
            " events were lost. Nothing is written to it until it is repaired from the archive."
        )
        self.partition = partition
        self.archived = archived
        self.end = end


class NotOpened(Exception):
    """Others were opening the partition each time we tried; try again."""


async def ensure_open(log: Log, connection: Connection, partition: int) -> Position | None:
    """Open the partition if it is halted; its position in the archive, from which to go on.

    Raises:
        ArchiveAhead: the stream lost archived events.
        BrokenChain: what follows the archive's last event is not in the stream.
        NotOpened: others got in between; try again.
    """
    await connection.execute(statement("add_partition"), {"partition": partition})
    for _ in range(_TRIES):
        state = await server_state(log, partition)
        archived, end = await compare(log, connection, partition)
        if state.opened:
            return archived
        epoch = await _reserve(connection, partition, archived, above=state.epoch)
        if epoch is None:
            continue
        try:
            opened = await open_partition(log, partition, epoch=epoch, expect_tail=end.entry if end is not None else "")
        except (StaleEpoch, TailMoved):
            continue
        if not opened.already:
            _log.info("partition opened", extra={"partition": partition, "epoch": epoch, "end": str(end)})
        return archived
    raise NotOpened(f"Partition {partition} is being opened by others.")


async def compare(log: Log, connection: Connection, partition: int) -> tuple[Position | None, Position | None]:
    """The ends of archive and stream, after a look whether the one leads to the other.

    Raises:
        ArchiveAhead, BrokenChain: it does not.
    """
    archived = await archive.position(connection, partition)
    end = await tail_of(log, partition)
    if archived is not None and (end is None or end < archived):
        raise ArchiveAhead(partition, archived, end)
    if end is not None and end != archived:
        await tail.read(log, partition, archived, count=1, block=None, archive=None)
    return archived, end


async def _reserve(connection: Connection, partition: int, archived: Position | None, *, above: int) -> int | None:
    """A new epoch; None if the position has moved since it was compared."""
    epoch, seq = (archived.epoch, archived.seq) if archived is not None else (0, 0)
    place = {"partition": partition, "epoch": epoch, "seq": seq, "above": above}
    cursor = await connection.execute(statement("reserve_epoch"), place)
    row = await cursor.fetchone()
    return row[0] if row is not None else None
