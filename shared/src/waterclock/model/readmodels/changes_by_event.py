"""What each event changes in the read models.

event ──project──► changes ──fold──► Batch ──waterclock.store.project──► rows

It is long: one function for each event.
"""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from waterclock.model.definition import Definition
from waterclock.model.events import (
    EpochBegan,
    FireCoalesced,
    FireSkipped,
    JobChanged,
    JobCreated,
    JobDeleted,
    JobDisabled,
    JobEnabled,
    LogForked,
    LogsCleared,
    NoticesMuted,
    NoticesUnmuted,
    RunCancelled,
    RunCancelRequested,
    RunDied,
    RunFailed,
    RunLost,
    RunRequested,
    RunRetryScheduled,
    RunStarted,
    RunSucceeded,
    RunTimedOut,
    StepFinished,
    StepLogged,
    StepProgressed,
    StepStarted,
    StepStatus,
    StoredEvent,
    WorkerJoined,
    WorkerLeft,
)
from waterclock.model.outcomes import OUTCOME_OF_TAG, STATUS_OF_TAG, AttemptOutcome, Error, Unreadable
from waterclock.model.places import Reach
from waterclock.model.positions import Position
from waterclock.model.readmodels.change_types import (
    AttemptChange,
    AttemptsEnded,
    Change,
    DecisionInsert,
    ExecutorChange,
    JobChange,
    LineInsert,
    LinesCleared,
    MuteChange,
    RunChange,
    ServerChange,
    StepChange,
    StepsEnded,
    WorkerChange,
)
from waterclock.model.timestamps import Stamp, stamp

FLEET_PARTITION = 0
"""The only partition whose fleet events count, so that each row is written from one partition."""

_FATE_OF_STEPS: dict[AttemptOutcome, StepStatus] = {
    "succeeded": "succeeded",
    "cancelled": "cancelled",
    "returned": "cancelled",
}
"""What becomes of steps that run when their attempt ends; any other outcome fails them."""


def project(position: Position, at_ms: int, event: StoredEvent) -> tuple[Change, ...]:
    """Say what an event changes; nothing, for an event that no read model shows.

    The changes hold in the order of the partition's events only.
    """
    at = stamp(at_ms)
    match event:
        case RunRequested():
            return _requested(position, at, event)
        case RunStarted():
            return _started(at, event)
        case RunSucceeded(run_id=run_id, attempt=attempt, result=result):
            run = RunChange(run_id=run_id, status="succeeded", finished_at=at, result=result, error=None)
            return run, *_attempt_ended(run_id, attempt, at, "succeeded")
        case StepLogged():
            return _lines(position, event)
        case StepStarted() | StepProgressed() | StepFinished():
            return (_step(at, event),)
        case RunFailed(run_id=run_id, attempt=attempt, outcome=outcome, error=error):
            run = RunChange(run_id=run_id, status="failed", finished_at=at, error=error)
            return run, *_attempt_ended(run_id, attempt, at, outcome, error)
        case RunTimedOut(run_id=run_id, attempt=attempt, error=error):
            run = RunChange(run_id=run_id, status="timedOut", finished_at=at, error=error)
            return run, *_attempt_ended(run_id, attempt, at, "timedOut", error)
        case RunRetryScheduled(run_id=run_id, attempt=attempt, outcome=outcome, error=error, ready_at=ready_at):
            run = RunChange(run_id=run_id, status="delayed", ready_at=ready_at, worker=None, error=error)
            return run, *_attempt_ended(run_id, attempt, at, outcome, error)
        case RunLost(run_id=run_id, attempt=attempt, reason=reason, ready_at=ready_at):
            run = RunChange(run_id=run_id, status="queued", worker=None, error=None)
            if ready_at is not None:
                run = RunChange(run_id=run_id, status="delayed", ready_at=ready_at, worker=None, error=None)
            return run, *_attempt_ended(run_id, attempt, at, "returned" if reason == "handedBack" else "lost")
        case RunDied(run_id=run_id, attempt=attempt):
            run = RunChange(run_id=run_id, status="died", finished_at=at, error=None)
            return run, *(_attempt_ended(run_id, attempt, at, "lost") if attempt else ())
        case RunCancelRequested(run_id=run_id, reason=reason):
            return (RunChange(run_id=run_id, cancel_requested_at=at, cancel_reason=reason),)
        case RunCancelled():
            return _cancelled(at, event)
        case FireSkipped() | FireCoalesced():
            return _decision(position, at, event), JobChange(job_id=event.job_id, mark=event.through)
        case JobCreated() | JobChanged() | JobEnabled() | JobDisabled() | JobDeleted():
            return (_settled(position, event, _job(position, at, event)),)
        case LogsCleared(job_id=job_id):
            cleared = LinesCleared(partition=position.partition, job_id=job_id, epoch=position.epoch, seq=position.seq)
            return (cleared,)
        case WorkerJoined() if position.partition == FLEET_PARTITION:
            return _joined(at, event)
        case WorkerLeft(session=session, reason=reason) if position.partition == FLEET_PARTITION:
            return (WorkerChange(session=session, left_at=at, left_reason=reason),)
        case NoticesMuted() | NoticesUnmuted():
            return (_muted(position, at, event),)
        case EpochBegan(server=server) | LogForked(server=server):
            return (ServerChange(server=server),)
        case _:
            return ()


