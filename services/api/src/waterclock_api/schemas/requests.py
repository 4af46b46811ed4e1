"""What clients write: bodies and query parameters. Unknown members are refused.

What members of a job mean is said in `waterclock.model.definition`. It is long: one struct for each body and query, and
nothing else.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from waterclock.kit.text.members import as_in, said
from waterclock.kit.text.validation_messages import worded
from waterclock.model.definition import Definition, OverlapPolicy
from waterclock.model.events import Level, Trigger
from waterclock.model.names import LONGEST
from waterclock.model.outcomes import RunStatus
from waterclock.model.parameters.bounds import COUNT_MOST, LABEL_MOST, TARGET_MOST, TEXT_MOST
from waterclock.model.promise import TIME_OF_DAY, Promise
from waterclock.model.retry import RetryPolicy
from waterclock.model.words import CONCURRENT, MISFIRE, STATUS

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST)]
Target = Annotated[str, msgspec.Meta(min_length=1, max_length=TARGET_MOST)]
Text = Annotated[str, msgspec.Meta(max_length=TEXT_MOST)]
Label = Annotated[str, msgspec.Meta(max_length=LABEL_MOST)]
Status = Annotated[Literal["0", "1", "enabled", "disabled", 0, 1], worded(STATUS)]
MisfirePolicy = Annotated[Literal["1", "2", "3", "runAll", "runOnce", "skip", 1, 2, 3], worded(MISFIRE)]
Concurrent = Annotated[Literal["0", "1", "allow", "forbid", 0, 1], worded(CONCURRENT)]
"""A code, the word for it, or its digit as a number; what is answered is the code."""
Duration = Annotated[
    float | str,
    msgspec.Meta(description="Seconds, with fractions, or an ISO 8601 duration of weeks to seconds, such as PT1M30S."),
]
Moment = Annotated[
    str, msgspec.Meta(description="An RFC 3339 time, with any offset.", extra_json_schema={"format": "date-time"})
]
TimeOfDay = Annotated[
    str,
    msgspec.Meta(description="Hours and minutes, from 00:00 to 23:59.", extra_json_schema={"pattern": TIME_OF_DAY}),
]
Part = Annotated[str, msgspec.Meta(max_length=256, description="Part of the text; upper and lower case are equal.")]
Limit = Annotated[int, msgspec.Meta(ge=1, le=1000, description="Items on a page, at most.")]
OneText = Annotated[str, msgspec.Meta(extra_json_schema={"minLength": 1})]
FEW = msgspec.Meta(extra_json_schema={"minItems": 1})
Some = OneText | Annotated[tuple[OneText, ...], FEW]
"""One value of a filter or several; that there is one is checked by `by_filter`, in words."""
All = Annotated[bool, msgspec.Meta(description="`true`: all runs, instead of a filter.")]
UnfinishedStatus = Literal["delayed", "waiting", "queued", "running"]
EndedStatus = Literal["succeeded", "failed", "timedOut", "cancelled", "died"]
Order = Literal["oldest", "newest"]
Cursor = Annotated[Annotated[str, msgspec.Meta(max_length=256)] | None, said("`nextCursor` of the previous page.")]

READ_ONLY = frozenset(
    {"id", "version", "nextFireAt", "isRunning", "lastRun", "lastSuccessAt", "createdAt", "updatedAt", "notes"}
    | {"inForce", "promiseStanding"}
)
"""Members of a job that nobody writes; a body may hold them, so that a job that was read can be sent back."""


_REASON = said("Why, in your words. It is stored with the event.", "INC-4711")
_DRY_RUN = said("`true`: only report what would happen, and answer 200.")
_DELAY = said("Start the run after this time. Not together with `runAt`.", 300)
_RUN_AT = said("Start the run at this time. Not together with `delay`.", "2026-03-01T08:00:00Z")
_JOB_IDS = said("Runs of these jobs, by id.")
_QUEUES = said("Runs in these queues.")
_TRIGGERS = said("Runs with this origin: `schedule`, `catchup`, `backfill`, `manual` or `retry`.")
_LABELS = said("Runs with this label: `name`, or `name=value`.")
_SINCE = said("Runs requested at this time or later.")
_UNTIL = said("Runs requested at this time or before.")
_TEXT = said("Part of the run's id, job name, executor, reason or error.")
_OVERLAP = said(
    "What to do if another run of the job is unfinished. By default what the job says. `skip` refuses the request with "
    "409. `buffer_one` lets this run wait, or refuses it if a run waits already. `buffer_all` lets it wait. "
    "`cancel_other` cancels the unfinished runs."
)


def _job(name: str) -> msgspec.Meta:
    return as_in(Definition, name)


class RetryWrite(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How often and when a run is tried again. Members that you leave out take their defaults."""

    max_attempts: Annotated[int, msgspec.Meta(ge=1, le=COUNT_MOST), as_in(RetryPolicy, "maxAttempts")] = 3
    backoff: Annotated[Literal["exponential", "fixed"], as_in(RetryPolicy, "backoff")] = "exponential"
    initial: Annotated[Duration, as_in(RetryPolicy, "initial")] = 10
    max: Annotated[Duration, as_in(RetryPolicy, "max")] = 3600


