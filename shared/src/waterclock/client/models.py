"""What the API answers, as a client reads it.

The API's own shapes refuse nothing either, but they are of one version; a client may be older or newer than the API it
asks. So words that may grow (a status, a trigger) are text here, members that an older API does not know have a
default, and members that we do not know are skipped.

It is long: one struct for each answer, and nothing else.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import msgspec

from waterclock.model.definition import Definition
from waterclock.model.instants.explain import Explanation
from waterclock.model.instants.ledger import Breach
from waterclock.model.instants.simulate import Simulated
from waterclock.model.outcomes import Error, Unreadable
from waterclock.model.promise import Promise
from waterclock.model.retry import RetryPolicy

T = TypeVar("T")


class Page(msgspec.Struct, Generic[T], frozen=True, kw_only=True, rename="camel"):
    """Part of a list; `next_cursor` asks for what follows, None where nothing does."""

    items: tuple[T, ...]
    next_cursor: str | None = None


class WaitsFor(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An executor that no live worker of the run's queue has, and since when."""

    executor: str
    since: str


class LastRun(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The run of a job that was requested last."""

    id: str
    status: str
    trigger: str
    nominal_at: str | None
    requested_at: str
    started_at: str | None
    finished_at: str | None
    duration_ms: int | None
    waits_for: WaitsFor | None = None


class Note(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What is to be known, though nothing is wrong; `pointer` None: not of a single member."""

    pointer: str | None = None
    message: str


class InForce(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What bounds the attempts of a job's next run. `timeout` is seconds, 0: no bound; None: nobody knows."""

    timeout: float | None = None
    timeout_from: str | None = None
    retry: RetryPolicy = RetryPolicy()
    retry_from: str = "default"


class OpenBreak(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A promise of a job that is broken now."""

    kind: str
    since: str
    count: int
    run_id: str | None
    instant: str | None
    due: str | None


class PromiseStanding(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How the promise of a job is kept."""

    state: str
    broken: tuple[OpenBreak, ...]
    next_due_at: str | None


class BrokenPromise(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A promise that a run has broken."""

    kind: str
    what: str | None
    attempt: int | None
    due: str | None
    at: str
    position: str


class Job(Definition, frozen=True, kw_only=True, rename="camel"):
    """A definition, and what is known of its job."""

    promise: Promise | None = None
    id: str
    version: int
    next_fire_at: str | None = None
    is_running: bool | None = None
    last_run: LastRun | None = None
    created_at: str
    updated_at: str
    notes: tuple[Note, ...] = ()
    in_force: InForce | None = None  # None: an older API does not tell
    last_success_at: str | None = None
    promise_standing: PromiseStanding | None = None  # None: it promises nothing, is one of a list, or the API is older


class Jobs(Page[Job], frozen=True, kw_only=True, rename="camel"):
    """`default_timezone`: of a job that is created without one; None: UTC, for the API has none set, or is older."""

    default_timezone: str | None = None


class Attempt(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    number: int
    fence: int
    worker: str
    started_at: str
    finished_at: str | None
    outcome: str | None
    error: Error | None


class Progress(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    done: float
    total: float | None


class Step(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    number: int
    attempt: int
    name: str
    status: str
    started_at: str
    finished_at: str | None
    progress: Progress | None
    error: Error | None


class Run(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One requested execution. `steps` are those of the last attempt."""

    id: str
    job_id: str | None
    job_name: str | None
    job_group: str | None
    invoke_target: str
    params: dict[str, Any]
    queue: str
    trigger: str
    status: str
    nominal_at: str | None
    requested_at: str
    ready_at: str | None
    started_at: str | None
    finished_at: str | None
    duration_ms: int | None
    attempt: int
    max_attempts: int
    worker: str | None
    result: Any
    error: Error | None
    waiting_on: str | None
    waits_for: WaitsFor | None = None
    cancel_requested_at: str | None
    retry_of: str | None
    reason: str | None
    labels: dict[str, str]
    folded: int
    folded_first: str | None
    trace_id: str | None = None
    cancel_reason: str | None = None
    unreadable: Unreadable | None = None
    promise: Promise | None = None
    broken: tuple[BrokenPromise, ...] = ()
    attempts: tuple[Attempt, ...]
    steps: tuple[Step, ...]

    @property
    def named(self) -> str:
        """`group/name` of its job; of a run without one, what it executes."""
        return self.invoke_target if self.job_name is None else f"{self.job_group}/{self.job_name}"


class LogLine(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    position: str
    at: str
    run_id: str
    attempt: int
    step: int | None
    level: str
    text: str
    number: int | None = None


class Lines(Page[LogLine], frozen=True, kw_only=True, rename="camel"):
    """`previous_cursor` asks with the other order for what lies on the other side of the page."""

    previous_cursor: str | None = None


class LogPart(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The lines of an attempt, by the numbers of the first and the last."""

    attempt: int
    lines: int
    first: int
    last: int


class LogStepPart(LogPart, frozen=True, kw_only=True, rename="camel"):
    """The lines of a step; `step` None: those outside any."""

    step: int | None


class LogMinute(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    at: str
    lines: int
    worst: str


class LogGap(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Lines that are missing after the line of a number; 0: before the first that is there."""

    after: int
    lines: int
    reason: str


class LogOutline(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a log has, and where; not `complete`: some lists end early."""

    lines: int
    levels: dict[str, int]
    attempts: tuple[LogPart, ...]
    steps: tuple[LogStepPart, ...]
    minute_ms: int
    minutes: tuple[LogMinute, ...]
    errors: tuple[int, ...]
    gaps: tuple[LogGap, ...]
    complete: bool


class Detail(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A job with its next instants, its last runs, newest first, and its last lines, oldest first."""

    job: Job
    next_fires: tuple[str, ...]
    runs: tuple[Run, ...]
    logs: tuple[LogLine, ...]


class Place(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a job may ask for that names this place; None: not bounded, or not known before a run."""

    name: str
    databases: tuple[str, ...] | None = None
    prefix: str | None = None
    retention_days: int = 0
    keep_last: int = 1
    free: tuple[str, ...] = ()
    adhoc: bool = False
    drills: str = "none"


class Executor(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a worker announced; `workers` names those that run it now.

    `placed`: its parameter `place` names one of `places`, in which a name comes twice where workers differ.
    """

    key: str
    description: str
    params_schema: dict[str, Any]
    result_schema: dict[str, Any] | None
    timeout: float | None
    aliases: tuple[str, ...]
    workers: tuple[str, ...]
    placed: bool = False
    places: tuple[Place, ...] = ()


class Worker(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One start of a worker process. `takes_any`: it is granted any run, for it does not say what it can run."""

    id: str
    name: str
    queues: tuple[str, ...]
    slots: int
    running: int
    executors: tuple[str, ...]
    last_read_at: str | None
    started_at: str
    left_at: str | None
    status: str
    takes_any: bool | None = None


class DroppedEvent(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An event that a repair has dropped, as it was stored; `fork`: the epoch of the repair, told by `log.forked`."""

    fork: int
    event: dict[str, Any]


class RequeuedRun(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A run whose request was dropped, and what becomes of it; `detail`: why it was refused."""

    run_id: str | None
    job_id: str | None
    fork: int
    position: str
    requested_at: str
    trigger: str | None
    ended: str | None
    key_forgotten: bool
    fate: str
    detail: str | None = None


class Requeued(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Of this page: how many requests were dropped, how many were asked for again, how many were refused."""

    dry_run: bool
    matched: int
    requeued: int
    refused: int
    items: tuple[RequeuedRun, ...]
    next_cursor: str | None = None


class JobPromise(PromiseStanding, frozen=True, kw_only=True, rename="camel"):
    """What a job promises, and how it is kept."""

    job_id: str
    job_group: str
    job_name: str
    promise: Promise


class NoticeDelivery(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The message that brings a notice to a channel."""

    channel: str
    state: str
    at: str | None
    tries: int
    next_try_at: str | None
    error: str | None
    mute: str | None = None


class Mute(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Notices that are not sent for a while: of a job, of a group, of a label, or all."""

    id: str
    job_id: str | None
    job_group: str | None
    job_name: str | None
    group: str | None
    label: str | None
    all: bool
    position: str
    muted_at: str
    until: str
    ends_at: str
    in_force: bool
    actor: str | None
    reason: str
    unmuted_by: str | None
    unmuted_reason: str | None


class Said(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a rule is told."""

    id: str
    kind: str
    rule: str
    at: str
    since: str
    count: int
    job_id: str | None
    job_group: str | None
    job_name: str | None
    run_id: str | None
    instant: str | None
    last: str | None
    due: str | None
    what: str | None
    attempt: int | None
    position: str | None
    reason: str | None
    reminder: int
    recovers: str | None
    of: str | None


class Notice(Said, frozen=True, kw_only=True, rename="camel"):
    """What a rule was told."""

    deliveries: tuple[NoticeDelivery, ...]


class RehearsedNotice(Said, frozen=True, kw_only=True, rename="camel"):
    """What a rule would have told."""

    channels: tuple[str, ...]


class NoticeCount(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    rule: str
    kind: str
    count: int


class RehearsedNotices(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What rules would have told; `items`: the first of them."""

    from_: str = msgspec.field(name="from")
    to: str
    events: int
    notices: int
    counts: tuple[NoticeCount, ...]
    items: tuple[RehearsedNotice, ...]
    more: bool = False


class Queue(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    name: str
    weight: int
    paused: bool
    waiting: int
    aside: int | None = None  # None: an older API does not tell
    delayed: int
    blocked: int
    running: int
    demand: int | None = None  # None: an older API does not tell
    oldest_wait_ms: int | None
    started_per_minute: int
    ended_per_minute: int


class QueueState(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    name: str
    paused: bool


class Asked(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The run that a command is about."""

    run_id: str
    notes: tuple[Note, ...] = ()


class RetriedRun(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    run_id: str
    retried_as: str | None
    refused: str | None


class Retried(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Of this page: how many fit, how many were requested again, how many were refused."""

    dry_run: bool
    matched: int
    retried: int
    refused: int
    items: tuple[RetriedRun, ...]
    next_cursor: str | None


class CancelledRun(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    run_id: str
    refused: str | None


class CancelledRuns(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Of this page: how many fit, how many are or will be cancelled, how many were refused."""

    dry_run: bool
    matched: int
    cancelled: int
    refused: int
    items: tuple[CancelledRun, ...]
    next_cursor: str | None


class PreviewItem(msgspec.Struct, frozen=True, kw_only=True):
    at: str
    local: str
    note: str | None


class Preview(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    words: str
    dialect: str
    timezone: str
    items: tuple[PreviewItem, ...]
    left_out: tuple[PreviewItem, ...]
    notes: tuple[str, ...]


class BackfillItem(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A run for an instant, or in a dry run what was decided of the instant."""

    instant: str
    run_id: str | None
    ready_at: str | None
    state: str | None
    fate: str | None


class Backfill(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    dry_run: bool
    from_: str = msgspec.field(name="from")
    to: str
    instants: int
    runs: int
    left: int
    next_from: str | None
    pending: int
    notes: tuple[str, ...]
    items: tuple[BackfillItem, ...]


class Simulation(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    from_: str = msgspec.field(name="from")
    to: str
    instants: int
    misfire_policy: str
    assumed: tuple[str, ...]
    policies: tuple[Simulated, ...]


class Proof(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What the ledger's check found; `ok` is that nothing is amiss.

    `failed_runs`: of those that were requested in the range; None: the API is of a release that does not say.
    """

    from_: str = msgspec.field(name="from")
    to: str
    jobs: int
    instants: int
    fired: int
    skipped: int
    coalesced: int
    pending: int
    oldest_pending: str | None
    holes: tuple[Breach, ...]
    doubles: tuple[Breach, ...]
    strays: tuple[Breach, ...]
    tzdata_changed: tuple[str, ...] = ()
    failed_runs: int | None = None
    forgotten_before: str | None = None
    ok: bool


class BriefRun(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A run in a list, without what may be large. `error_line`: type and first line of its error."""

    id: str
    job_id: str | None
    job_name: str | None
    job_group: str | None
    invoke_target: str
    queue: str
    trigger: str
    status: str
    nominal_at: str | None
    requested_at: str
    ready_at: str | None
    started_at: str | None
    finished_at: str | None
    duration_ms: int | None
    attempt: int
    max_attempts: int
    worker: str | None
    error_line: str | None
    waiting_on: str | None
    waits_for: WaitsFor | None = None
    cancel_requested_at: str | None
    labels: dict[str, str]
    retry_of: str | None


class JobStrip(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What became of a job's scheduled times: how many bins in a row have which counts; None: no scheduled times."""

    job_id: str
    coarser: bool
    cells: tuple[tuple[int, dict[str, int] | None], ...]


class Strips(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`edges`: of bins that are parts of a calendar; None: they have equal widths."""

    from_: str = msgspec.field(name="from")
    to: str
    edges: tuple[str, ...] | None
    oldest_pending: str | None
    items: tuple[JobStrip, ...]


class FireItem(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    at: str
    job_id: str
    job_name: str
    job_group: str
    queue: str
    note: str | None


class Fires(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Scheduled times of all jobs, or where `bins` were asked for `counts` of them."""

    from_: str = msgspec.field(name="from")
    to: str
    total: int
    items: tuple[FireItem, ...]
    counts: tuple[int, ...] | None
    next_cursor: str | None = None


class JobsIndex(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """All jobs in columns by their names, such as `nextFireAt`: place n of each belongs to the same job."""

    at: str
    count: int
    more: bool = False
    columns: dict[str, list[Any]]


Runs = Page[Run]
Explanations = Page[Explanation]
History = Page[dict[str, Any]]


class CallerLimits(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How much a caller may ask for; `requests_per_second` None: as often as it likes."""

    requests_per_second: float | None = None
    body_bytes: int = 1 << 20
    streams: int = 0


class Me(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Who the API takes us for. `kind`: `key`, `token`, or `anybody` where it asks nobody."""

    name: str | None
    kind: str
    scopes: tuple[str, ...]
    expires_at: str | None = None
    asked: bool = True
    now: str | None = None
    version: str | None = None
    kept_from: str | None = None
    default_timezone: str | None = None
    limits: CallerLimits = CallerLimits()


class Condition(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How the API does; `checks` are `ok`, or say what is wrong."""

    status: str
    checks: dict[str, str] = {}
