"""Runs that the archive has as unfinished and that the log has no more are brought to an end.

    archive up to the stream's end ── its unfinished runs ── not live in the log
        ── the event that ended it is archived: shown now
        ── the log remembers how it ended, by an entry that the archive has passed and does not hold: told again
        ── nobody knows: it died (`storeLost`)

What nobody could read may have been the end of a run, and so may what neither has any more once the archive was put
back. A log remembers ends for minutes. Else a repair would find such runs unfinished, and they would be executed again.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, NamedTuple, TypedDict

from waterclock.log.client import Log
from waterclock.log.commands.bodies import Body, body_of
from waterclock.log.recovery.settle_runs import AT_ONCE, Found, Lost, Remembered, settle
from waterclock.log.tail import tail_of
from waterclock.model.events import RunCancelled, RunDied, RunFailed, RunSucceeded, RunTimedOut, StoredEvent
from waterclock.model.ids import JobId, RunId, partition_of
from waterclock.model.outcomes import Error
from waterclock.model.positions import Position
from waterclock.store import archive
from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement
from waterclock.store.readmodels.project import batch_of, write_models
from waterclock.store.readmodels.wait_for_position import wait_for

CAUGHT_UP = 30.0  # s
_ERROR = Error(type="StoreLost", message="This outcome is known; the event with the reason is in no store any more.")

_log = logging.getLogger(__name__)


class Settled(NamedTuple):
    """`known`: the archive is at the end of the stream, so it can be told; else nothing was looked at.

    `shown`: runs whose end was archived, and could not be read then; `ended`: those of which the log remembers how, and
    the archive did not know; `died`: those of which nothing is known.
    """

    known: bool
    shown: Sequence[str] = ()
    ended: Sequence[str] = ()
    died: Sequence[str] = ()


class Unfinished(NamedTuple):
    """`attempt` and `fence`: of the attempt that has not ended; 0: there is none. `begun`: attempts that have begun."""

    run_id: RunId
    job_id: JobId | None
    attempt: int
    fence: int
    begun: int


class _Who(TypedDict):
    run_id: RunId
    job_id: JobId | None


async def settle_lost(
    log: Log, connection: Connection, partition: int, *, do: bool = True, within: float = CAUGHT_UP
) -> Settled:
    """End the runs of an open partition that only the archive has, once that has come to the stream's present end.

    `do` False: they are only told.
    """
    end = await tail_of(log, partition)
    if end is None or not await wait_for(connection, end, within):
        return Settled(known=end is None)
    shown: list[str] = []
    ended: list[str] = []
    died: list[str] = []
    for some in _portions(await _unfinished(log, connection, partition)):
        found = await settle(log, partition, [Lost(one.run_id) for one in some], through=end)
        how = {one.run_id: one for one in found.ended}
        gone = {*found.lost, *how}
        seen = await _show(connection, partition, [one.run_id for one in some if one.run_id in gone], do=do)
        left = [one for one in some if one.run_id in gone and one.run_id not in seen]
        if do and left:
            found = await _end(log, partition, left, how, through=end)
        shown += seen
        ended += [one.run_id for one in found.ended if one.run_id not in seen]
        died += [run_id for run_id in found.lost if run_id not in seen]
    if do and (shown or ended or died):
        counts = {"shown": len(shown), "ended": len(ended), "died": len(died)}
        extra = {"partition": partition, **counts, "runs": [*shown, *ended, *died][:AT_ONCE]}
        _log.warning("unknown runs ended", extra=extra)
    return Settled(True, shown, ended, died)


async def _end(
    log: Log, partition: int, runs: Sequence[Unfinished], how: dict[RunId, Remembered], *, through: Position
) -> Found:
    return await settle(
        log,
        partition,
        [Lost(one.run_id, _body(one, how.get(one.run_id)), how.get(one.run_id)) for one in runs],
        through=through,
    )


async def _unfinished(log: Log, connection: Connection, partition: int) -> list[Unfinished]:
    """Those that are this partition's by now: before a restore there may have been another number of partitions."""
    cursor = await connection.execute(statement("unfinished_runs"), {"partition": partition})
    found = [Unfinished(RunId(row[0]), row[1], *row[2:]) for row in await cursor.fetchall()]
    return [one for one in found if partition_of(one.run_id, log.partitions) == partition]


async def _show(connection: Connection, partition: int, run_ids: Sequence[str], *, do: bool) -> set[str]:
    """Show the ends that are archived of runs that are shown as unfinished; of which runs there are such."""
    if not run_ids:
        return set()
    cursor = await connection.execute(statement("archived_ends"), {"run_ids": list(run_ids)})
    rows: Sequence[tuple[Any, ...]] = await cursor.fetchall()
    entries = await archive.entries_of(connection, partition, rows)
    found = [(entry, row[5]) for entry, row in zip(entries, rows, strict=True) if batch_of([entry]).runs]
    if do and found:
        async with connection.transaction():
            await connection.execute(statement("hold_positions"))
            await write_models(connection, batch_of([entry for entry, _ in found]))
    return {run_id for _, run_id in found}


def _body(run: Unfinished, how: Remembered | None) -> Body:
    return body_of(ending_of(run, how))


def ending_of(run: Unfinished, how: Remembered | None) -> StoredEvent:
    """The event that ends the run: as the log remembers it, without what only the lost one held."""
    who = _Who(run_id=run.run_id, job_id=run.job_id)
    if how is None:
        return RunDied(**who, reason="storeLost", attempt=run.attempt, fence=run.fence, settled=0)
    number = run.attempt or run.begun + 1
    match how.status:
        case "succeeded":
            return RunSucceeded(**who, attempt=number, fence=how.fence)
        case "failed":
            return RunFailed(**who, attempt=number, fence=how.fence, outcome="failed", error=_ERROR)
        case "timedOut":
            return RunTimedOut(**who, attempt=number, fence=how.fence, error=_ERROR)
        case "cancelled":
            return RunCancelled(**who, attempt=run.attempt, fence=run.fence, settled=how.fence)
        case _:
            return RunDied(**who, reason="storeLost", attempt=run.attempt, fence=run.fence, settled=how.fence)


def _portions(runs: Sequence[Unfinished]) -> list[Sequence[Unfinished]]:
    return [runs[start : start + AT_ONCE] for start in range(0, len(runs), AT_ONCE)]
