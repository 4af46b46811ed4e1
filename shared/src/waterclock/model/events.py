"""Every stored event: what has happened, in the past tense.

An event's body is written once by who knows it. What only the script knows that appends it (the attempt and fence of a
grant, which run blocked, the state a run was put in) stands beside the body in the entry and is read back into the same
struct: such fields are marked "from the script". Tags are never renamed or reused; a field added later has a default.

It is long: all events in one table, with nothing but their fields.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from waterclock.model.definition import Definition
from waterclock.model.ids import JobId, MuteId, RunId
from waterclock.model.outcomes import AttemptOutcome, Error
from waterclock.model.places import PlaceSpec, ReferenceSpec
from waterclock.model.retry import RetryPolicy
from waterclock.model.stored_parameters import UnfitParams
from waterclock.model.timestamps import Stamped

Trigger = Literal["schedule", "catchup", "backfill", "manual", "retry"]
SkipReason = Literal["misfire", "overflow", "window", "overlap", "edited", "disabled", "deleted"]
EditReason = Literal["edited", "disabled", "deleted"]
RequestedState = Literal["delayed", "waiting", "queued"]
LostReason = Literal["leaseExpired", "handedBack", "storeLost"]
CancelReason = Literal["requested", "jobDisabled", "jobDeleted", "replaced"]
StepStatus = Literal["running", "succeeded", "failed", "cancelled"]
Level = Literal["debug", "info", "warning", "error"]

_AN_ID = msgspec.Meta(max_length=64)
OfJob = Annotated[JobId, _AN_ID]
OfRun = Annotated[RunId, _AN_ID]
OfMute = Annotated[MuteId, _AN_ID]
Number = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
"""What a column of four bytes holds."""
Fence = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class Event(msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag_field="type", omit_defaults=True):
    """What every event may carry: who caused it, by which command, after which event, in which trace."""

    actor: str | None = None
    cause: str | None = None  # the position of the event that led to it
    command_id: str | None = None
    fingerprint: str | None = None  # from the script, where the command's id is a client's key: of what it asked for
    traceparent: str | None = None  # W3C
    tracestate: str | None = None  # W3C; of whoever began the trace


# --- jobs ---------------------------------------------------------------------------------------------------------


class JobEvent(Event, frozen=True, kw_only=True, tag="job"):
    """`after` and `through` bound the instants that the event settles by moving the job's mark, if it moves it."""

    job_id: OfJob
    after: Stamped | None = None
    through: Stamped | None = None
    bars: bool = False  # from the script: runs requested before do not start any more
    releases: bool = False  # from the script: runs requested before do not wait for each other any more


class JobCreated(JobEvent, frozen=True, kw_only=True, tag="job.created"):
    version: Number  # 1
    definition: Definition


class JobChanged(JobEvent, frozen=True, kw_only=True, tag="job.changed"):
    version: Number
    definition: Definition
    reason: str | None = None


class JobEnabled(JobEvent, frozen=True, kw_only=True, tag="job.enabled"):
    version: Number
    reason: str | None = None


class JobDisabled(JobEvent, frozen=True, kw_only=True, tag="job.disabled"):
    version: Number
    reason: str | None = None


class JobDeleted(JobEvent, frozen=True, kw_only=True, tag="job.deleted"):
    version: Number
    reason: str | None = None


class LogsCleared(JobEvent, frozen=True, kw_only=True, tag="logs.cleared"):
    """The log lines of the job's runs, up to this position, are to be deleted for good."""


# --- decisions ----------------------------------------------------------------------------------------------------


class RunRequested(Event, frozen=True, kw_only=True, tag="run.requested"):
    """A run is owed. Its body is also what the worker receives: all that the run needs, as it was when requested."""

    run_id: OfRun
    job_id: OfJob | None = None
    job_name: str | None = None
    job_group: str | None = None
    version: Number | None = None  # of the job's definition
    trigger: Trigger
    nominal_at: Stamped | None = None
    ready_at: Stamped | None = None  # not to start before; None: at once
    invoke_target: str
    params: dict[str, Any] = {}
    queue: str
    timeout: float | None = None  # seconds; None: the executor's
    retry: RetryPolicy = RetryPolicy()
    labels: dict[str, str] = {}
    reason: str | None = None
    retry_of: OfRun | None = None
    policy: str | None = None  # the misfire policy that made it
    folded: Number = 0  # instants folded into this run
    folded_first: Stamped | None = None
    tzdata: str | None = None  # the zone rules that the instant was computed by
    after: Stamped | None = None
    through: Stamped | None = None
    state: RequestedState = "queued"  # from the script
    serial: bool = False  # from the script: it must not overlap other runs of its job
    waiting_on: OfRun | None = None  # from the script


class FireSkipped(Event, frozen=True, kw_only=True, tag="fire.skipped"):
    """Instants of a job that fire nothing: `count` of them, from `first` to `last`."""

    job_id: OfJob
    reason: SkipReason
    policy: str | None = None
    first: Stamped
    last: Stamped
    count: Number
    digest: str  # of the instants, so that a range proves which ones it holds
    tzdata: str | None = None
    after: Stamped
    through: Stamped
    blocked_by: OfRun | None = None  # from the script


