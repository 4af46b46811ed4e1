"""What clients write: bodies and query parameters. Unknown members are refused; `checks` reads moments.

It is long: one struct for each body and query, and nothing else.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from waterclock.kit.text.validation_messages import worded
from waterclock.model.definition import OverlapPolicy
from waterclock.model.events import Level, Trigger
from waterclock.model.names import LONGEST
from waterclock.model.outcomes import RunStatus
from waterclock.model.parameters.bounds import COUNT_MOST, LABEL_MOST, TARGET_MOST, TEXT_MOST
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
    msgspec.Meta(description="Seconds, fractions allowed, or an ISO 8601 duration of weeks to seconds: PT1M30S."),
]
Moment = Annotated[
    str, msgspec.Meta(description="RFC 3339, with any offset.", extra_json_schema={"format": "date-time"})
]
Part = Annotated[str, msgspec.Meta(max_length=256, description="A part of it, in any case.")]
Limit = Annotated[int, msgspec.Meta(ge=1, le=1000)]
OneText = Annotated[str, msgspec.Meta(extra_json_schema={"minLength": 1})]
FEW = msgspec.Meta(extra_json_schema={"minItems": 1})
Some = OneText | Annotated[tuple[OneText, ...], FEW]
"""One value of a filter or several; that there is one is checked by `by_filter`, in words."""
All = Annotated[bool, msgspec.Meta(description="All of them, in place of a filter.")]
UnfinishedStatus = Literal["delayed", "waiting", "queued", "running"]
EndedStatus = Literal["succeeded", "failed", "timedOut", "cancelled", "died"]
Order = Literal["oldest", "newest"]
Cursor = Annotated[str, msgspec.Meta(max_length=256, description="`nextCursor` of the page before.")]

READ_ONLY = frozenset(
    {"id", "version", "nextFireAt", "isRunning", "lastRun", "lastSuccessAt", "createdAt", "updatedAt", "notes"}
    | {"inForce"}
)
"""Members of a job that nobody writes; a body may hold them, so that a job that was read can be sent back."""


class RetryWrite(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Missing members take the defaults."""

    max_attempts: Annotated[int, msgspec.Meta(ge=1, le=COUNT_MOST)] = 3
    backoff: Literal["exponential", "fixed"] = "exponential"
    initial: Duration = 10
    max: Duration = 3600