class PromiseWrite(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What may be expected of the runs of a job."""

    start_within: Annotated[Duration | None, as_in(Promise, "startWithin")] = None
    finish_within: Annotated[Duration | None, as_in(Promise, "finishWithin")] = None
    finish_by: Annotated[TimeOfDay | None, as_in(Promise, "finishBy")] = None
    runs_at_most: Annotated[Duration | None, as_in(Promise, "runsAtMost")] = None
    success_within: Annotated[Duration | None, as_in(Promise, "successWithin")] = None
    disable_after: Annotated[
        Annotated[int, msgspec.Meta(ge=1, le=COUNT_MOST)] | None, as_in(Promise, "disableAfter")
    ] = None


class JobWrite(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A whole definition of a job. Members that you leave out take their defaults.

    One exception: where `WATERCLOCK_TIMEZONE` of the API is set, a new job without `timezone` gets that zone, and a job
    that is replaced keeps its own.
    """

    job_name: Annotated[Name, _job("jobName")]
    invoke_target: Annotated[Target, _job("invokeTarget")]
    job_group: Annotated[Name, _job("jobGroup")] = "DEFAULT"
    invoke_params: Annotated[dict[str, Any], _job("invokeParams")] = {}
    cron_expression: Annotated[str | None, _job("cronExpression")] = None
    status: Annotated[Status, _job("status")] = "0"
    misfire_policy: Annotated[MisfirePolicy, _job("misfirePolicy")] = "3"
    concurrent: Annotated[Concurrent, _job("concurrent")] = "1"
    remark: Annotated[Text | None, _job("remark")] = None
    queue: Annotated[Name, _job("queue")] = "default"
    timezone: Annotated[Name, _job("timezone")] = "UTC"
    cron_dialect: Annotated[Literal["unix", "quartz"] | None, _job("cronDialect")] = None
    dst_gap: Annotated[Literal["shift", "skip"], _job("dstGap")] = "shift"
    dst_fold: Annotated[Literal["first", "both"], _job("dstFold")] = "first"
    overlap_policy: Annotated[OverlapPolicy | None, _job("overlapPolicy")] = None
    misfire_threshold: Annotated[Duration, _job("misfireThreshold")] = 60
    catchup_window: Annotated[Duration, _job("catchupWindow")] = 86400
    catchup_limit: Annotated[Annotated[int, msgspec.Meta(ge=0, le=COUNT_MOST)], _job("catchupLimit")] = 100
    catchup_pace: Annotated[Duration, _job("catchupPace")] = 0.1
    jitter: Annotated[Duration, _job("jitter")] = 0
    start_at: Annotated[Moment | None, _job("startAt")] = None
    end_at: Annotated[Moment | None, _job("endAt")] = None
    timeout: Annotated[Duration | None, _job("timeout")] = None
    retry: Annotated[RetryWrite, _job("retry")] = RetryWrite()
    labels: Annotated[dict[str, Label], _job("labels")] = {}
    promise: Annotated[PromiseWrite | None, _job("promise")] = None


class StatusWrite(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A new status of a job."""

    status: Annotated[Status, _job("status")]
    reason: Annotated[Text | None, _REASON] = None


class TriggerWrite(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A run of a job by hand."""

    params: Annotated[
        dict[str, Any] | None,
        said("Parameters of this run. They replace all of the job's `invokeParams`.", {"table": "orders"}),
    ] = None
    queue: Annotated[Name | None, said("Queue of this run. By default that of the job.", "critical")] = None
    delay: Annotated[Duration | None, _DELAY] = None
    run_at: Annotated[Moment | None, _RUN_AT] = None
    overlap_policy: Annotated[OverlapPolicy | None, _OVERLAP] = None
    reason: Annotated[Text | None, _REASON] = None


class RunWrite(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A run without a job."""

    invoke_target: Annotated[Target, said("Executor that the run executes, by its name or an alias.", "report.daily")]
    params: Annotated[
        dict[str, Any],
        said("Parameters for the executor, at most 64 KiB of JSON.", {"table": "orders"}),
    ] = {}
    queue: Annotated[Name, said("Queue that the run waits in.", "critical")] = "default"
    delay: Annotated[Duration | None, _DELAY] = None
    run_at: Annotated[Moment | None, _RUN_AT] = None
    timeout: Annotated[Duration | None, _job("timeout")] = None
    retry: Annotated[RetryWrite, _job("retry")] = RetryWrite()
    labels: Annotated[dict[str, Label], _job("labels")] = {}
    reason: Annotated[Text | None, _REASON] = None


class AgainWrite(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A new run with what an ended run was requested with."""

    queue: Annotated[Name | None, said("Queue of the new run. By default that of the ended one.", "low")] = None
    overlap_policy: Annotated[OverlapPolicy | None, _OVERLAP] = None
    reason: Annotated[Text | None, _REASON] = None


class RunsWrite(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Which runs a request is about: the filters of `GET /runs`, each with one value or several, or `all`."""

    job_id: Annotated[Some | UnsetType, _JOB_IDS] = UNSET
    queue: Annotated[Some | UnsetType, _QUEUES] = UNSET
    trigger: Annotated[Trigger | Annotated[tuple[Trigger, ...], FEW] | UnsetType, _TRIGGERS] = UNSET
    label: Annotated[Some | UnsetType, _LABELS] = UNSET
    from_: Annotated[Moment | None, _SINCE] = msgspec.field(default=None, name="from")
    to: Annotated[Moment | None, _UNTIL] = None
    q: Annotated[Annotated[Part, msgspec.Meta(extra_json_schema={"minLength": 1})] | None, _TEXT] = None
    all_: All = msgspec.field(default=False, name="all")
    dry_run: Annotated[bool, _DRY_RUN] = False
    cursor: Cursor = None


class RetryRunsWrite(RunsWrite, frozen=True, kw_only=True, rename="camel"):
    """Which ended runs to retry: the filters of `GET /runs`, each with one value or several, or `all`."""

    status: Annotated[
        EndedStatus | Annotated[tuple[EndedStatus, ...], FEW] | UnsetType,
        said("Runs that ended like this. By default `failed`, `timedOut` and `died`."),
    ] = UNSET
    overlap_policy: Annotated[
        OverlapPolicy | None,
        said(
            "What to do with a run whose job has another unfinished run. By default the policy of each job. A run "
            "that may not start is listed with the reason in `refused`."
        ),
    ] = None
    reason: Annotated[Text | None, _REASON] = None
    limit: Annotated[Limit, said("Runs to retry in this call, at most.")] = 100


class CancelRunsWrite(RunsWrite, frozen=True, kw_only=True, rename="camel"):
    """Which unfinished runs to cancel: the filters of `GET /runs`, each with one value or several, or `all`."""

    status: Annotated[
        UnfinishedStatus | Annotated[tuple[UnfinishedStatus, ...], FEW] | UnsetType,
        said("Runs with this status. By default all unfinished runs."),
    ] = UNSET
    limit: Annotated[Limit, said("Runs to cancel in this call, at most.")] = 100


class PauseWrite(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Why a queue is paused or resumed."""

    reason: Annotated[Text | None, _REASON] = None


class DrainWrite(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Why a worker is drained."""

    reason: Annotated[Text | None, said("Why, in your words. It is logged, with who asked.", "kernel update")] = None


class CancelWrite(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Reserved; the body must be empty."""


class PreviewWrite(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An expression to preview."""

    cron_expression: Annotated[str, said("Cron expression to preview.", "0 2 * * *")]
    job_id: Annotated[
        Annotated[
            str,
            msgspec.Meta(
                pattern=r"^[0-9a-z-]{1,64}\Z",
                description="A job's id: 1 to 64 of a-z, 0-9 and -.",
                examples=["11vfgjg4rore22hm"],
            ),
        ]
        | None,
        said("Id of the job whose times to show. `H` and the phase of `@every` depend on it."),
    ] = None
    timezone: Annotated[
        Name | UnsetType,
        said(
            "IANA time zone. By default that of a new job: `WATERCLOCK_TIMEZONE` of the API, or UTC.",
            "Europe/Berlin",
        ),
    ] = UNSET
    cron_dialect: Annotated[Literal["unix", "quartz"] | None, _job("cronDialect")] = None
    dst_gap: Annotated[Literal["shift", "skip"], _job("dstGap")] = "shift"
    dst_fold: Annotated[Literal["first", "both"], _job("dstFold")] = "first"
    from_: Annotated[
        Moment | None, said("Show scheduled times after this time. By default now.", "2026-03-28T00:00:00Z")
    ] = msgspec.field(default=None, name="from")
    count: Annotated[Limit, said("Scheduled times to show.")] = 10


class SimulateWrite(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An outage of all schedulers, to simulate."""

    from_: Annotated[Moment, said("Begin of the outage: nothing later is decided.", "2026-03-01T01:58:00Z")] = (
        msgspec.field(name="from")
    )
    to: Annotated[Moment, said("End of the outage: a scheduler is back.", "2026-03-01T02:02:00Z")]
    definition: Annotated[
        dict[str, Any] | None,
        said("Members of a job that replace those of this one, to try a change.", {"misfirePolicy": "runOnce"}),
    ] = None
    running: Annotated[bool, said("`true`: assume that a run of the job is unfinished at `to`.")] = False
    limit: Annotated[Limit, said("Runs to list for each policy, at most.")] = 50


class BackfillWrite(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A past range to run again: one more run for each scheduled time."""

    from_: Annotated[Moment, said("First scheduled time, inclusive.", "2026-03-01T00:00:00Z")] = msgspec.field(
        name="from"
    )
    to: Annotated[Moment, said("Last scheduled time, inclusive. In the past.", "2026-03-07T23:59:59Z")]
    dry_run: Annotated[bool, said("`true`: only report which runs there would be. `false`: request them.")] = True
    pace: Annotated[Duration | None, said("Time between the starts. By default `catchupPace` of the job.", 60)] = None
    limit: Annotated[Limit, said("Runs to request in this call, at most.")] = 1000
    reason: Annotated[Text | None, _REASON] = None


class WriteQuery(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How to check a definition."""

    allow_unknown_executor: Annotated[
        bool, said("`true`: also accept an executor that no worker has ever announced.")
    ] = False


class ReplaceQuery(WriteQuery, frozen=True, kw_only=True, rename="camel"):
    """How to check a definition, and why it is replaced."""

    reason: Annotated[Text | None, _REASON] = None


class DeleteQuery(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Why a job is deleted."""

    reason: Annotated[Text | None, _REASON] = None


class JobQuery(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Which state of a job."""

    as_of: Annotated[Moment | None, said("The job as it was at this time, rebuilt from its events.")] = None


class JobsQuery(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Which jobs to list."""

    job_name: Annotated[Part | None, said("Part of the job's name; upper and lower case are equal.")] = None
    job_group: Annotated[tuple[str, ...], said("Jobs of this group. Repeatable.")] = ()
    status: Annotated[tuple[Status, ...], said("Jobs with this status. Repeatable.")] = ()
    invoke_target: Annotated[tuple[str, ...], said("Jobs that run this executor. Repeatable.")] = ()
    queue: Annotated[tuple[str, ...], said("Jobs with this queue. Repeatable.")] = ()
    label: Annotated[tuple[str, ...], said("Jobs with this label: `name`, or `name=value`. Repeatable.")] = ()
    order: Annotated[Order, said("Oldest or newest job first.")] = "oldest"
    limit: Limit = 50
    cursor: Cursor = None


class RunsQuery(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Which runs to list."""

    job_id: Annotated[tuple[str, ...], said("Runs of this job, by its id. Repeatable.")] = ()
    queue: Annotated[tuple[str, ...], said("Runs in this queue. Repeatable.")] = ()
    status: Annotated[tuple[RunStatus, ...], said("Runs with this status. Repeatable.")] = ()
    trigger: Annotated[
        tuple[Trigger, ...],
        said("Runs with this origin: `schedule`, `catchup`, `backfill`, `manual` or `retry`. Repeatable."),
    ] = ()
    invoke_target: Annotated[tuple[str, ...], said("Runs of this executor. Repeatable.")] = ()
    label: Annotated[tuple[str, ...], said("Runs with this label: `name`, or `name=value`. Repeatable.")] = ()
    from_: Annotated[Moment | None, _SINCE] = msgspec.field(default=None, name="from")
    to: Annotated[Moment | None, _UNTIL] = None
    q: Annotated[Part | None, _TEXT] = None
    view: Annotated[
        Literal["full", "brief"],
        said("`brief`: without parameters, result, attempts and steps, and of an error only a line. See `BriefRun`."),
    ] = "full"
    limit: Limit = 50
    cursor: Cursor = None


class RunQuery(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What of a run."""

    steps: Annotated[
        Literal["last", "all"],
        said("Steps of the last attempt, or of all attempts; of these at most 20000, those of the newest."),
    ] = "last"


class PageQuery(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Which page."""

    limit: Limit = 50
    cursor: Cursor = None


class ExecutorsQuery(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Which page. All executors fit on one, unless their schemas are very large."""

    cursor: Cursor = None


class QueuesQuery(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Which runs to count."""

    executor: Annotated[
        tuple[str, ...],
        said("Count only runs of this executor, by its name or an alias. It need not be known. Repeatable."),
    ] = ()


class LinesQuery(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Which lines of a log."""

    attempt: Annotated[
        Annotated[int, msgspec.Meta(ge=0, lt=1 << 31)] | None, said("Lines of this attempt. The first is 1.")
    ] = None
    step: Annotated[
        Annotated[int, msgspec.Meta(ge=0, lt=1 << 31)] | None, said("Lines of this step, by its number.")
    ] = None
    level: Annotated[tuple[Level, ...], said("Lines of this level. Repeatable.")] = ()
    q: Annotated[Part | None, said("Part of the line; upper and lower case are equal.")] = None
    order: Annotated[Order, said("Oldest or newest line first.")] = "oldest"
    around: Annotated[
        Annotated[int, msgspec.Meta(ge=1, lt=1 << 53)] | None,
        said("A page with the line of this number in its middle, oldest first. Not together with `order` or `cursor`."),
    ] = None
    limit: Annotated[Limit | None, said("Lines, at most. By default 50 in JSON, and all in plain text.")] = None
    cursor: Annotated[
        Annotated[str, msgspec.Meta(max_length=256)] | None,
        said("`nextCursor` of the previous page, or with the other `order` its `previousCursor`."),
    ] = None


class StreamQuery(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Where to resume a stream."""

    after: Annotated[
        str | None,
        said(
            "Position after which the stream continues; 0: from the oldest event kept. The header `Last-Event-ID` "
            "takes precedence.",
            "0-1-42",
        ),
    ] = None
