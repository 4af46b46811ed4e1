"""Metrics of jobs that carry the label `monitor`: how their runs have ended, and what is due next.

What is told is read from what projectors have stored, so it is the same whoever tells it, and each job is told by one:
the projector that follows its partition.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

import msgspec
import psycopg
from psycopg_pool import PoolTimeout

from waterclock.kit.telemetry import catalog
from waterclock.model.cron.schedule import BadSchedule
from waterclock.model.definition import Definition
from waterclock.model.ids import JobId
from waterclock.model.instants.timetable import named_by
from waterclock.store import job_ends
from waterclock.store.connection.pool import Pool
from waterclock.store.connection.watchdog import within
from waterclock.store.job_ends import JobEnds

_POSTGRES_S = 1.5

_decode = msgspec.json.Decoder(Definition).decode


class _Next(NamedTuple):
    """The first instant after a mark, ms, by a version of the job."""

    version: int
    mark: int
    at: int | None


class MonitoredJobs:
    def __init__(self, pool: Pool, followed: Callable[[], Collection[int]]) -> None:
        """`followed`: the partitions that this projector follows now."""
        self._pool = pool
        self._followed = followed
        self._next: dict[str, _Next] = {}

    async def look(self) -> None:
        """Read what is to be told; what cannot be read is left out."""
        tell((), {})
        catalog.UNMONITORED.replace({})
        followed = self._followed()
        if not followed:
            return
        try:
            async with self._pool.connection(timeout=_POSTGRES_S) as connection:
                with within(connection, _POSTGRES_S):
                    found, more = await job_ends.monitored(connection, followed, catalog.MONITORED_MOST)
        except (psycopg.Error, PoolTimeout):
            return
        self._next = {one.job_id: self._next_of(one) for one in found}
        tell(found, {one: at.at for one, at in self._next.items()})
        catalog.UNMONITORED.set(more)

    def _next_of(self, job: JobEnds) -> _Next:
        known = self._next.get(job.job_id)
        if known is not None and (known.version, known.mark) == (job.version, job.mark):
            return known
        return _Next(job.version, job.mark, next_fire(job))


def next_fire(job: JobEnds) -> int | None:
    """The first instant that is not decided, ms; None for a job that is disabled, runs on demand, or is over."""
    definition = _decode(job.definition)
    if not definition.enabled:
        return None
    try:
        return named_by(JobId(job.job_id), definition).after(job.mark)
    except BadSchedule:  # accepted by another release, whose rules or zones were others
        return None


def tell(jobs: Sequence[JobEnds], next_fires: dict[str, int | None]) -> None:
    """Set the metrics to these jobs and no others. Two of one name are one."""
    names = {one.job_id: f"{one.job_group}/{one.job_name}" for one in jobs}
    for gauge, times in (
        (catalog.JOB_SUCCESS, {one.job_id: one.last_success for one in jobs}),
        (catalog.JOB_FAILURE, {one.job_id: one.last_failure for one in jobs}),
        (catalog.JOB_END, {one.job_id: one.last_end for one in jobs}),
        (catalog.JOB_NEXT, next_fires),
    ):
        gauge.replace({(names[job],): at / 1000 for job, at in times.items() if at is not None})
    catalog.JOB_ENDED.replace(
        {
            (names[one.job_id], outcome): count
            for one in jobs
            for outcome, count in (
                ("succeeded", one.succeeded),
                ("failed", one.failed),
                ("timedOut", one.timed_out),
                ("cancelled", one.cancelled),
                ("died", one.died),
            )
        }
    )