class JobWrite(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A whole definition: what is left out takes its default.

    `timezone`: where the API has `WATERCLOCK_TIMEZONE`, a new job that names none gets that one, and a job that is
    replaced keeps its own.
    """

    job_name: Name
    invoke_target: Target
    job_group: Name = "DEFAULT"
    invoke_params: dict[str, Any] = {}
    cron_expression: str | None = None
    status: Status = "0"
    misfire_policy: MisfirePolicy = "3"
    concurrent: Concurrent = "1"
    remark: Text | None = None
    queue: Name = "default"
    timezone: Name = "UTC"
    cron_dialect: Literal["unix", "quartz"] | None = None
    dst_gap: Literal["shift", "skip"] = "shift"
    dst_fold: Literal["first", "both"] = "first"
    overlap_policy: OverlapPolicy | None = None
    misfire_threshold: Duration = 60
    catchup_window: Duration = 86400
    catchup_limit: Annotated[int, msgspec.Meta(ge=0, le=COUNT_MOST)] = 100
    catchup_pace: Duration = 0.1
    jitter: Duration = 0
    start_at: Moment | None = None
    end_at: Moment | None = None
    timeout: Duration | None = None
    retry: RetryWrite = RetryWrite()
    labels: dict[str, Label] = {}


class StatusWrite(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    status: Status
    reason: Text | None = None


class TriggerWrite(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`params` replaces the job's invokeParams whole; of `delay` and `runAt` at most one."""

    params: dict[str, Any] | None = None
    queue: Name | None = None
    delay: Duration | None = None
    run_at: Moment | None = None
    overlap_policy: OverlapPolicy | None = None
    reason: Text | None = None


class RunWrite(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A run without a job; of `delay` and `runAt` at most one."""

    invoke_target: Target
    params: dict[str, Any] = {}
    queue: Name = "default"
    delay: Duration | None = None
    run_at: Moment | None = None
    timeout: Duration | None = None
    retry: RetryWrite = RetryWrite()
    labels: dict[str, Label] = {}
    reason: Text | None = None


class AgainWrite(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An ended run again: as it was requested, but in another `queue` if wanted; `overlapPolicy` null: the job's."""

    queue: Name | None = None
    overlap_policy: OverlapPolicy | None = None
    reason: Text | None = None


class RetryRunsWrite(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Which ended runs to run again, by the filters of `GET /runs`, each one value or several, or `all`.

    At most `limit`; without `status` those that failed, timed out or died. `overlapPolicy` null: as each job has it.
    """

    job_id: Some | UnsetType = UNSET
    queue: Some | UnsetType = UNSET
    status: EndedStatus | Annotated[tuple[EndedStatus, ...], FEW] | UnsetType = UNSET
    trigger: Trigger | Annotated[tuple[Trigger, ...], FEW] | UnsetType = UNSET
    label: Some | UnsetType = UNSET
    from_: Moment | None = msgspec.field(default=None, name="from")
    to: Moment | None = None
    q: Annotated[Part, msgspec.Meta(extra_json_schema={"minLength": 1})] | None = None
    all_: All = msgspec.field(default=False, name="all")
    dry_run: bool = False
    overlap_policy: OverlapPolicy | None = None
    reason: Text | None = None
    limit: Limit = 100
    cursor: Cursor | None = None


class CancelRunsWrite(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Which unfinished runs to cancel, by the filters of `GET /runs`, each one value or several, or `all`.

    At most `limit`.
    """

    job_id: Some | UnsetType = UNSET
    queue: Some | UnsetType = UNSET
    status: UnfinishedStatus | Annotated[tuple[UnfinishedStatus, ...], FEW] | UnsetType = UNSET
    trigger: Trigger | Annotated[tuple[Trigger, ...], FEW] | UnsetType = UNSET
    label: Some | UnsetType = UNSET
    from_: Moment | None = msgspec.field(default=None, name="from")
    to: Moment | None = None
    q: Annotated[Part, msgspec.Meta(extra_json_schema={"minLength": 1})] | None = None
    all_: All = msgspec.field(default=False, name="all")
    dry_run: bool = False
    limit: Limit = 100
    cursor: Cursor | None = None


class PauseWrite(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    reason: Text | None = None


class DrainWrite(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`reason` is logged, with who asked."""

    reason: Text | None = None


class CancelWrite(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Reserved; the body must be empty."""


class PreviewWrite(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Instants are strictly after `from`, which is now if it is left out.

    `timezone`: left out, it is the zone that a new job without one gets: UTC, or `WATERCLOCK_TIMEZONE` of the API.
    `jobId`: whose, where they follow from the job's id (`H`, `@every`).
    """

    cron_expression: str
    job_id: (
        Annotated[
            str,
            msgspec.Meta(
                pattern=r"^[0-9a-z-]{1,64}\Z",
                description="A job's id: 1 to 64 of a-z, 0-9 and -.",
                examples=["11vfgjg4rore22hm"],
            ),
        ]
        | None
    ) = None
    timezone: Name | UnsetType = UNSET
    cron_dialect: Literal["unix", "quartz"] | None = None
    dst_gap: Literal["shift", "skip"] = "shift"
    dst_fold: Literal["first", "both"] = "first"
    from_: Moment | None = msgspec.field(default=None, name="from")
    count: Limit = 10


class SimulateWrite(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An outage of all schedulers after `from`, until `to`. Members of `definition` stand in for those of the job.

    `running`: a run of the job is unfinished when a scheduler is back. `limit`: of the runs listed.
    """

    from_: Moment = msgspec.field(name="from")
    to: Moment
    definition: dict[str, Any] | None = None
    running: bool = False
    limit: Limit = 50


class BackfillWrite(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A run for each instant from `from` to `to`, both inclusive; `dryRun` only says which.

    `pace`: between the starts, the job's `catchupPace` if left out. `limit`: of the runs of this call.
    """

    from_: Moment = msgspec.field(name="from")
    to: Moment
    dry_run: bool = True
    pace: Duration | None = None
    limit: Limit = 1000
    reason: Text | None = None


class WriteQuery(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    allow_unknown_executor: bool = False


class JobQuery(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`asOf`: as the job was then, folded from its events."""

    as_of: Moment | None = None


class JobsQuery(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`jobName` matches a part of the name, in any case; `label` is `key` or `key=value`. `order` is by creation."""

    job_name: Part | None = None
    job_group: tuple[str, ...] = ()
    status: tuple[Status, ...] = ()
    invoke_target: tuple[str, ...] = ()
    queue: tuple[str, ...] = ()
    label: tuple[str, ...] = ()
    order: Order = "oldest"
    limit: Limit = 50
    cursor: Cursor | None = None


class RunsQuery(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`from` and `to` bound `requestedAt`, both inclusive; `q`: part of an id, name, target, reason or error.

    `label` is `key` or `key=value`.
    """

    job_id: tuple[str, ...] = ()
    queue: tuple[str, ...] = ()
    status: tuple[RunStatus, ...] = ()
    trigger: tuple[Trigger, ...] = ()
    invoke_target: tuple[str, ...] = ()
    label: tuple[str, ...] = ()
    from_: Moment | None = msgspec.field(default=None, name="from")
    to: Moment | None = None
    q: Part | None = None
    limit: Limit = 50
    cursor: Cursor | None = None


class PageQuery(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    limit: Limit = 50
    cursor: Cursor | None = None


class ExecutorsQuery(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Without `cursor` from the first; all fit on one page but where their schemas are very large."""

    cursor: Cursor | None = None


class QueuesQuery(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`executor`: count only runs of these executors, each by its key or an alias, known or not."""

    executor: tuple[str, ...] = ()


class LinesQuery(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`q`: part of the text, in any case. `limit`: 50 in JSON; in plain text all lines, if it is left out."""

    attempt: Annotated[int, msgspec.Meta(ge=0, lt=1 << 31)] | None = None
    step: Annotated[int, msgspec.Meta(ge=0, lt=1 << 31)] | None = None
    level: tuple[Level, ...] = ()
    q: Part | None = None
    limit: Limit | None = None
    cursor: Cursor | None = None


class StreamQuery(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`after` is a position, or 0 for the oldest kept; the header Last-Event-ID goes before it."""

    after: str | None = None
