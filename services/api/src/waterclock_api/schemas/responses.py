"""What clients read. A field without a value is null; times are RFC 3339 UTC, durations are seconds.

It is long: one struct for each answer, and nothing else.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from waterclock.model.definition import Definition
from waterclock.model.events import CancelReason, Level, StepStatus, Trigger
from waterclock.model.ids import RunId
from waterclock.model.instants.table import Fate
from waterclock.model.outcomes import AttemptOutcome, Error, RunStatus, Unreadable
from waterclock.model.places import Drills
from waterclock.model.retry import RetryPolicy
from waterclock.model.timestamps import Stamp


class WaitsFor(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An executor, by the name that the run has for it; `since`: when it could start and nobody had that any more."""

    executor: str
    since: Stamp


class LastRun(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The run of a job that was requested last; `waitsFor` as a run has it, now: not of a job as it was."""

    id: str
    status: RunStatus
    trigger: Trigger
    nominal_at: Stamp | None
    requested_at: Stamp
    started_at: Stamp | None
    finished_at: Stamp | None
    duration_ms: int | None
    waits_for: WaitsFor | None = None


class Note(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What is to be known, though nothing is wrong. `pointer`: the member that it is about; null: no single one."""

    pointer: str | None
    message: str


class InForce(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What bounds the attempts of the job's next run, and who says it.

    `timeout`: seconds of each attempt, 0: no bound; the job's, else its executor's, else the default. Null: the job
    says nothing, and no worker has announced the executor. `retryFrom` is `default` where the policy is the usual one.
    """

    timeout: float | None
    timeout_from: Literal["job", "executor", "default"] | None
    retry: RetryPolicy
    retry_from: Literal["job", "default"]


class Job(Definition, frozen=True, kw_only=True, rename="camel"):
    """A job: its definition and what is known of it. `isRunning` is null where the read models have not caught up.

    `inForce`: the timeout and retries that its next run will have. `lastSuccessAt`: when the newest run that succeeded
    ended, which retention does not forget; null where none did, or the read models have not caught up.
    """

    id: str
    version: int
    next_fire_at: Stamp | None
    is_running: bool | None
    last_run: LastRun | None
    created_at: Stamp
    updated_at: Stamp
    notes: tuple[Note, ...] = ()
    in_force: InForce | None = None
    last_success_at: Stamp | None = None


class Jobs(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`defaultTimezone`: of a job that is created without one, where the API has one set; else null, and it is UTC."""

    items: list[Job]
    next_cursor: str | None
    default_timezone: str | None = None


class Attempt(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    number: int
    fence: int
    worker: str
    started_at: Stamp
    finished_at: Stamp | None
    outcome: AttemptOutcome | None
    error: Error | None


class Progress(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    done: float
    total: float | None


class Step(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    number: int
    attempt: int
    name: str
    status: StepStatus
    started_at: Stamp
    finished_at: Stamp | None
    progress: Progress | None
    error: Error | None


class Run(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One requested execution. `steps` are those of the last attempt.

    `waitsFor`: it is queued, and no worker that is alive and serves its queue has its executor; as the log has it now.
    """

    id: str
    job_id: str | None
    job_name: str | None
    job_group: str | None
    invoke_target: str
    params: dict[str, Any]
    queue: str
    trigger: Trigger
    status: RunStatus
    nominal_at: Stamp | None
    requested_at: Stamp
    ready_at: Stamp | None
    started_at: Stamp | None
    finished_at: Stamp | None
    duration_ms: int | None
    attempt: int
    max_attempts: int
    worker: str | None
    result: Any
    error: Error | None
    waiting_on: str | None
    waits_for: WaitsFor | None = None
    cancel_requested_at: Stamp | None
    cancel_reason: CancelReason | None
    unreadable: Unreadable | None  # where nobody can read the event that ended it: what that held is not known
    retry_of: str | None
    reason: str | None
    labels: dict[str, str]
    folded: int
    folded_first: Stamp | None
    trace_id: str | None  # of the run, where it is traced or its request was
    attempts: list[Attempt]
    steps: list[Step]


class Runs(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    items: list[Run]
    next_cursor: str | None


class LogLine(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    position: str
    at: Stamp
    run_id: str
    attempt: int
    step: int | None
    level: Level
    text: str


class Lines(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    items: list[LogLine]
    next_cursor: str | None


class Detail(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A job with its next 10 instants, its last 20 runs, newest first, and its last 200 lines, oldest first."""

    job: Job
    next_fires: list[Stamp]
    runs: list[Run]
    logs: list[LogLine]


class Place(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a job may ask for that names this place; null: not bounded, or not known before a run.

    `retentionDays` and `keepLast` are floors. `free` are the members that a caller with the scope `run` alone may set;
    `adhoc`: it may ask for runs without a job here. `drills`: where one without a target restores.
    """

    name: str
    databases: tuple[str, ...] | None
    prefix: str | None
    retention_days: int
    keep_last: int
    free: tuple[str, ...]
    adhoc: bool
    drills: Drills


class Executor(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a worker announced; `workers` names those that run it now: whose sessions are alive in the log.

    `placed`: its parameter `place` names one of `places`, in which a name comes twice where workers differ.
    """

    key: str
    description: str
    params_schema: dict[str, Any]
    result_schema: dict[str, Any] | None
    timeout: float | None
    aliases: tuple[str, ...]
    workers: list[str]
    placed: bool
    places: list[Place]


class Executors(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    items: list[Executor]
    next_cursor: str | None


class Worker(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One start of a worker process: `id` is its session, `name` what its runs show.

    `live`; `silent`: not heard for longer than a lease, and not swept yet; `gone`: the log has no place for it any
    more, and what became of it is not known; `left`: it drained; `lost`: it was found dead, and its runs were given to
    others. `takesAny`: it does not say what it can run, as none did before, and is granted any run, and so are the
    others while it is there; null: it is gone, or nobody knows.
    """

    id: str
    name: str
    queues: list[str]
    slots: int
    running: int
    executors: list[str]
    last_read_at: Stamp | None
    started_at: Stamp
    left_at: Stamp | None
    status: Literal["live", "silent", "gone", "left", "lost"]
    takes_any: bool | None = None


class Workers(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    items: list[Worker]
    next_cursor: str | None


class Queue(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A queue. Of its unfinished runs `waiting` could start now, `blocked` wait behind another run of their job.

    `aside`: those of `waiting` that wait for a worker with their executor, since one that lacks it met them. `demand`:
    what workers are wanted for: those that run, and those waiting unless the queue is paused; without those aside, for
    which a worker more of those that are there would be of no use. `oldestWaitMs`: since the first that is not aside
    could start. The rates are of the last minute: runs that began, and runs that ended in any way.

    With `?executor=` all but `paused` is told of runs of these executors alone. Then those aside count in `demand` and
    `oldestWaitMs`, too, and what waits is up to 5 s old; where more than 20 000 wait, each executor counts at least 1.
    """

    name: str
    weight: int
    paused: bool
    waiting: int
    aside: int
    delayed: int
    blocked: int
    running: int
    demand: int
    oldest_wait_ms: int | None
    started_per_minute: int
    ended_per_minute: int


class Queues(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`demand`: of all queues together."""

    items: list[Queue]
    demand: int
    next_cursor: str | None


class QueueState(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a command made of a queue."""

    name: str
    paused: bool


class Asked(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The run that a command is about."""

    run_id: str
    notes: tuple[Note, ...] = ()


class RetriedRun(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An ended run that fits: the run that was requested in its place, or why none was.

    A dry run tells only what takes the scope `edit`.
    """

    run_id: str
    retried_as: str | None
    refused: str | None


class Retried(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Of this page: how many fit, how many were requested again, how many were refused."""

    dry_run: bool
    matched: int
    retried: int
    refused: int
    items: list[RetriedRun]
    next_cursor: str | None


class CancelledRun(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An unfinished run that fits; `refused`: why it was not cancelled."""

    run_id: str
    refused: str | None


class CancelledRuns(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Of this page: how many fit, how many are or will be cancelled, how many were refused."""

    dry_run: bool
    matched: int
    cancelled: int
    refused: int
    items: list[CancelledRun]
    next_cursor: str | None


class PreviewItem(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    at: Stamp
    local: str
    note: str | None


class Preview(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`words` say the schedule; `local` is the zone's own clock; a `note` marks what a change of that clock did.

    `leftOut` are what `dstGap: shift` and `dstFold: both` would name besides, as far as `items` reach. `notes` say what
    else is to be known.
    """

    words: str
    dialect: str
    timezone: str
    items: list[PreviewItem]
    left_out: list[PreviewItem]
    notes: list[str]


class BackfillItem(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A run for an instant. `fate`: what was decided of the instant before, in a dry run; then there is no run yet."""

    instant: Stamp
    run_id: RunId | None
    ready_at: Stamp | None
    state: str | None
    fate: Fate | None


class BackfillAnswer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Of the `instants` of the range `runs` are requested, and `left` are left: go on with `from` = `nextFrom`.

    `pending` more are not decided yet, and a scheduler's.
    """

    dry_run: bool
    from_: Stamp = msgspec.field(name="from")
    to: Stamp
    instants: int
    runs: int
    left: int
    next_from: Stamp | None
    pending: int
    notes: tuple[str, ...]
    items: tuple[BackfillItem, ...]


class Condition(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    status: str
    checks: dict[str, str]
