"""Runs that the archive has as unfinished and that the log does not know are brought to an end.

    archive up to the stream's end ── its unfinished runs ── neither live nor ended in the log
        ── the event that ended it is archived: shown now ── none is: it died (`storeLost`)

What nobody could read may have been the end of a run. A run that ends while we look is remembered by the log for
minutes, so one that it does not know has ended long ago, or never was.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, NamedTuple

from waterclock.log.bodies import body_of
from waterclock.log.client import Log
from waterclock.log.opening import tail_of
from waterclock.log.settling import AT_ONCE, Lost, settle
from waterclock.model.events import RunDied
from waterclock.model.ids import JobId, RunId, partition_of
from waterclock.store import archive
from waterclock.store.pool import Connection
from waterclock.store.project import batch_of, write_models
from waterclock.store.statements import statement
from waterclock.store.waits import wait_for

CAUGHT_UP = 30.0  # s

_log = logging.getLogger(__name__)


class Settled(NamedTuple):
    """`known`: the archive is at the end of the stream, so it can be told; else nothing was looked at.

    `shown`: runs whose end was archived, and could not be read then; `died`: those of which nothing is known.
    """

    known: bool
    shown: Sequence[str] = ()
    died: Sequence[str] = ()


class _Unfinished(NamedTuple):
    run_id: RunId
    job_id: JobId | None
    attempt: int
    fence: int


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
    died: list[str] = []
    for some in _portions(await _unfinished(log, connection, partition)):
        lost = set(await settle(log, partition, [Lost(one.run_id, None) for one in some]))
        ended = await _show(connection, partition, [one.run_id for one in some if one.run_id in lost], do=do)
        shown += ended
        left = [one for one in some if one.run_id in lost and one.run_id not in ended]
        if left and do:
            died += await settle(log, partition, [Lost(one.run_id, _died(one)) for one in left])
        else:
            died += [one.run_id for one in left]
    if do and (shown or died):
        extra = {"partition": partition, "shown": len(shown), "died": len(died), "runs": [*shown, *died][:AT_ONCE]}
        _log.warning("runs settled that the log did not know", extra=extra)
    return Settled(True, shown, died)


async def _unfinished(log: Log, connection: Connection, partition: int) -> list[_Unfinished]:
    """Those that are this partition's by now: before a restore there may have been another number of partitions."""
    cursor = await connection.execute(statement("unfinished_runs"), {"partition": partition})
    found = [_Unfinished(RunId(row[0]), row[1], *row[2:]) for row in await cursor.fetchall()]
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


def _died(run: _Unfinished) -> str:
    died = RunDied(
        run_id=run.run_id, job_id=run.job_id, reason="storeLost", attempt=run.attempt, fence=run.fence, settled=0
    )
    return body_of(died)


def _portions(runs: Sequence[_Unfinished]) -> list[Sequence[_Unfinished]]:
    return [runs[start : start + AT_ONCE] for start in range(0, len(runs), AT_ONCE)]
