"""What clients read. A field without a value is null; times are RFC 3339 UTC, durations are seconds.

It is long: one struct for each answer, and nothing else.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from waterclock.kit.text.members import as_in, said
from waterclock.model.definition import Definition
from waterclock.model.events import CancelReason, Level, StepStatus, Trigger
from waterclock.model.ids import RunId
from waterclock.model.instants.table import Fate
from waterclock.model.outcomes import AttemptOutcome, Error, RunStatus, Unreadable
from waterclock.model.places import Drills
from waterclock.model.promise import Promise
from waterclock.model.retry import RetryPolicy
from waterclock.model.timestamps import Stamp
from waterclock_api.schemas.promises import BrokenPromise, PromiseStanding

NextCursor = Annotated[str | None, said("`cursor` of the next page; null on the last.")]
DryRun = Annotated[bool, said("Whether this is only a report.")]
Matched = Annotated[int, said("Runs on this page that match the filter.")]
_LABELS = said("Labels, as the job had them when the run was requested.")


class WaitsFor(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An executor that no live worker of the run's queue has."""

    executor: Annotated[str, said("Name of the executor, as the run has it.")]
    since: Annotated[Stamp, said("Since when the run has been ready and no worker has had the executor.")]


class LastRun(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The newest run of a job."""

    id: Annotated[str, said("Id of the run.")]
    status: Annotated[RunStatus, said("Status of the run.")]
    trigger: Annotated[Trigger, said("Origin of the run.")]
    nominal_at: Annotated[Stamp | None, said("Scheduled time; null if the run was requested by hand.")]
    requested_at: Annotated[Stamp, said("When the run was requested.")]
    started_at: Annotated[Stamp | None, said("When the first attempt started.")]
    finished_at: Annotated[Stamp | None, said("When the run ended.")]
    duration_ms: Annotated[int | None, said("Time from `startedAt` to `finishedAt`, in milliseconds.")]
    waits_for: Annotated[
        WaitsFor | None, said("The executor that no live worker has, if the run waits for one. Not with `asOf`.")
    ] = None


class Note(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What you should know, though nothing is wrong."""

    pointer: Annotated[str | None, said("JSON pointer to the member; null: no single one.", "/invokeParams/url")]
    message: Annotated[str, said("The text.")]


Notes = Annotated[tuple[Note, ...], said("What you should know, though nothing is wrong. Read-only.")]


class InForce(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Timeout and retry policy of the job's next run, and where they come from."""

    timeout: Annotated[
        float | None,
        said(
            "Time limit of each attempt, in seconds; 0 is no limit. Null: the job has none, and no worker has "
            "announced the executor."
        ),
    ]
    timeout_from: Annotated[Literal["job", "executor", "default"] | None, said("Where the timeout comes from.")]
    retry: Annotated[RetryPolicy, said("The retry policy.")]
    retry_from: Annotated[Literal["job", "default"], said("`default` if the policy equals the default.")]


class Job(Definition, frozen=True, kw_only=True, rename="camel"):
    """A job: its definition, and read-only members about it."""

    promise: Annotated[Promise | None, as_in(Definition, "promise")] = None
    id: Annotated[str, said("Id of the job, made by the server.")]
    version: Annotated[int, said("Grows by 1 with each change of the definition or status. The `ETag` is the same.")]
    next_fire_at: Annotated[
        Stamp | None, said("Next scheduled time. Null: disabled, on demand only, or no scheduled time is left.")
    ]
    is_running: Annotated[
        bool | None, said("Whether a run of the job is in progress. Null: the read models are behind.")
    ]
    last_run: Annotated[LastRun | None, said("The newest run.")]
    created_at: Annotated[Stamp, said("When the job was created.")]
    updated_at: Annotated[Stamp, said("When the definition or status last changed.")]
    notes: Notes = ()
    in_force: Annotated[InForce | None, said("Timeout and retry policy of the next run.")] = None
    last_success_at: Annotated[
        Stamp | None,
        said("End of the newest successful run, also after retention deleted it. Null: none, or read models behind."),
    ] = None
    promise_standing: Annotated[
        PromiseStanding | None,
        said("How the promise is kept. Null: there is none, or the job is one of a list or as it was at a time."),
    ] = None


class Jobs(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A page of jobs."""

    items: Annotated[list[Job], said("The jobs.")]
    next_cursor: NextCursor
    default_timezone: Annotated[
        str | None, said("`WATERCLOCK_TIMEZONE` of the API: the zone of a new job without one. Null: UTC.")
    ] = None


class Attempt(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One attempt of a run."""

    number: Annotated[int, said("Number of the attempt. The first is 1.")]
    fence: Annotated[int, said("Fencing token: greater than that of any earlier attempt.")]
    worker: Annotated[str, said("Name of the worker.")]
    started_at: Annotated[Stamp, said("When the attempt started.")]
    finished_at: Annotated[Stamp | None, said("When the attempt ended.")]
    outcome: Annotated[AttemptOutcome | None, said("How the attempt ended; null while it runs.")]
    error: Annotated[Error | None, said("The error, if it failed.")]


class Progress(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Progress of a step."""

    done: Annotated[float, said("How much is done.")]
    total: Annotated[float | None, said("How much there is; null: not known.")]


class Step(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A named part of an attempt."""

    number: Annotated[int, said("Number of the step in its attempt. The first is 1.")]
    attempt: Annotated[int, said("Number of the attempt.")]
    name: Annotated[str, said("Name of the step.")]
    status: Annotated[StepStatus, said("Status of the step.")]
    started_at: Annotated[Stamp, said("When the step started.")]
    finished_at: Annotated[Stamp | None, said("When the step ended.")]
    progress: Annotated[Progress | None, said("The latest progress that the executor reported.")]
    error: Annotated[Error | None, said("The error, if it failed.")]


class Run(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One requested execution."""

    id: Annotated[str, said("Id of the run. It begins with the id of its job.")]
    job_id: Annotated[str | None, said("Id of the job; null: a run without a job.")]
    job_name: Annotated[str | None, said("Name of the job when the run was requested.")]
    job_group: Annotated[str | None, said("Group of the job when the run was requested.")]
    invoke_target: Annotated[str, said("Executor of the run.")]
    params: Annotated[dict[str, Any], said("Parameters of the run.")]
    queue: Annotated[str, said("Queue of the run.")]
    trigger: Annotated[
        Trigger,
        said(
            "Origin of the run: its `schedule`, a `catchup` of a late scheduled time, a `backfill`, a `manual` request "
            "or a `retry` of an ended run."
        ),
    ]
    status: Annotated[RunStatus, said("Status of the run.")]
    nominal_at: Annotated[Stamp | None, said("Scheduled time that the run is for; null if requested by hand.")]
    requested_at: Annotated[Stamp, said("When the run was requested.")]
    ready_at: Annotated[Stamp | None, said("Earliest start of the last attempt, if it was delayed.")]
    started_at: Annotated[Stamp | None, said("When the first attempt started.")]
    finished_at: Annotated[Stamp | None, said("When the run ended.")]
    duration_ms: Annotated[int | None, said("Time from `startedAt` to `finishedAt`, in milliseconds.")]
    attempt: Annotated[int, said("Number of the last attempt; 0: none has started.")]
    max_attempts: Annotated[int, said("Attempts that may fail before the run fails.")]
    worker: Annotated[
        str | None, said("Name of the worker of the last attempt; null while the run waits for another one.")
    ]
    result: Annotated[Any, said("What the executor returned, as JSON.")]
    error: Annotated[Error | None, said("The error of the last attempt, if it failed.")]
    waiting_on: Annotated[str | None, said("Id of the run that a `waiting` run is behind.")]
    waits_for: Annotated[
        WaitsFor | None, said("The executor that no live worker of the queue has, if the run waits for one.")
    ] = None
    cancel_requested_at: Annotated[Stamp | None, said("When somebody asked to stop the run.")]
    cancel_reason: Annotated[
        CancelReason | None,
        said(
            "Why the run was cancelled or asked to stop: on request (`requested`), by a newer run under `cancel_other` "
            "(`replaced`), or because its job was disabled (`jobDisabled`) or deleted (`jobDeleted`)."
        ),
    ]
    unreadable: Annotated[
        Unreadable | None, said("The event that ended the run, if it cannot be read: `result` and `error` are null.")
    ]
    retry_of: Annotated[str | None, said("Id of the ended run that this run repeats.")]
    reason: Annotated[str | None, said("Why the run was requested, in the client's words.")]
    labels: Annotated[dict[str, str], _LABELS]
    folded: Annotated[int, said("Late scheduled times that were merged into this run.")]
    folded_first: Annotated[Stamp | None, said("The oldest of the merged scheduled times.")]
    trace_id: Annotated[str | None, said("Trace id of the run, or of the request for it.")]
    promise: Annotated[
        Promise | None,
        said("What the job promised when the run was requested. Null: nothing, or the run is one of a list."),
    ] = None
    broken: Annotated[list[BrokenPromise], said("Promises that the run has broken. Empty in lists.")] = []
    attempts: Annotated[list[Attempt], said("All attempts.")]
    steps: Annotated[list[Step], said("Steps of the last attempt; with `steps=all` of all attempts.")]


class Runs(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A page of runs."""

    items: Annotated[list[Run], said("The runs.")]
    next_cursor: NextCursor


class BriefRun(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A run in a list, without what may be large."""

    id: Annotated[str, said("Id of the run. It begins with the id of its job.")]
    job_id: Annotated[str | None, said("Id of the job; null: a run without a job.")]
    job_name: Annotated[str | None, said("Name of the job when the run was requested.")]
    job_group: Annotated[str | None, said("Group of the job when the run was requested.")]
    invoke_target: Annotated[str, said("Executor of the run.")]
    queue: Annotated[str, said("Queue of the run.")]
    trigger: Annotated[Trigger, said("Origin of the run.")]
    status: Annotated[RunStatus, said("Status of the run.")]
    nominal_at: Annotated[Stamp | None, said("Scheduled time that the run is for; null if requested by hand.")]
    requested_at: Annotated[Stamp, said("When the run was requested.")]
    ready_at: Annotated[Stamp | None, said("Earliest start of the last attempt, if it was delayed.")]
    started_at: Annotated[Stamp | None, said("When the first attempt started.")]
    finished_at: Annotated[Stamp | None, said("When the run ended.")]
    duration_ms: Annotated[int | None, said("Time from `startedAt` to `finishedAt`, in milliseconds.")]
    attempt: Annotated[int, said("Number of the last attempt; 0: none has started.")]
    max_attempts: Annotated[int, said("Attempts that may fail before the run fails.")]
    worker: Annotated[
        str | None, said("Name of the worker of the last attempt; null while the run waits for another one.")
    ]
    error_line: Annotated[
        str | None,
        said("Type and first line of the error of the last attempt, if it failed: 200 characters at most."),
    ]
    waiting_on: Annotated[str | None, said("Id of the run that a `waiting` run is behind.")]
    waits_for: Annotated[
        WaitsFor | None, said("The executor that no live worker of the queue has, if the run waits for one.")
    ] = None
    cancel_requested_at: Annotated[Stamp | None, said("When somebody asked to stop the run.")]
    labels: Annotated[dict[str, str], _LABELS]
    retry_of: Annotated[str | None, said("Id of the ended run that this run repeats.")]


class BriefRuns(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A page of runs, with `view=brief`."""

    items: Annotated[list[BriefRun], said("The runs.")]
    next_cursor: NextCursor


class LogLine(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A line of a run's log."""

    position: Annotated[str, said("Position of the event that brought the line.")]
    at: Annotated[Stamp, said("When the line was written, by the worker's clock.")]
    run_id: Annotated[str, said("Id of the run.")]
    attempt: Annotated[int, said("Number of the attempt.")]
    step: Annotated[int | None, said("Number of the step; null: outside any step.")]
    level: Annotated[Level, said("Level of the line.")]
    text: Annotated[str, said("The line.")]
    number: Annotated[
        int | None,
        said("Number of the line in the log of its run, from 1; cleared lines keep theirs. Null: not counted here."),
    ] = None


class Lines(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A page of lines."""

    items: Annotated[list[LogLine], said("The lines, in the order of `order`.")]
    next_cursor: NextCursor
    previous_cursor: Annotated[
        str | None,
        said("`cursor` of what lies on the other side of this page, for the other `order`. Null: nothing does."),
    ]


class LogPart(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The lines of an attempt."""

    attempt: Annotated[int, said("Number of the attempt.")]
    lines: Annotated[int, said("How many lines it has.")]
    first: Annotated[int, said("Number of its first line.")]
    last: Annotated[int, said("Number of its last line.")]


class LogStepPart(LogPart, frozen=True, kw_only=True, rename="camel"):
    """The lines of a step. Those of other steps may lie between them."""

    step: Annotated[int | None, said("Number of the step; null: lines outside any step.")]


class LogMinute(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The lines of a minute."""

    at: Annotated[Stamp, said("When it begins.")]
    lines: Annotated[int, said("How many lines it has.")]
    worst: Annotated[Level, said("The worst level among them.")]


class LogGap(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Lines that are missing."""

    after: Annotated[int, said("Number of the line after which they are missing; 0: before the first that is there.")]
    lines: Annotated[int, said("How many are missing.")]
    reason: Annotated[
        Literal["cleared", "limit", "speed"],
        said(
            "Why: the logs of the job were `cleared`; the attempt wrote more than a log keeps (`limit`), or faster "
            "than the lines could be stored (`speed`). Cleared lines have numbers, the others never had."
        ),
    ]


class LogOutline(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a log has, and where."""

    lines: Annotated[int, said("How many lines there are.")]
    levels: Annotated[dict[str, int], said("Lines by level; a level without lines is left out.")]
    attempts: Annotated[list[LogPart], said("Lines by attempt.")]
    steps: Annotated[list[LogStepPart], said("Lines by step. Attempts and steps are at most 10000 together.")]
    minute_ms: Annotated[
        int, said("How long each of `minutes` is, in milliseconds: a minute, or more where that would be over 1500.")
    ]
    minutes: Annotated[list[LogMinute], said("Lines by minute, by the worker's clock; a minute without is left out.")]
    errors: Annotated[list[int], said("Numbers of the lines of level `error`, at most the first 1000.")]
    gaps: Annotated[list[LogGap], said("Where lines are missing, at most 1000 places.")]
    complete: Annotated[bool, said("`false`: there are more attempts, steps, errors or gaps than are listed.")]


class Detail(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A job with what happened last and what comes next."""

    job: Annotated[Job, said("The job.")]
    next_fires: Annotated[list[Stamp], said("The next 10 scheduled times.")]
    runs: Annotated[list[Run], said("The last 20 runs, newest first.")]
    logs: Annotated[list[LogLine], said("The last 200 lines of the job's runs, oldest first.")]


class Place(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a job that names this place may ask for."""

    name: Annotated[str, said("Name of the place.")]
    databases: Annotated[tuple[str, ...] | None, said("Databases that a job may name; null: not known before a run.")]
    prefix: Annotated[str | None, said("Folder that the job's own `prefix` must lie in; null: any folder.")]
    retention_days: Annotated[int, said("Lowest `retentionDays` that a job may set.")]
    keep_last: Annotated[int, said("Lowest `keepLast` that a job may set.")]
    free: Annotated[tuple[str, ...], said("Parameters that a caller with the scope `run` alone may set.")]
    adhoc: Annotated[bool, said("Whether such a caller may start runs without a job here.")]
    drills: Annotated[Drills, said("Where a restore drill without a target restores.")]


class Executor(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An executor, as workers announced it."""

    key: Annotated[str, said("Name of the executor.")]
    description: Annotated[str, said("What it does.")]
    params_schema: Annotated[dict[str, Any], said("JSON Schema of its parameters.")]
    result_schema: Annotated[dict[str, Any] | None, said("JSON Schema of its result.")]
    timeout: Annotated[float | None, said("Its time limit for an attempt, in seconds; null: none of its own.")]
    aliases: Annotated[tuple[str, ...], said("Its other names.")]
    workers: Annotated[list[str], said("Names of the live workers that have it.")]
    placed: Annotated[bool, said("Whether its parameter `place` names one of `places`.")]
    places: Annotated[list[Place], said("Its places. A name comes twice if workers differ.")]


class Executors(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A page of executors."""

    items: Annotated[list[Executor], said("The executors.")]
    next_cursor: NextCursor


class Worker(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One start of a worker process."""

    id: Annotated[str, said("Id of this start: its session.")]
    name: Annotated[str, said("Name of the worker, which its runs show.")]
    queues: Annotated[list[str], said("Queues that it serves.")]
    slots: Annotated[int, said("Runs that it executes at a time, at most.")]
    running: Annotated[int, said("Runs that it holds now.")]
    executors: Annotated[list[str], said("Executors that it announced.")]
    last_read_at: Annotated[Stamp | None, said("When it last renewed its lease or claimed runs.")]
    started_at: Annotated[Stamp, said("When it started.")]
    left_at: Annotated[Stamp | None, said("When it left.")]
    status: Annotated[
        Literal["live", "silent", "gone", "left", "lost"],
        said(
            "`live`; `silent`: not heard from for longer than a lease; `left`: drained; `lost`: found dead, its runs "
            "were given to other workers; `gone`: no longer in the event log, and its end is not known."
        ),
    ]
    takes_any: Annotated[
        bool | None,
        said(
            "Whether it accepts any run, because it does not announce what it can run (an older release). Null: it is "
            "not alive, or Redis does not answer."
        ),
    ] = None


class Workers(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A page of workers."""

    items: Annotated[list[Worker], said("The workers: live ones first, then newest first.")]
    next_cursor: NextCursor


class Queue(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A queue and its unfinished runs. With `executor` in the query, all but `paused` counts runs of these only."""

    name: Annotated[str, said("Name of the queue.")]
    weight: Annotated[int, said("Its share of the workers' slots, relative to the other queues.")]
    paused: Annotated[bool, said("Whether it is paused.")]
    waiting: Annotated[int, said("Runs that could start now.")]
    aside: Annotated[int, said("Runs among `waiting` whose executor the workers that met them lack.")]
    delayed: Annotated[int, said("Runs that wait for their time.")]
    blocked: Annotated[int, said("Runs that wait behind another run of their job.")]
    running: Annotated[int, said("Runs in progress.")]
    demand: Annotated[
        int,
        said(
            "Runs that workers are needed for: `running`, and `waiting` without `aside` unless the queue is paused. "
            "With `executor` in the query, `aside` counts, too."
        ),
    ]
    oldest_wait_ms: Annotated[
        int | None, said("How long the oldest run that could start has waited, in milliseconds. Without `aside`.")
    ]
    started_per_minute: Annotated[int, said("Runs that started in the last minute.")]
    ended_per_minute: Annotated[int, said("Runs that ended in the last minute, in any way.")]


class Queues(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """All queues."""

    items: Annotated[list[Queue], said("The queues.")]
    demand: Annotated[int, said("`demand` of all queues together.")]
    next_cursor: NextCursor


class PulseQueue(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A queue. Null: Redis (`paused`, `waiting`) or Postgres does not answer."""

    name: Annotated[str, said("Name of the queue.")]
    paused: Annotated[bool | None, said("Whether it is paused.")]
    waiting: Annotated[int | None, said("Runs that could start now.")]
    delayed: Annotated[int | None, said("Runs that wait for their time.")]
    blocked: Annotated[int | None, said("Runs that wait behind another run of their job.")]
    running: Annotated[int | None, said("Runs in progress.")]


class PulseWorkers(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The workers. Null: Redis (`live`, `silent`) or Postgres does not answer."""

    live: Annotated[int | None, said("Workers that were heard in the last 8 s.")]
    silent: Annotated[int | None, said("Workers that were not, and have not left.")]
    lost: Annotated[int | None, said("Workers that were given up in the last hour.")]


class PulseMemory(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Memory of the Redis server that has the least left."""

    used: Annotated[int, said("Bytes in use.")]
    max: Annotated[int | None, said("`maxmemory`, in bytes; null: none is set.")]


class Pulse(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How the installation is, and what has changed since the last message."""

    at: Annotated[Stamp, said("When this was so, by the clock of Redis.")]
    decided_through: Annotated[
        Stamp | None, said("Every scheduled time before this one is decided. Null: Redis or the schedulers do not say.")
    ]
    lag_ms: Annotated[
        int | None,
        said("For how long the oldest undecided scheduled time has been due, in milliseconds; 0: for at most 2 s."),
    ]
    oldest_pending: Annotated[Stamp | None, said("That scheduled time; null: none has been due for longer.")]
    led: Annotated[bool | None, said("Whether each partition has a scheduler. Null: Redis does not say.")]
    queues: Annotated[list[PulseQueue], said("The queues.")]
    workers: Annotated[PulseWorkers, said("The workers.")]
    memory: Annotated[PulseMemory | None, said("Memory of Redis; null: it does not answer.")]
    projection_lag_ms: Annotated[
        int | None, said("How far the read models are behind, in milliseconds; null: Postgres does not answer.")
    ]
    jobs: Annotated[
        list[str], said("Ids of jobs that have changed, or whose runs have; the read models show the change.")
    ] = []
    runs: Annotated[list[str], said("Ids of runs that have changed; steps and log lines do not count.")] = []
    many: Annotated[
        bool, said("`true`: more than 200 jobs and runs have changed, or it is not known which; both lists are empty.")
    ] = False
    ended: Annotated[dict[RunStatus, int], said("Runs that ended since the last message, by status.")] = {}


class QueueState(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A queue after a command."""

    name: Annotated[str, said("Name of the queue.")]
    paused: Annotated[bool, said("Whether it is paused.")]


class Asked(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The run of a command."""

    run_id: Annotated[str, said("Id of the run.")]
    notes: Notes = ()


class RetriedRun(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An ended run that matches."""

    run_id: Annotated[str, said("Id of the ended run.")]
    retried_as: Annotated[str | None, said("Id of the new run; null: refused, or a dry run.")]
    refused: Annotated[str | None, said("Why it was not retried. A dry run reports only what takes the scope `edit`.")]


class Retried(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A page of runs to retry."""

    dry_run: DryRun
    matched: Matched
    retried: Annotated[int, said("Runs that were requested again.")]
    refused: Annotated[int, said("Runs that were refused.")]
    items: Annotated[list[RetriedRun], said("The runs, newest request first.")]
    next_cursor: NextCursor


class CancelledRun(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An unfinished run that matches."""

    run_id: Annotated[str, said("Id of the run.")]
    refused: Annotated[str | None, said("Why it was not cancelled.")]


class CancelledRuns(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A page of runs to cancel."""

    dry_run: DryRun
    matched: Matched
    cancelled: Annotated[int, said("Runs that are or will be cancelled.")]
    refused: Annotated[int, said("Runs that were refused.")]
    items: Annotated[list[CancelledRun], said("The runs, newest request first.")]
    next_cursor: NextCursor


class PreviewItem(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A scheduled time."""

    at: Annotated[Stamp, said("The time in UTC.")]
    local: Annotated[str, said("The time on the clock of the zone, with its offset.")]
    note: Annotated[str | None, said("What a change of the local clock did to it.")]


class Preview(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What an expression means."""

    words: Annotated[str, said("The schedule in words.", "at 02:00 every day, Europe/Berlin")]
    dialect: Annotated[str, said("The dialect by which it was read.")]
    timezone: Annotated[str, said("The zone by which it was read.")]
    items: Annotated[list[PreviewItem], said("The next scheduled times.")]
    left_out: Annotated[
        list[PreviewItem],
        said("Times that `dstGap: skip` and `dstFold: first` leave out, up to the last of `items`."),
    ]
    notes: Annotated[list[str], said("What else you should know.")]


class BackfillItem(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A scheduled time of the range."""

    instant: Annotated[Stamp, said("The scheduled time.")]
    run_id: Annotated[RunId | None, said("Id of the new run; null in a dry run.")]
    ready_at: Annotated[Stamp | None, said("When the run may start at the earliest; null: at once, or a dry run.")]
    state: Annotated[str | None, said("Status of the new run; null in a dry run.")]
    fate: Annotated[Fate | None, said("Outcome that was recorded for the scheduled time, in a dry run.")]


class BackfillAnswer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a backfill requested, or would request."""

    dry_run: DryRun
    from_: Annotated[Stamp, said("First scheduled time, inclusive.")] = msgspec.field(name="from")
    to: Annotated[Stamp, said("Last scheduled time, inclusive.")]
    instants: Annotated[int, said("Scheduled times in the range.")]
    runs: Annotated[int, said("Runs that this call requested, or would request.")]
    left: Annotated[int, said("Scheduled times that are left for further calls.")]
    next_from: Annotated[Stamp | None, said("`from` of the next call; null: none is left.")]
    pending: Annotated[int, said("Due scheduled times that are left to the scheduler, which has not decided them yet.")]
    notes: Annotated[tuple[str, ...], said("What else you should know.")]
    items: Annotated[tuple[BackfillItem, ...], said("The scheduled times of this call, oldest first.")]


ScopeName = Literal["list", "query", "add", "edit", "remove", "changeStatus", "run", "export", "admin"]
"""As `access.scopes` has them; a test compares."""


class CallerLimits(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How much a caller may ask for."""

    requests_per_second: Annotated[float | None, said("Requests per second, on average; null: no limit.")]
    body_bytes: Annotated[int, said("Size of a request's body, at most.")]
    streams: Annotated[int, said("Streams that it may have open at this process.")]


class Me(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The caller, and what it may do."""

    name: Annotated[str | None, said("Name of the API key, or subject of the token; null for `anybody`.")]
    kind: Annotated[
        Literal["anybody", "key", "token"],
        said("What it has shown: an API key or a token. `anybody`: this API asks nobody for credentials."),
    ]
    scopes: Annotated[tuple[ScopeName, ...], said("All that it may do. The scope `admin` includes all others.")]
    expires_at: Annotated[Stamp | None, said("Until when its credential is valid; null: without end.")]
    asked: Annotated[bool, said("Whether this API asks for credentials.")]
    now: Annotated[Stamp, said("The time now, by the clock of the event log.")]
    version: Annotated[str, said("Release of the API.", "0.1.0")]
    kept_from: Annotated[
        Stamp | None,
        said("Since when all events are kept; null: all are, or Postgres is unavailable."),
    ]
    default_timezone: Annotated[
        str | None, said("Time zone of a job that names none; null: every job must name one.", "Europe/Berlin")
    ]
    limits: Annotated[CallerLimits, said("How much it may ask for.")]


class Condition(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Whether the process can serve requests."""

    status: Annotated[str, said("`alive` of `/livez`, `ready` of `/readyz`.")]
    checks: Annotated[dict[str, str], said("Each check by its name, and what it found.")]
