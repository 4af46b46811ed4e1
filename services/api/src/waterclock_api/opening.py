"""Opening partitions after a restart of the log's server: nothing is written after a lost entry.

A partition is halted until someone has compared the end of its stream with the archive. The epoch is raised in Postgres
first, on the position that was compared; then the partition is opened in it, on the stream's end that was compared: as
it is, or, if its stream lost its end, repaired from the archive. Of several projectors that try at once one succeeds,
and the others see it. Whoever is stopped in between leaves a halted partition to the next.
"""

from __future__ import annotations

import logging

from waterclock.log.client import Log
from waterclock.log.errors import LogUnavailable, StaleEpoch, StaleRepair, TailMoved
from waterclock.log.gates import Gate, gate_of
from waterclock.log.opening import open_names_with_the_last, open_partition, prepare_again
from waterclock.log.repair import lose
from waterclock.model.positions import Position
from waterclock.store.partitioning import Partitioning, present
from waterclock.store.pool import Connection
from waterclock.store.statements import statement
from waterclock_api.comparing import Ends, compare
from waterclock_api.repairing import Overtaken, Tell, repair

_TRIES = 10  # each is spoilt only by another projector that gets on

_log = logging.getLogger(__name__)


class ArchiveAhead(Exception):
    """The stream of a partition that is open lacks events that are archived."""

    def __init__(self, partition: int, archived: Position | None, end: Position | None) -> None:
        super().__init__(
            f"Partition {partition} is archived up to {archived}, but its stream, which is open and ends at"
            f" {end or 'nothing'}, does not hold that event. Nothing is projected from it. An open one is not repaired:"
            " restart the log's server, and the two are compared before anything more is written."
        )
        self.partition = partition
        self.archived = archived
        self.end = end


class OtherPartitions(Exception):
    """The log and the store do not agree on how many partitions there are since when."""

    def __init__(self, log: Partitioning, store: Partitioning) -> None:
        super().__init__(
            f"The log has {log.partitions} partitions since epoch {log.since}, the archive {store.partitions} since"
            f" epoch {store.since}. Nothing is written. After `waterclock restore` start this process again; if the"
            " log or the database was put back to before a restore, restore the log again."
        )


class NotOpened(Exception):
    """Others were opening the partition each time we tried; try again."""


async def ensure_open(log: Log, connection: Connection, partition: int, *, tell: Tell | None = None) -> Position | None:
    """Open the partition if it is halted, repaired if it has to be; its position in the archive, from which to go on.

    `tell` is called with how much a repair has put back.

    Raises:
        ArchiveAhead: it is open, and lacks archived events.
        BrokenChain: what follows the archive's last event was trimmed from the stream.
        Strangers: stream and archive have nothing in common.
        OtherPartitions: the number of partitions was changed, here or there.
        NotOpened: others got in between; try again.
    """
    ours, theirs = Partitioning(log.restored, log.partitions), await present(connection)
    if theirs is not None and theirs.since != ours.since:
        raise OtherPartitions(ours, theirs)
    await connection.execute(statement("add_partition"), {"partition": partition})
    for _ in range(_TRIES):
        gate = await gate_of(log, partition)
        if not gate.prepared:
            await prepare_again(log, partition)
            _log.warning("log put back where there was none", extra={"partition": partition})
            continue
        ends = await compare(log, connection, partition)
        if not gate.opened:
            await _open(log, connection, partition, gate, ends, tell)
        elif ends.forked:
            raise ArchiveAhead(partition, ends.archived, ends.end)
        else:
            taken = await lose(log, partition)
            if taken:
                _log.warning("attempts lost with the log", extra={"partition": partition, "runs": taken})
            await _open_names(log)
            return ends.archived
    raise NotOpened(f"Partition {partition} is being opened by others.")


async def _open(log: Log, connection: Connection, partition: int, gate: Gate, ends: Ends, tell: Tell | None) -> None:
    """Open the partition, unless another gets in between."""
    epoch = await _reserve(connection, partition, ends, above=gate.epoch)
    if epoch is None:
        return
    try:
        if ends.forked:
            await repair(log, connection, partition, ends, epoch=epoch, tell=tell)
        else:
            tail = ends.end.entry if ends.end is not None else ""
            await open_partition(log, partition, epoch=epoch, expect_tail=tail)
            _log.info("partition opened", extra={"partition": partition, "epoch": epoch, "end": str(ends.end)})
    except (StaleEpoch, StaleRepair, TailMoved, Overtaken) as passing:
        _log.info("partition not opened", extra={"partition": partition, "epoch": epoch, "reason": str(passing)})


async def _open_names(log: Log) -> None:
    """Open the names if they can be: partitions do not wait for a node that is away."""
    try:
        await open_names_with_the_last(log)
    except LogUnavailable as error:
        _log.warning("names not opened", extra={"reason": str(error)})


async def _reserve(connection: Connection, partition: int, ends: Ends, *, above: int) -> int | None:
    """A new epoch; None if the position has moved since it was compared."""
    epoch, seq = (ends.archived.epoch, ends.archived.seq) if ends.archived is not None else (0, 0)
    above = max(above, ends.end.epoch if ends.end is not None else 0)
    place = {"partition": partition, "epoch": epoch, "seq": seq, "above": above}
    cursor = await connection.execute(statement("reserve_epoch"), place)
    row = await cursor.fetchone()
    return row[0] if row is not None else None
