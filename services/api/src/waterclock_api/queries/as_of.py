"""A job as it was at a time, folded from its events in the archive."""

from __future__ import annotations

from typing import Any

import msgspec

from waterclock.model.errors import NotFound, NotThen
from waterclock.model.events import JobDeleted
from waterclock.model.ids import ID_PATTERN
from waterclock.model.job import Job as JobState
from waterclock.model.job import evolve
from waterclock.model.positions import Position
from waterclock.model.readmodels.change_types import RunChange
from waterclock.model.readmodels.merge import fold
from waterclock.model.timestamps import stamp
from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement
from waterclock.store.readmodels.project import changes_of
from waterclock.wire.envelope import Entry, UnknownEvent, read_document
from waterclock_api.http.problems import HistoryGone
from waterclock_api.queries.events import Wanted, beginnings, page_of
from waterclock_api.queries.explain import refuse_unheard
from waterclock_api.queries.ledger import caught_up, events_kept_from
from waterclock_api.queries.read_models import PACKAGE
from waterclock_api.queries.rows import members_of, next_fires
from waterclock_api.queries.sources import Reading, Sources
from waterclock_api.queries.unprojected_run import lasted
from waterclock_api.schemas.responses import Job, LastRun

RUN_EVENTS_MOST = 1_000  # of the last run, steps and lines left out: attempts are bounded by far less
_OF_RUNS = (
    *("run.requested", "run.started", "run.retryScheduled", "run.cancelRequested", "run.lost"),
    *("run.succeeded", "run.failed", "run.timedOut", "run.cancelled", "run.died"),
)


async def job_then(sources: Sources, of: Reading, job_id: str, at: int) -> Job:
    """The job at `at` (ms), with the next instant after it and its last run as that stood; `isRunning` is null
    where runs of that time are no longer kept.

    Raises:
        NotFound: there never was such a job.
        NotThen: it had not been created, or was deleted.
        HistoryGone: the events that say so are no longer kept.
        TryLater: the archive has not heard of it yet.
    """
    if ID_PATTERN.fullmatch(job_id) is None:
        raise NotFound("job", job_id)
    partition = sources.log.partition_of(job_id)
    await caught_up(sources, [partition])
    async with sources.reading(of) as connection:
        row = await (await connection.execute(statement("job_life", PACKAGE), {"job_id": job_id})).fetchone()
    if row is None:
        await refuse_unheard(sources, job_id)
    created_at = row[0]
    if at < created_at:
        raise NotThen(f"The job {job_id} was created only at {stamp(created_at)}.")
    async with sources.reading(of) as connection:
        entries = await _entries(connection, job_id, at)
        if not entries:
            raise HistoryGone(f"The state of job {job_id} at {stamp(at)} has been deleted by the retention policy.")
        state = _folded(entries)
        if state is None:
            raise NotThen(f"The job {job_id} was deleted at {stamp(entries[-1].at)}.")
        cursor = await connection.execute(statement("runs_then", PACKAGE), {"job_id": job_id, "at": at})
        found = await cursor.fetchone()
        assert found is not None
        last = None if found[0] is None else await _last_run(connection, partition, found[0], at)
    fires = next_fires(job_id, state.definition, at, 1)
    return Job(
        **members_of(state.definition),
        id=job_id,
        version=state.version,
        next_fire_at=fires[0] if fires else None,
        is_running=None if last is None and at < await events_kept_from(sources, of) else found[1],
        last_run=last,
        created_at=stamp(created_at),
        updated_at=stamp(entries[-1].at),
    )


async def _entries(connection: Connection, job_id: str, at: int) -> list[Entry]:
    cursor = await connection.execute(statement("job_then", PACKAGE), {"job_id": job_id, "at": at})
    rows = await cursor.fetchall()
    return [
        read_document(Position(partition, epoch, seq), prev, told_at, document)
        for partition, epoch, seq, prev, told_at, document in rows
    ]


def _folded(entries: list[Entry]) -> JobState | None:
    state: JobState | None = None
    for entry in entries:
        event = entry.event
        if isinstance(event, UnknownEvent):
            raise HistoryGone(
                f"The event {entry.position} cannot be read, so the state of the job after it is unknown."
            )
        state = None if isinstance(event, JobDeleted) else evolve(state, event)  # pyright: ignore[reportArgumentType]
    return state


async def _last_run(connection: Connection, partition: int, run_id: str, at: int) -> LastRun | None:
    wanted = Wanted(run_id=run_id, types=_OF_RUNS, to_ms=at, limit=RUN_EVENTS_MOST)
    page = await page_of(connection, wanted, beginnings([partition]))
    changes = [change for entry in reversed(page.entries) for change in changes_of(entry)]
    row = next((one for one in fold(changes).runs if one.requested_at is not msgspec.UNSET), None)
    return None if row is None else _told(row, at)


def _told(row: RunChange, at: int) -> LastRun:
    known: dict[str, Any] = {
        name: None if value is msgspec.UNSET else value for name, value in msgspec.structs.asdict(row).items()
    }
    ready_at, status = known["ready_at"], known["status"]
    if status == "delayed" and ready_at is not None and ready_at <= stamp(at):
        status = "queued"  # its time had come, which is no event
    started_at, finished_at = known["started_at"], known["finished_at"]
    return LastRun(
        id=row.run_id,
        status=status,
        trigger=known["trigger"],
        nominal_at=known["nominal_at"],
        requested_at=known["requested_at"],
        started_at=started_at,
        finished_at=finished_at,
        duration_ms=lasted(started_at, finished_at),
    )
