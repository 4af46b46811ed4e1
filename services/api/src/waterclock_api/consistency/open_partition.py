"""Opening partitions after a restart of the log's server: nothing is written after a lost entry.

A partition is halted until someone has compared the end of its stream with the archive. The epoch is raised in Postgres
first, on the position that was compared; then the partition is opened in it, on the stream's end that was compared: as
it is, or, if its stream lost its end, repaired from the archive. Of several projectors that try at once one succeeds,
and the others see it. Whoever is stopped in between leaves a halted partition to the next.

A partition in an earlier epoch than was opened, open or not, is that of a server that another has taken the place of,
or of one that has forgotten. It is halted at once, and opened only when nobody is at work on the later one
(`sole_server.py`).
"""

from __future__ import annotations

import logging
from functools import partial

from waterclock.log.client import Log
from waterclock.log.connection.errors import LogUnavailable, StaleEpoch, StaleRepair, TailMoved
from waterclock.log.connection.floors import NAMES
from waterclock.log.gates import Gate, gate_of, gate_of_names, supersede
from waterclock.log.recovery.opening import (
    identify,
    open_names_with_the_last,
    open_partition,
    prepare_again,
)
from waterclock.log.recovery.repair import return_attempts
from waterclock.model.positions import Position
from waterclock.store import epochs
from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement
from waterclock.store.partitioning import Partitioning, present
from waterclock_api.consistency.compare import Ends, compare, fork_of
from waterclock_api.consistency.epoch_reservations import Reservations
from waterclock_api.consistency.identity import check_installation
from waterclock_api.consistency.repair import Overtaken, Tell, carry_kept, repair
from waterclock_api.consistency.sole_server import Looks, NotOpened

_TRIES = 10  # each is spoilt only by another projector that gets on

_log = logging.getLogger(__name__)


class ArchiveAhead(Exception):
    """The stream of a partition that is open lacks events that are archived."""

    def __init__(self, partition: int, archived: Position | None, end: Position | None) -> None:
        super().__init__(
            f"Partition {partition} is archived up to {archived}, but its open stream ends at {end or 'nothing'} "
            "and lacks that event. Projection is stopped. An open partition is not repaired: restart Redis, and "
            "the two are compared before anything more is written."
        )
        self.partition = partition
        self.archived = archived
        self.end = end


class OtherPartitions(Exception):
    """The log and the store do not agree on how many partitions there are since when."""

    def __init__(self, log: Partitioning, store: Partitioning) -> None:
        super().__init__(
            f"The event log has {log.partitions} partitions since epoch {log.since}, the archive {store.partitions} "
            f"since epoch {store.since}. Nothing is written. After `waterclock restore`, restart this process; if "
            "the event log or the database was rolled back to before a restore, run it again."
        )


async def ensure_open(
    log: Log,
    connection: Connection,
    partition: int,
    *,
    tell: Tell | None = None,
    careful: bool = True,
    give_up: bool = False,
    reservations: Reservations | None = None,
) -> Position | None:
    """Open the partition if it is halted, repaired if it has to be; its position in the archive, from which to go on.

    One in an earlier epoch than was opened is halted, if it is open, and then opened like any other; `careful`: only
    after it was looked at twice. `give_up`: what the stream has, if that has nothing in common with the archive. `tell`
    is called with how much a repair has put back. `reservations`: of this process.

    Raises:
        ArchiveAhead: it is open, and lacks archived events.
        BrokenChain: what follows the archive's last event was trimmed from the stream.
        Strangers: stream and archive have nothing in common.
        OtherInstallation, Foreign: the database, or that partition of the log, is another's.
        OtherPartitions: the number of partitions was changed, here or there.
        EpochsUsedUp: there is no epoch left to open it in.
        NotOpened: others got in between, or are at work on a later epoch; try again.
    """
    ours, theirs = Partitioning(log.restored, log.partitions), await present(connection)
    if theirs is not None and theirs.since != ours.since:
        raise OtherPartitions(ours, theirs)
    await connection.execute(statement("add_partition"), {"partition": partition})
    one = _Opening(log, connection, partition, tell, reservations or Reservations(), careful=careful, give_up=give_up)
    for _ in range(_TRIES):
        ends = await one.step()
        if ends is not None:
            return ends.archived
    raise NotOpened(f"Another process is opening partition {partition}.")


