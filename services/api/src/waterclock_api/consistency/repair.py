"""Repairing a partition from the archive: what the stores say of it, put back into the log."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import aclosing
from typing import Any

from waterclock.log import tail
from waterclock.log.client import Log
from waterclock.log.recovery.repair import Repair
from waterclock.model.events import LogForked
from waterclock.model.positions import Position
from waterclock.store import dropped
from waterclock.store.connection.pool import Connection
from waterclock.store.readmodels.partition_state import Known, known
from waterclock_api.consistency.compare import Ends, Fork

_AT_ONCE = 500  # entries kept in one transaction

_log = logging.getLogger(__name__)


class Overtaken(Exception):
    """The archive has gone on since it was compared."""


Tell = Callable[[int], None]  # jobs and runs put back so far


async def repair(
    log: Log, connection: Connection, partition: int, ends: Ends, fork: Fork, *, epoch: int, tell: Tell | None = None
) -> None:
    """Repair a partition whose stream does not hold the archive's last entry, and open it in `epoch`.

    `fork`: how the two differ. What is dropped is kept before (`store.dropped`).

    Raises:
        StaleRepair, StaleEpoch, TailMoved, Overtaken: another got in between.
    """
    work = await Repair.begin(log, partition, epoch=epoch)
    async with known(connection, partition, partitions=log.partitions, restored=log.restored) as archive:
        if await archive.position() != ends.archived:
            raise Overtaken(f"Partition {partition} has been archived beyond {ends.archived} in the meantime.")
        if ends.begins:
            work.not_before(await archive.last_at())
        paused = await _put_back(work, archive, tell or _silent)
    await _keep_dropped(log, connection, fork, epoch)
    await _fork(work, ends, fork, paused, log.partitions if ends.begins else None)
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


async def forget_void(log: Log, connection: Connection, partition: int, *, forked: bool) -> None:
    """Forget what repairs kept that came to nothing; `forked`: the stream, as it is, is to be dropped.

    The `log.forked` of one that came to something may stand in the stream, and not be archived yet.
    """
    void: list[int] = []
    for fork in await dropped.open_forks(connection, partition):
        first = Position(partition, fork, 1)
        found = [] if forked else await tail.entries_from(log, partition, first, count=1)
        if not (found and found[0].position == first and isinstance(found[0].event, LogForked)):
            void.append(fork)
    if void:
        await dropped.forget(connection, partition, void)


async def _keep_dropped(log: Log, connection: Connection, fork: Fork, epoch: int) -> None:
    after, last = fork.first, fork.last
    if after is None or last is None:
        return
    while after <= last:
        entries = await tail.entries_from(log, after.partition, after, count=_AT_ONCE)
        found = [entry for entry in entries if entry.position <= last]
        if not found:
            break
        await dropped.keep(connection, epoch, found)
        after = Position(after.partition, found[-1].position.epoch, found[-1].position.seq + 1)
    await dropped.clear_within(connection, last.partition, epoch)


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