def ended_unreadably(
    position: Position, at_ms: int, *, tag: str, run_id: str, attempt: int | None, reason: str
) -> tuple[Change, ...]:
    """What becomes of a run whose last event nobody can read: the ending of its tag, without what it held.

    `attempt` None: nobody can read which it was either; 0: none was running.
    """
    at, outcome = stamp(at_ms), OUTCOME_OF_TAG[tag]
    run = RunChange(
        run_id=run_id,
        status=STATUS_OF_TAG[tag],
        finished_at=at,
        result=None,
        error=None,
        unreadable=Unreadable(position=str(position), reason=reason),
    )
    match attempt:
        case None:
            fate = _FATE_OF_STEPS.get(outcome, "failed")
            return run, AttemptsEnded(run_id=run_id, outcome=outcome, status=fate, finished_at=at)
        case 0:
            return (run,)
        case _:
            return run, *_attempt_ended(run_id, attempt, at, outcome)


def _requested(position: Position, at: Stamp, event: RunRequested) -> tuple[Change, ...]:
    run = RunChange(
        run_id=event.run_id,
        partition=position.partition,
        requested_epoch=position.epoch,
        requested_seq=position.seq,
        job_id=event.job_id,
        job_name=event.job_name,
        job_group=event.job_group,
        invoke_target=event.invoke_target,
        params=event.params,
        queue=event.queue,
        trigger=event.trigger,
        status=event.state,
        nominal_at=event.nominal_at,
        requested_at=at,
        ready_at=event.ready_at,
        attempt=0,
        max_attempts=event.retry.max_attempts,
        waiting_on=event.waiting_on,
        retry_of=event.retry_of,
        reason=event.reason,
        labels=event.labels,
        folded=event.folded,
        folded_first=event.folded_first,
        traceparent=event.traceparent,
    )
    if event.job_id is None:
        return (run,)
    return run, JobChange(job_id=event.job_id, last_run_id=event.run_id, mark=event.through or UNSET)


def _started(at: Stamp, event: RunStarted) -> tuple[Change, ...]:
    run = RunChange(
        run_id=event.run_id,
        status="running",
        attempt=event.attempt,
        worker=event.worker,
        waiting_on=None,
        started_at=at if event.attempt == 1 else UNSET,
    )
    attempt = AttemptChange(
        run_id=event.run_id,
        number=event.attempt,
        fence=event.fence,
        worker=event.worker,
        started_at=at,
    )
    return run, attempt


def _attempt_ended(
    run_id: str, number: int, at: Stamp, outcome: AttemptOutcome, error: Error | None = None
) -> tuple[AttemptChange, StepsEnded]:
    return (
        AttemptChange(run_id=run_id, number=number, finished_at=at, outcome=outcome, error=error),
        StepsEnded(run_id=run_id, attempt=number, status=_FATE_OF_STEPS.get(outcome, "failed"), finished_at=at),
    )


def _cancelled(at: Stamp, event: RunCancelled) -> tuple[Change, ...]:
    asked = event.attempt != 0 and event.reason == "requested"  # by an earlier event, which says why
    reason = UNSET if asked else event.reason
    run = RunChange(run_id=event.run_id, status="cancelled", finished_at=at, cancel_reason=reason)
    if event.attempt == 0:
        return (replace(run, waiting_on=None),)
    return replace(run, error=None), *_attempt_ended(event.run_id, event.attempt, at, "cancelled")


def _step(at: Stamp, event: StepStarted | StepProgressed | StepFinished) -> StepChange:
    run_id, attempt, number = event.run_id, event.attempt, event.number
    match event:
        case StepStarted(name=name):
            return StepChange(
                run_id=run_id,
                attempt=attempt,
                number=number,
                name=name,
                status="running",
                started_at=at,
            )
        case StepProgressed(done=done, total=total):
            return StepChange(run_id=run_id, attempt=attempt, number=number, done=done, total=total)
        case StepFinished(status=status, error=error):
            return StepChange(run_id=run_id, attempt=attempt, number=number, status=status, finished_at=at, error=error)