class _Opening:
    """What is done to have one partition open, a step at a time."""

    def __init__(
        self,
        log: Log,
        connection: Connection,
        partition: int,
        tell: Tell | None,
        reservations: Reservations,
        *,
        careful: bool,
        give_up: bool,
    ) -> None:
        self._log = log
        self._connection = connection
        self._partition = partition
        self._tell = tell
        self._reservations = reservations
        self._careful = careful
        self._give_up = give_up
        self._looks = Looks(log, connection)
        self._alone: dict[int, tuple[str, int]] = {}  # servers and epochs that were looked at twice

    async def step(self) -> Ends | None:
        """Look, and do what is next; how stream and archive end, once it is open."""
        log, partition = self._log, self._partition
        await check_installation(log, self._connection)
        gate = await gate_of(log, partition)
        if not gate.prepared:
            await prepare_again(log, partition)
            _log.warning("empty redis prepared", extra={"partition": partition})
            return None
        known = await epochs.opened(self._connection)
        for place, epoch in known.items():
            log.floors.seen(place, epoch)
        if not await self._is_the_latest(partition, gate):
            return None
        ends = await compare(log, self._connection, partition)
        if not gate.opened:
            await self._open(gate, ends)
            return None
        if ends.forked:
            raise ArchiveAhead(partition, ends.archived, ends.end)
        if gate.epoch > known.get(partition, 0):
            await epochs.note_opened(self._connection, partition, gate.epoch)
        taken = await return_attempts(log, partition)
        if taken:
            _log.warning("attempts lost with redis", extra={"partition": partition, "runs": taken})
        await self._open_names()
        return ends

    async def _is_the_latest(self, place: int, gate: Gate) -> bool:
        """Whether nothing later than what is here was opened, or what is here is all that is left; else look again.

        Postgres may have been put back to before it knew: what this process has seen counts, and what was told here.
        """
        known = max(self._log.floors.of(place), gate.floor)
        if gate.epoch >= known:
            return True
        if gate.opened:
            await supersede(self._log, place, gate, floor=known)
            return False
        if not self._careful or self._alone.get(place) == (gate.run_id, gate.epoch):
            return True
        again = await self._looks.twice(place, gate, known)
        self._alone[place] = (again.run_id, again.epoch)
        return False

    async def _open(self, gate: Gate, ends: Ends) -> None:
        """Open the partition, unless another gets in between."""
        log, connection, partition = self._log, self._connection, self._partition
        log.nodes.check_agreed()
        fork = await fork_of(log, connection, partition, ends, give_up=self._give_up) if ends.forked else None
        if log.identity and not gate.identity:
            await identify(log, partition)
        above = max(gate.latest, ends.end.epoch if ends.end is not None else 0, log.floors.of(partition))
        reserved = self._reservations
        epoch = await reserved.take(connection, partition, ends.archived, above=above, server=gate.run_id)
        if epoch is None:
            return
        carried = await carry_kept(log, connection, partition, epoch=epoch, forked=ends.forked)
        try:
            if fork is not None:
                await repair(
                    log,
                    connection,
                    partition,
                    ends,
                    fork,
                    epoch=epoch,
                    carried=carried,
                    begun=partial(reserved.begun, partition),
                    tell=self._tell,
                )
            else:
                tail = ends.end.entry if ends.end is not None else ""
                await open_partition(log, partition, epoch=epoch, expect_tail=tail, with_names=False)
                _log.info("partition opened", extra={"partition": partition, "epoch": epoch, "end": str(ends.end)})
        except (StaleEpoch, StaleRepair, TailMoved, Overtaken) as passing:
            _log.info("partition not opened", extra={"partition": partition, "epoch": epoch, "reason": str(passing)})
        else:
            reserved.used(partition)
            await epochs.note_opened(connection, partition, epoch)

    async def _open_names(self) -> None:
        """Open the names if they can be: partitions do not wait for a node that is away."""
        log = self._log
        try:
            for _ in range(_TRIES):
                gate = await gate_of_names(log)
                if await self._is_the_latest(NAMES, gate):
                    if log.identity and not gate.identity:
                        await identify(log, NAMES)
                    await open_names_with_the_last(log, epochs.OfNames(self._connection))
                    return
        except (LogUnavailable, NotOpened) as error:
            _log.warning("job names not opened", extra={"reason": str(error)})
