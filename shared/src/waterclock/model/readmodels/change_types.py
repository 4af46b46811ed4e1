"""Changes to the read models, as values.

The fields of a change are columns. Some changes make the row, new or anew, and what those leave UNSET is empty. In the
others UNSET leaves a column as it is, None empties it, and where there is no row they are nothing.
"""

from __future__ import annotations

from typing import Any, ClassVar, TypeAlias, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from waterclock.model.definition import Definition, Status
from waterclock.model.events import CancelReason, ExecutorSpec, Level, StepStatus
from waterclock.model.outcomes import AttemptOutcome, Error, RunStatus, Unreadable
from waterclock.model.places import Reach
from waterclock.model.timestamps import Stamp

T = TypeVar("T")
Column: TypeAlias = T | UnsetType


class RowChange(msgspec.Struct, frozen=True, kw_only=True):
    """Columns of one row: those that name it, and the one that only a change gives that makes the row."""

    KEY: ClassVar[tuple[str, ...]]
    MAKES: ClassVar[str]


class JobChange(RowChange, frozen=True, kw_only=True):
    KEY = ("job_id",)
    MAKES = "created_at"

    job_id: str
    partition: Column[int] = UNSET
    version: Column[int] = UNSET
    job_name: Column[str] = UNSET
    job_group: Column[str] = UNSET
    invoke_target: Column[str] = UNSET
    status: Column[Status] = UNSET  # the definition's own follows it
    queue: Column[str] = UNSET
    labels: Column[dict[str, str]] = UNSET
    definition: Column[Definition] = UNSET
    created_at: Column[Stamp] = UNSET
    updated_at: Column[Stamp] = UNSET
    deleted_at: Column[Stamp | None] = UNSET
    mark: Column[Stamp] = UNSET
    barred_epoch: Column[int] = UNSET  # with seq: runs requested before do not start any more
    barred_seq: Column[int] = UNSET
    released_epoch: Column[int] = UNSET  # with seq: runs requested before do not wait for each other
    released_seq: Column[int] = UNSET
    last_run_id: Column[str | None] = UNSET


class RunChange(RowChange, frozen=True, kw_only=True):
    KEY = ("run_id",)
    MAKES = "requested_at"

    run_id: str
    partition: Column[int] = UNSET
    requested_epoch: Column[int] = UNSET
    requested_seq: Column[int] = UNSET
    job_id: Column[str | None] = UNSET
    job_name: Column[str | None] = UNSET
    job_group: Column[str | None] = UNSET
    invoke_target: Column[str] = UNSET
    params: Column[dict[str, Any]] = UNSET
    queue: Column[str] = UNSET
    trigger: Column[str] = UNSET
    status: Column[RunStatus] = UNSET
    nominal_at: Column[Stamp | None] = UNSET
    requested_at: Column[Stamp] = UNSET
    ready_at: Column[Stamp | None] = UNSET
    started_at: Column[Stamp | None] = UNSET  # of the first attempt
    finished_at: Column[Stamp | None] = UNSET
    attempt: Column[int] = UNSET
    max_attempts: Column[int] = UNSET
    worker: Column[str | None] = UNSET  # of the last attempt; None while the run waits for another
    result: Column[Any] = UNSET
    error: Column[Error | None] = UNSET  # of the last attempt that ended
    waiting_on: Column[str | None] = UNSET
    cancel_requested_at: Column[Stamp | None] = UNSET
    cancel_reason: Column[CancelReason | None] = UNSET
    unreadable: Column[Unreadable | None] = UNSET  # the event that ended it
    retry_of: Column[str | None] = UNSET
    reason: Column[str | None] = UNSET
    labels: Column[dict[str, str]] = UNSET
    folded: Column[int] = UNSET
    folded_first: Column[Stamp | None] = UNSET
    traceparent: Column[str | None] = UNSET


class AttemptChange(RowChange, frozen=True, kw_only=True):
    KEY = ("run_id", "number")
    MAKES = "started_at"

    run_id: str
    number: int
    fence: Column[int] = UNSET
    worker: Column[str] = UNSET
    started_at: Column[Stamp] = UNSET
    finished_at: Column[Stamp | None] = UNSET
    outcome: Column[AttemptOutcome | None] = UNSET
    error: Column[Error | None] = UNSET


