"""Repairing a partition from the archive: what the stores say of it, put back into the log."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import Any

from waterclock.log import tail
from waterclock.log.client import Log
from waterclock.log.recovery.repair import Repair
from waterclock.model.events import EpochBegan, LogForked
from waterclock.model.positions import Position
from waterclock.store import dropped
from waterclock.store.connection.pool import Connection
from waterclock.store.dropped import Kept
from waterclock.store.readmodels.partition_state import Known, known
from waterclock.wire.envelope import Entry
from waterclock_api.consistency.compare import Ends, Fork

_AT_ONCE = 500  # entries kept in one transaction

_log = logging.getLogger(__name__)


class Overtaken(Exception):
    """The archive has gone on since it was compared."""


Tell = Callable[[int], None]  # jobs and runs put back so far


async def repair(
    log: Log,
    connection: Connection,
    partition: int,
    ends: Ends,
    fork: Fork,
    *,
    epoch: int,
    carried: Kept | None = None,
    begun: Callable[[], None] | None = None,
    tell: Tell | None = None,
) -> None:
    """Repair a partition whose stream does not hold the archive's last entry, and open it in `epoch`.

    `fork`: how the two differ. What is dropped is kept before (`store.dropped`). `carried`: what earlier repairs have
    dropped that counts with this one. `begun` is called unless the log refuses the repair, and does nothing.

    Raises:
        StaleRepair, StaleEpoch, TailMoved, Overtaken: another got in between.
    """
    work = await Repair.begin(log, partition, epoch=epoch, begun=begun)
    async with known(connection, partition, partitions=log.partitions, restored=log.restored) as archive:
        if await archive.position() != ends.archived:
            raise Overtaken(f"Partition {partition} has been archived beyond {ends.archived} in the meantime.")
        if ends.begins:
            work.not_before(await archive.last_at())
        paused = await _put_back(work, archive, tell or _silent)
    await _keep_dropped(log, connection, fork, epoch)
    await _fork(work, ends, _with(fork, carried), paused, log.partitions if ends.begins else None)
    _say(partition, epoch, ends, fork, work.put)


def _silent(_: int) -> None:
    return


async def _put_back(work: Repair, archive: Known, tell: Tell) -> Mapping[str, Position]:
    async with aclosing(archive.jobs()) as portions:
        async for jobs in portions:
            await work.jobs(jobs)
            tell(work.put)
    async with aclosing(archive.runs()) as portions:
        async for runs in portions:
            await work.runs([(run, body.decode()) for run, body in runs])
            tell(work.put)
    async with aclosing(archive.recent()) as portions:
        async for ended, answered in portions:
            await work.remember(ended, answered)
    return await archive.paused()


async def _fork(work: Repair, ends: Ends, fork: Fork, paused: Mapping[str, Position], partitions: int | None) -> None:
    forked = LogForked(
        epoch=work.epoch,
        server=work.server,
        common=_named(fork.common),
        lost=fork.lost,
        repaired=work.put,
        dropped=fork.dropped,
        dropped_first=_named(fork.first),
        dropped_last=_named(fork.last),
        partitions=partitions,
    )
    end = ends.end.entry if ends.end is not None else ""
    await work.fork(forked, archived=ends.archived, tail=end, paused=paused, with_names=False)


def _with(fork: Fork, carried: Kept | None) -> Fork:
    if carried is None:
        return fork
    return fork._replace(
        dropped=fork.dropped + carried.entries,
        first=min(fork.first or carried.first, carried.first),
        last=max(fork.last or carried.last, carried.last),
    )


async def carry_kept(log: Log, connection: Connection, partition: int, *, epoch: int, forked: bool) -> Kept | None:
    """Have what earlier repairs kept and no store has now count with the opening in `epoch`; what there is of it.

    `forked`: the stream, as it is, is to be dropped, and what it has is kept anew. Else the opening with which they
    count may stand in it, and not be archived yet. Those that stand nowhere are of repairs that came to nothing, whose
    entries are in the stream still, or of repairs whose own stream is lost: then nothing else has them.
    """
    forks = [fork for fork in await dropped.open_forks(connection, partition) if fork != epoch]
    if not forked:
        forks = [fork for fork in forks if not await _stands(log, Position(partition, fork, 1))]
    if (before := await dropped.kept(connection, partition, forks)) is not None:
        async for entries in _stream(log, before.first, before.last):
            await dropped.forget_present(connection, partition, forks, entries)
        await dropped.carry(connection, partition, forks, epoch)
    return await dropped.kept(connection, partition, [epoch])


async def _stands(log: Log, place: Position) -> bool:
    """Whether an epoch begins there."""
    found = await tail.entries_from(log, place.partition, place, count=1)
    return bool(found) and found[0].position == place and isinstance(found[0].event, LogForked | EpochBegan)


async def _keep_dropped(log: Log, connection: Connection, fork: Fork, epoch: int) -> None:
    if fork.first is None or fork.last is None:
        return
    async for entries in _stream(log, fork.first, fork.last):
        await dropped.keep(connection, epoch, entries)
    await dropped.clear_within(connection, fork.last.partition, epoch)


async def _stream(log: Log, first: Position, last: Position) -> AsyncGenerator[list[Entry]]:
    """What stands in the stream from one place to another, both included."""
    after = first
    while after <= last:
        entries = await tail.entries_from(log, after.partition, after, count=_AT_ONCE)
        found = [entry for entry in entries if entry.position <= last]
        if not found:
            return
        yield found
        after = Position(after.partition, found[-1].position.epoch, found[-1].position.seq + 1)


def _say(partition: int, epoch: int, ends: Ends, fork: Fork, put: int) -> None:
    told: dict[str, Any] = {"partition": partition, "epoch": epoch, "archived": str(ends.archived)}
    told |= {"end": str(ends.end), "common": str(fork.common), "lost": fork.lost, "repaired": put}
    if ends.begins:
        _log.warning("partition restored from the archive", extra=told)
        return
    _log.error("event log repaired from the archive", extra=told)
    for name in fork.names:
        _log.warning("event dropped", extra={"partition": partition, "event": name})


def _named(position: Position | None) -> str | None:
    return str(position) if position is not None else None