class FireCoalesced(Event, frozen=True, kw_only=True, tag="fire.coalesced"):
    """Instants of a job that are answered by another run."""

    job_id: OfJob
    policy: str | None = None
    first: Stamped
    last: Stamped
    count: Number
    digest: str
    tzdata: str | None = None
    after: Stamped
    through: Stamped
    into: OfRun | None = None  # in the body, or from the script


# --- runs and attempts --------------------------------------------------------------------------------------------


class RunEvent(Event, frozen=True, kw_only=True, tag="run"):
    run_id: OfRun
    job_id: OfJob | None = None


class RunStarted(RunEvent, frozen=True, kw_only=True, tag="run.started"):
    worker: str
    session: str
    attempt: Number  # from 1; from the script
    fence: Fence  # from the script


class AttemptEvent(RunEvent, frozen=True, kw_only=True, tag="attempt"):
    attempt: Number
    fence: Fence


class RunSucceeded(AttemptEvent, frozen=True, kw_only=True, tag="run.succeeded"):
    result: Any = None


class RunFailed(AttemptEvent, frozen=True, kw_only=True, tag="run.failed"):
    outcome: AttemptOutcome
    error: Error


class RunTimedOut(AttemptEvent, frozen=True, kw_only=True, tag="run.timedOut"):
    error: Error


class RunRetryScheduled(AttemptEvent, frozen=True, kw_only=True, tag="run.retryScheduled"):
    """The attempt ended badly; another follows at `readyAt`."""

    outcome: AttemptOutcome
    error: Error
    ready_at: Stamped


class RunCancelRequested(RunEvent, frozen=True, kw_only=True, tag="run.cancelRequested"):
    reason: CancelReason = "requested"


class RunCancelled(RunEvent, frozen=True, kw_only=True, tag="run.cancelled"):
    reason: CancelReason = "requested"
    attempt: Number = 0  # the attempt that it ended; 0: none was running; may be from the script
    fence: Fence = 0
    settled: Fence | None = None  # as of RunDied; None: its worker did, or none was running and no earlier one


class RunLost(RunEvent, frozen=True, kw_only=True, tag="run.lost"):
    """An attempt ended without a word from its worker, or was given back; the run is queued again."""

    reason: LostReason
    attempt: Number  # from the script, where a sweep finds it
    fence: Fence
    ready_at: Stamped | None = None  # given back not to be ready before; None: it is at once


class RunDied(RunEvent, frozen=True, kw_only=True, tag="run.died"):
    """The run was lost too often and is not tried again; or its request or record was, and nobody can start it
    (`storeLost`)."""

    reason: LostReason
    attempt: Number  # 0: none was running
    fence: Fence
    settled: Fence | None = None  # fence of the last attempt that its worker ended itself; from the script


class ResultRefused(AttemptEvent, frozen=True, kw_only=True, tag="result.refused"):
    """A late writer: its attempt had been taken from it. Changes no state."""

    outcome: AttemptOutcome


# --- steps --------------------------------------------------------------------------------------------------------


