"""A run as its own events tell it, for as long as the read models lag behind them."""

from __future__ import annotations

from typing import Any

import msgspec

from waterclock.log import tail
from waterclock.log.commands.runs import EndedRun, LiveRun, find_run
from waterclock.log.tail import tail_of
from waterclock.model.positions import Position
from waterclock.model.readmodels.change_types import AttemptChange, Change, RunChange, StepChange
from waterclock.model.readmodels.merge import Batch, fold
from waterclock.model.timestamps import Stamp, millis
from waterclock.store import archive
from waterclock.store.archive import ArchiveReader
from waterclock.store.readmodels.project import changes_of
from waterclock_api.queries.sources import Sources
from waterclock_api.schemas.responses import Attempt, Progress, Run, Step

PAGE = 200  # entries read at once, of some 100 kB at most
MOST = 50_000  # entries looked through: about a second


async def fold_run(sources: Sources, run_id: str, *, all_steps: bool = False) -> Run | None:
    """The run, from the events that are not projected yet; None if the partition does not know it."""
    known = await find_run(sources.log, run_id)
    if known is None:
        return None
    partition = sources.log.partition_of(run_id)
    end = await tail_of(sources.log, partition)
    at = await _start(sources, partition, known)
    cold = ArchiveReader(sources.lanes.reads)
    changes: list[Change] = []
    for _ in range(MOST // PAGE):
        async with sources.budget.reading:
            entries = await tail.read(sources.log, partition, at, count=PAGE, block=None, archive=cold)
            for entry in entries:
                if getattr(entry.event, "run_id", None) == run_id:
                    changes += changes_of(entry)
        if not entries or end is None or entries[-1].position >= end:
            break
        at = entries[-1].position
        entries.clear()
    return _run(fold(changes), run_id, known, sources.now_ms(), all_steps=all_steps)


async def _start(sources: Sources, partition: int, known: LiveRun | EndedRun) -> Position | None:
    """The place after which all events of the run stand."""
    if isinstance(known, LiveRun) and known.requested.seq > 1:
        return known.requested._replace(seq=known.requested.seq - 1)
    async with sources.reading() as connection:
        return await archive.position(connection, partition)


def _run(batch: Batch, run_id: str, known: LiveRun | EndedRun, now: int, *, all_steps: bool) -> Run | None:
    """None where the run's request was not among the events."""
    row = next((one for one in batch.runs if one.run_id == run_id and one.requested_at is not msgspec.UNSET), None)
    if row is None:
        return None
    kept = _columns(row, Run)
    if kept["status"] == "delayed" and kept["ready_at"] is not None and millis(kept["ready_at"]) <= now:
        kept["status"] = "queued"
    if kept["status"] == "waiting" and isinstance(known, LiveRun) and known.record.state != "waiting":
        kept |= {"status": known.record.state, "waiting_on": None}  # let go, which is no event
    return Run(
        **kept,
        id=run_id,
        trace_id=row.traceparent[3:35] if isinstance(row.traceparent, str) else None,
        duration_ms=lasted(kept["started_at"], kept["finished_at"]),
        attempts=[_attempt(one) for one in sorted(batch.attempts, key=lambda one: one.number)],
        steps=[
            _step(one)
            for one in sorted(batch.steps, key=lambda one: (one.attempt, one.number))
            if all_steps or one.attempt == row.attempt
        ],
    )


def _attempt(row: AttemptChange) -> Attempt:
    return Attempt(**_columns(row, Attempt))


def _step(row: StepChange) -> Step:
    progress = None
    if isinstance(row.done, float):
        progress = Progress(done=row.done, total=row.total if isinstance(row.total, float) else None)
    return Step(**_columns(row, Step), progress=progress)


def _columns(row: RunChange | AttemptChange | StepChange, kind: type[msgspec.Struct]) -> dict[str, Any]:
    """The columns that are fields of `kind` too; what no event has given is null."""
    names = {field.name for field in msgspec.structs.fields(kind)}
    columns = msgspec.structs.asdict(row).items()
    return {name: None if value is msgspec.UNSET else value for name, value in columns if name in names}


def lasted(started_at: Stamp | None, finished_at: Stamp | None) -> int | None:
    return None if started_at is None or finished_at is None else millis(finished_at) - millis(started_at)