class StepChange(RowChange, frozen=True, kw_only=True):
    KEY = ("run_id", "attempt", "number")
    MAKES = "started_at"

    run_id: str
    attempt: int
    number: int
    name: Column[str] = UNSET
    status: Column[StepStatus] = UNSET
    started_at: Column[Stamp] = UNSET
    finished_at: Column[Stamp | None] = UNSET
    done: Column[float | None] = UNSET
    total: Column[float | None] = UNSET
    error: Column[Error | None] = UNSET


class WorkerChange(RowChange, frozen=True, kw_only=True):
    KEY = ("session",)
    MAKES = "started_at"

    session: str
    worker: Column[str] = UNSET
    queues: Column[tuple[str, ...]] = UNSET
    slots: Column[int] = UNSET
    executors: Column[tuple[str, ...]] = UNSET  # their keys
    reach: Column[Reach | None] = UNSET
    started_at: Column[Stamp] = UNSET
    left_at: Column[Stamp | None] = UNSET
    left_reason: Column[str | None] = UNSET


class ExecutorChange(RowChange, frozen=True, kw_only=True):
    KEY = ("key",)
    MAKES = "announced_at"

    key: str
    spec: ExecutorSpec
    announced_at: Stamp


class MuteChange(RowChange, frozen=True, kw_only=True):
    KEY = ("mute_id",)
    MAKES = "muted_at"

    mute_id: str
    partition: Column[int] = UNSET
    epoch: Column[int] = UNSET  # with seq: of the event that muted
    seq: Column[int] = UNSET
    job_id: Column[str | None] = UNSET  # of these three and the next one says what is muted
    job_group: Column[str | None] = UNSET
    labels: Column[dict[str, str] | None] = UNSET  # one, which a job has among others
    everything: Column[bool] = UNSET
    muted_at: Column[Stamp] = UNSET
    until: Column[Stamp] = UNSET
    actor: Column[str | None] = UNSET
    reason: Column[str] = UNSET
    unmuted_at: Column[Stamp | None] = UNSET
    unmuted_epoch: Column[int | None] = UNSET  # with seq: of the last event that unmuted
    unmuted_seq: Column[int | None] = UNSET
    unmuted_by: Column[str | None] = UNSET
    unmuted_reason: Column[str | None] = UNSET


class DecisionInsert(RowChange, frozen=True, kw_only=True):
    """Instants that fired nothing."""

    KEY = ("job_id", "epoch", "seq")
    MAKES = "decided_at"

    job_id: str
    epoch: int
    seq: int
    partition: int
    fate: str
    reason: str | None
    policy: str | None
    first_at: Stamp
    last_at: Stamp
    count: int
    digest: str
    run_id: str | None  # the run that blocked, or that answers for them
    decided_at: Stamp


class LineInsert(msgspec.Struct, frozen=True, kw_only=True):
    partition: int
    epoch: int
    seq: int
    line: int  # from 0 in its event
    job_id: str | None
    run_id: str
    attempt: int
    step: int | None
    at: Stamp
    level: Level
    text: str


class LinesCleared(msgspec.Struct, frozen=True, kw_only=True):
    """The job's lines before (epoch, seq) go."""

    partition: int
    job_id: str
    epoch: int
    seq: int


class StepsEnded(msgspec.Struct, frozen=True, kw_only=True):
    """Steps of the attempt that still run share its fate."""

    run_id: str
    attempt: int
    status: StepStatus
    finished_at: Stamp


class AttemptsEnded(msgspec.Struct, frozen=True, kw_only=True):
    """Attempts of the run that have not ended share its fate, and so do their steps that still run."""

    run_id: str
    outcome: AttemptOutcome
    status: StepStatus
    finished_at: Stamp


class ServerChange(msgspec.Struct, frozen=True, kw_only=True):
    """The partition is open on this server process."""

    server: str


Change = (
    JobChange
    | RunChange
    | AttemptChange
    | StepChange
    | WorkerChange
    | ExecutorChange
    | MuteChange
    | DecisionInsert
    | LineInsert
    | LinesCleared
    | StepsEnded
    | AttemptsEnded
    | ServerChange
)
