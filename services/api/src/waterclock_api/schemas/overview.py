"""What the API answers of all jobs at once."""

from __future__ import annotations

from typing import Annotated

import msgspec

from waterclock.kit.text.members import said
from waterclock.model.definition import Status
from waterclock.model.outcomes import RunStatus
from waterclock.model.timestamps import Stamp
from waterclock_api.schemas.responses import NextCursor


class JobColumns(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Lists of equal length: place n of each belongs to the same job. They are in the order of group and name."""

    id: Annotated[list[str], said("Id of the job.")]
    group: Annotated[list[str], said("`jobGroup`.")]
    name: Annotated[list[str], said("`jobName`.")]
    status: Annotated[list[Status], said("`0` is enabled, `1` disabled.")]
    cron_expression: Annotated[list[str | None], said("Schedule. Null: runs on demand only.")]
    timezone: Annotated[list[str], said("Time zone of the schedule.")]
    words: Annotated[list[str | None], said("The schedule in words, without its zone.")]
    queue: Annotated[list[str], said("Queue.")]
    invoke_target: Annotated[list[str], said("Executor.")]
    labels: Annotated[list[dict[str, str]], said("Labels.")]
    version: Annotated[list[int], said("Version of the job.")]
    updated_at: Annotated[list[Stamp | None], said("When the definition or status last changed.")]
    next_fire_at: Annotated[list[Stamp | None], said("Next scheduled time. Null: disabled, or there is none.")]
    last_run_id: Annotated[list[str | None], said("Id of the newest run. Null: there is none.")]
    last_status: Annotated[list[RunStatus | None], said("Its status.")]
    last_nominal_at: Annotated[list[Stamp | None], said("Its scheduled time. Null: requested by hand.")]
    last_started_at: Annotated[list[Stamp | None], said("When its last attempt started.")]
    last_finished_at: Annotated[list[Stamp | None], said("When it ended.")]
    last_duration_ms: Annotated[list[int | None], said("How long its last attempt took, in milliseconds.")]
    streak: Annotated[
        list[int],
        said(
            "How many ended runs in a row, the newest first, ended alike: 3 succeeded, or -3 did not. Of the last 20 "
            "ended runs; cancelled ones do not count."
        ),
    ]
    streak_since: Annotated[list[Stamp | None], said("When the first run of the streak ended.")]
    last_error: Annotated[
        list[str | None], said("Type and first line of the newest run's error, at most 200 characters. Null: no error.")
    ]
    median_ms: Annotated[
        list[int | None],
        said("Median of how long the successful ones of the last 20 ended runs took, in milliseconds."),
    ]
    pending_since: Annotated[
        list[Stamp | None], said("Oldest scheduled time that has been due for a second and is not decided yet.")
    ]
    is_running: Annotated[list[bool], said("Whether a run is in progress.")]
    broken_since: Annotated[
        list[Stamp | None], said("Since when a promise of the job is broken. Null: none is, or nobody has judged it.")
    ]


class JobsIndex(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """All jobs that are not deleted, in columns."""

    at: Annotated[Stamp, said("When it was made. It may be a few seconds old.")]
    count: Annotated[int, said("How many jobs it holds.")]
    more: Annotated[bool, said("There are more than 50000 jobs, and these are the first of them.")]
    columns: Annotated[JobColumns, said("The jobs.")]


class FireItem(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A scheduled time of a job."""

    at: Annotated[Stamp, said("The scheduled time.")]
    job_id: Annotated[str, said("Id of the job.")]
    job_name: Annotated[str, said("Name of the job.")]
    job_group: Annotated[str, said("Group of the job.")]
    queue: Annotated[str, said("Queue of the job.")]
    note: Annotated[str | None, said("What a change of the local clock does to it.")]


class Fires(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Scheduled times of all enabled jobs."""

    from_: Annotated[Stamp, said("Start of the range, inclusive.")] = msgspec.field(name="from")
    to: Annotated[Stamp, said("End of the range, exclusive.")]
    total: Annotated[int, said("How many scheduled times lie in the range.")]
    items: Annotated[
        list[FireItem], said("The first of them, by time and then by the id of the job. With `bins`: none.")
    ]
    counts: Annotated[list[int] | None, said("With `bins`: how many lie in each of them.")]
    next_cursor: NextCursor