def _lines(position: Position, event: StepLogged) -> tuple[LineInsert, ...]:
    return tuple(
        LineInsert(
            partition=position.partition,
            epoch=position.epoch,
            seq=position.seq,
            line=number,
            job_id=event.job_id,
            run_id=event.run_id,
            attempt=event.attempt,
            step=event.number,
            at=line.at,
            level=line.level,
            text=line.text,
        )
        for number, line in enumerate(event.lines)
    )


def _decision(position: Position, at: Stamp, event: FireSkipped | FireCoalesced) -> DecisionInsert:
    skipped = isinstance(event, FireSkipped)
    return DecisionInsert(
        job_id=event.job_id,
        epoch=position.epoch,
        seq=position.seq,
        partition=position.partition,
        fate="skipped" if skipped else "coalesced",
        reason=event.reason if skipped else None,
        policy=event.policy,
        first_at=event.first,
        last_at=event.last,
        count=event.count,
        digest=event.digest,
        run_id=event.blocked_by if skipped else event.into,
        decided_at=at,
    )


def _job(
    position: Position, at: Stamp, event: JobCreated | JobChanged | JobEnabled | JobDisabled | JobDeleted
) -> JobChange:
    job_id, version = event.job_id, event.version
    match event:
        case JobCreated(definition=definition):
            return JobChange(
                job_id=job_id,
                partition=position.partition,
                version=version,
                **_defined(definition),
                created_at=at,
                updated_at=at,
            )
        case JobChanged(definition=definition):
            return JobChange(job_id=job_id, version=version, **_defined(definition), updated_at=at)
        case JobEnabled():
            return JobChange(job_id=job_id, version=version, status="0", updated_at=at)
        case JobDisabled():
            return JobChange(job_id=job_id, version=version, status="1", updated_at=at)
        case JobDeleted():
            return JobChange(job_id=job_id, version=version, updated_at=at, deleted_at=at)


def _settled(
    position: Position, event: JobCreated | JobChanged | JobEnabled | JobDisabled | JobDeleted, change: JobChange
) -> JobChange:
    """The change with what the event says of the job's mark and of runs requested before."""
    given: dict[str, Any] = {}
    if event.through is not None:
        given["mark"] = event.through
    if event.bars or isinstance(event, JobDisabled):
        given |= {"barred_epoch": position.epoch, "barred_seq": position.seq}
    if event.releases:
        given |= {"released_epoch": position.epoch, "released_seq": position.seq}
    return replace(change, **given)


def _defined(definition: Definition) -> dict[str, Any]:
    return {
        "job_name": definition.job_name,
        "job_group": definition.job_group,
        "invoke_target": definition.invoke_target,
        "status": definition.status,
        "queue": definition.queue,
        "labels": definition.labels,
        "definition": definition,
    }


def _muted(position: Position, at: Stamp, event: NoticesMuted | NoticesUnmuted) -> MuteChange:
    if isinstance(event, NoticesUnmuted):
        return MuteChange(
            mute_id=event.mute_id,
            unmuted_at=at,
            unmuted_epoch=position.epoch,
            unmuted_seq=position.seq,
            unmuted_by=event.actor,
            unmuted_reason=event.reason,
        )
    return MuteChange(
        mute_id=event.mute_id,
        partition=position.partition,
        epoch=position.epoch,
        seq=position.seq,
        job_id=event.job_id,
        job_group=event.group,
        labels=None if event.label is None else _label(event.label),
        everything=event.all_,
        muted_at=at,
        until=event.until,
        actor=event.actor,
        reason=event.reason,
    )


def _label(text: str) -> dict[str, str]:
    name, _, value = text.partition("=")
    return {name: value}


def _joined(at: Stamp, event: WorkerJoined) -> tuple[Change, ...]:
    worker = WorkerChange(
        session=event.session,
        worker=event.worker,
        queues=event.queues,
        slots=event.slots,
        executors=tuple(spec.key for spec in event.executors),
        reach=_reach(event),
        started_at=at,
    )
    return worker, *(ExecutorChange(key=spec.key, spec=spec, announced_at=at) for spec in event.executors)


def _reach(event: WorkerJoined) -> Reach | UnsetType:
    if event.places is None:
        return UNSET
    references = {one.key: one.references for one in event.executors if one.references}
    return Reach(places=event.places, references=references, unfit=event.unfit)