class LogLine(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A line of a run's log."""

    at: Annotated[Stamped, Meta(description="When it was written, by the worker's clock.")]
    level: Annotated[Level, Meta(description="Its level.")]
    text: Annotated[str, Meta(description="The line.")]


class StepStarted(AttemptEvent, frozen=True, kw_only=True, tag="step.started"):
    number: Number  # from 1 in each attempt
    name: str


class StepLogged(AttemptEvent, frozen=True, kw_only=True, tag="step.log"):
    number: Number | None = None  # of the step; None: outside any
    lines: tuple[LogLine, ...] = ()
    lines_count: Number = 0  # in the archive's stub, which has no lines


class StepProgressed(AttemptEvent, frozen=True, kw_only=True, tag="step.progress"):
    number: Number
    done: float
    total: float | None = None


class StepFinished(AttemptEvent, frozen=True, kw_only=True, tag="step.finished"):
    number: Number
    status: StepStatus
    error: Error | None = None


# --- notices ------------------------------------------------------------------------------------------------------


class NoticesMuted(Event, frozen=True, kw_only=True, tag="notices.muted"):
    """Notices are not sent until then: those of one job, of a group, of all that has a label, or all.

    That of a job is in its partition, any other in partition 0. One that names none of the four mutes nothing.
    """

    mute_id: OfMute
    until: Stamped
    reason: str
    job_id: OfJob | None = None
    group: str | None = None
    label: str | None = None  # name=value
    all_: bool = msgspec.field(default=False, name="all")


class NoticesUnmuted(Event, frozen=True, kw_only=True, tag="notices.unmuted"):
    """They are sent again before that."""

    mute_id: OfMute
    job_id: OfJob | None = None
    reason: str | None = None


# --- queues, fleet, the log itself --------------------------------------------------------------------------------


class QueuePaused(Event, frozen=True, kw_only=True, tag="queue.paused"):
    queue: str
    reason: str | None = None


class QueueResumed(Event, frozen=True, kw_only=True, tag="queue.resumed"):
    queue: str
    reason: str | None = None


class ExecutorSpec(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An executor, as a worker announces it."""

    key: Annotated[str, Meta(description="Its name.")]
    description: Annotated[str, Meta(description="What it does.")]
    params_schema: Annotated[dict[str, Any], Meta(description="JSON Schema of its parameters.")]
    result_schema: Annotated[dict[str, Any] | None, Meta(description="JSON Schema of its result.")] = None
    timeout: Annotated[float | None, Meta(description="Its time limit for an attempt, in seconds.")] = None
    aliases: Annotated[tuple[str, ...], Meta(description="Its other names.")] = ()
    placed: Annotated[bool, Meta(description="Whether its parameter `place` names a place.")] = False
    references: Annotated[
        tuple[ReferenceSpec, ...], Meta(description="References that its parameters may hold, without a place.")
    ] = ()


class WorkerJoined(Event, frozen=True, kw_only=True, tag="worker.joined"):
    worker: str
    session: str
    queues: tuple[str, ...]
    slots: Number
    executors: tuple[ExecutorSpec, ...]
    release: str | None = None
    places: tuple[PlaceSpec, ...] | None = None  # None: of a release that has none
    unfit: tuple[UnfitParams, ...] = ()  # what checks of its executors refuse of the jobs that were stored


class WorkerLeft(Event, frozen=True, kw_only=True, tag="worker.left"):
    session: str
    worker: str | None = None
    reason: Literal["drained", "lost"]


class LeadershipTaken(Event, frozen=True, kw_only=True, tag="leadership.taken"):
    scheduler: str
    term: int  # from the script


class EpochBegan(Event, frozen=True, kw_only=True, tag="epoch.began"):
    epoch: int
    server: str  # run_id of the server process


class LogForked(Event, frozen=True, kw_only=True, tag="log.forked"):
    """The stream had lost its end: what the archive knows was put back, and everything goes on from there."""

    epoch: int
    server: str
    common: str | None = None  # position of the last entry that both had; None: the stream was empty
    lost: int  # entries that the archive knows and the stream lost
    repaired: int  # jobs and unfinished runs that were put back
    dropped: int = 0  # entries after `common` that the archive does not know: they never happened
    dropped_first: str | None = None  # position
    dropped_last: str | None = None
    partitions: int | None = None  # how many there are from here on, where that was changed


class ArchiveLost(Event, frozen=True, kw_only=True, tag="archive.lost"):
    """The archive was put back to before what the log had trimmed; what stood in between is known to nobody.

    It stands in the archive only, in the place of the last entry that is lost.
    """

    known_through: str | None  # position of the last entry that the archive had; None: it was empty
    lost: int | None  # how many; None: they were of more than one epoch


class LogTruncated(Event, frozen=True, kw_only=True, tag="log.truncated"):
    """An epoch ended before entries of it that a process knows, and that no repair has kept: they are lost.

    What they said may have been acted on.
    """

    known_through: str  # position of the last entry that the process knows of that epoch
    ended_at: str | None = None  # from the script: position of the last one that is left; None: none is


AnyJobEvent = JobCreated | JobChanged | JobEnabled | JobDisabled | JobDeleted | LogsCleared
Decision = RunRequested | FireSkipped | FireCoalesced
AnyRunEvent = (
    RunRequested
    | RunStarted
    | RunSucceeded
    | RunFailed
    | RunTimedOut
    | RunRetryScheduled
    | RunCancelRequested
    | RunCancelled
    | RunLost
    | RunDied
)
AnyStepEvent = StepStarted | StepLogged | StepProgressed | StepFinished
StoredEvent = (
    JobCreated
    | JobChanged
    | JobEnabled
    | JobDisabled
    | JobDeleted
    | LogsCleared
    | RunRequested
    | FireSkipped
    | FireCoalesced
    | RunStarted
    | RunSucceeded
    | RunFailed
    | RunTimedOut
    | RunRetryScheduled
    | RunCancelRequested
    | RunCancelled
    | RunLost
    | RunDied
    | ResultRefused
    | StepStarted
    | StepLogged
    | StepProgressed
    | StepFinished
    | NoticesMuted
    | NoticesUnmuted
    | QueuePaused
    | QueueResumed
    | WorkerJoined
    | WorkerLeft
    | LeadershipTaken
    | EpochBegan
    | LogForked
    | ArchiveLost
    | LogTruncated
)
TAGS = tuple(str(kind.__struct_config__.tag) for kind in StoredEvent.__args__)
"""What each kind of event is called where it is stored."""


def tags_of(name: str) -> tuple[str, ...]:
    """The tags that a name stands for: itself, or what has it before the dot; empty for none."""
    return tuple(tag for tag in TAGS if name in (tag, tag.partition(".")[0]))
