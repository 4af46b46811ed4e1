"""A past range → the runs that make up for it.

A backfill names its instants by the job as it is now, and requests one more run for each, whatever became of it: the
decision stays what it was, and so does the job's mark. What a scheduler has yet to decide is left to it. Moments are
milliseconds since the epoch.
"""

from __future__ import annotations

import msgspec

from waterclock.model.cron.schedule import TZDATA_VERSION
from waterclock.model.events import RunRequested
from waterclock.model.ids import backfilled_run
from waterclock.model.instants.fires import Owing
from waterclock.model.instants.table import supposed, table
from waterclock.model.instants.timetable import BEGINNING
from waterclock.model.job import Job
from waterclock.model.timestamps import Stamp, stamp

RUNS_MOST = 1_000
"""Runs that one command requests: one call of the log, as many as a catch-up may have."""


class Backfill(msgspec.Struct, frozen=True, kw_only=True):
    """The first of the `instants` in a range; `left` come after them, and `pending` are a scheduler's to decide."""

    instants: tuple[int, ...]
    left: int
    pending: int

    @property
    def next_from(self) -> int | None:
        """Where to go on; None when nothing is left."""
        return self.instants[-1] + 1 if self.left else None


def plan(job: Job, *, from_ms: int, to_ms: int, mark: int, limit: int) -> Backfill:
    """The instants in [from, to] that the job names now, the first `limit`; `mark` is the one of the job.

    Raises:
        BadSchedule: the definition cannot be read.
    """
    past, *ahead = table(
        [supposed(job.job_id, job.definition, BEGINNING)], now=mark
    )  # as if nothing had been decided yet
    instants = tuple(past.instants(from_ms - 1, to_ms, limit))
    left = past.count_within(instants[-1], to_ms) if len(instants) == limit else 0
    return Backfill(instants=instants, left=left, pending=sum(row.count_within(from_ms - 1, to_ms) for row in ahead))


def requested(
    job: Owing,
    instant: int,
    *,
    ready_at: Stamp | None,
    command_id: str,
    actor: str,
    reason: str | None = None,
    traceparent: str | None = None,
    tracestate: str | None = None,
) -> RunRequested:
    """The run that makes up for an instant. It decides nothing: it has neither `after` nor `through`."""
    definition = job.definition
    return RunRequested(
        run_id=backfilled_run(job.job_id, command_id, instant),
        job_id=job.job_id,
        job_name=definition.job_name,
        job_group=definition.job_group,
        version=job.version,
        trigger="backfill",
        nominal_at=stamp(instant),
        ready_at=ready_at,
        invoke_target=definition.invoke_target,
        params=definition.invoke_params,
        queue=definition.queue,
        timeout=definition.timeout,
        retry=definition.retry,
        labels=definition.labels,
        reason=reason,
        tzdata=TZDATA_VERSION,
        actor=actor,
        command_id=command_id,
        traceparent=traceparent,
        tracestate=tracestate,
    )
