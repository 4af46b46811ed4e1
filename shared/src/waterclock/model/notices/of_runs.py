"""What the judge makes of events of runs, and of instants that have none."""

from __future__ import annotations

from msgspec.structs import replace

from waterclock.model.events import (
    FireSkipped,
    RunCancelled,
    RunDied,
    RunFailed,
    RunLost,
    RunRequested,
    RunRetryScheduled,
    RunStarted,
    RunSucceeded,
    RunTimedOut,
)
from waterclock.model.ids import JobId, RunId
from waterclock.model.notices.deadlines import answered, begin_silence, judge_silence
from waterclock.model.notices.draft import Draft, Occasion, without
from waterclock.model.notices.facts import Binding, CatchUp, OpenRun, Trouble, WatchedJob, bound_by_request
from waterclock.model.notices.kinds import BAD_ENDS, CLOSED_BY_SUCCESS, KIND_OF_END, VOID_CANCELS, VOID_SKIPS
from waterclock.model.notices.notice import Trip, notice_id
from waterclock.model.notices.rule_book import PROMISED
from waterclock.model.outcomes import STATUS_OF_TAG, RunStatus
from waterclock.model.positions import Position
from waterclock.model.promise import finish_due, start_due
from waterclock.model.timestamps import millis

OF_SCHEDULE = frozenset({"schedule", "catchup"})
"""Triggers of runs that a schedule asks for: those that have to start and end in time, and that the breaker counts."""


def requested(draft: Draft, position: Position, at: int, event: RunRequested) -> None:
    job = draft.job(event.job_id)
    run = OpenRun(
        id=event.run_id,
        binding=bound_by_request(event) if job is None else job.binding,
        trigger=event.trigger,
        requested=position,
        nominal=None if event.nominal_at is None else millis(event.nominal_at),
    )
    draft.put(expecting(draft, run, at))


def expecting(draft: Draft, run: OpenRun, at: int) -> OpenRun:
    """The run with the deadlines that it has from its request, which came at that time."""
    promise = run.binding.promise
    if promise is None or run.nominal is None or run.trigger not in OF_SCHEDULE:
        return run
    starts = start_due(promise, run.nominal)
    ends = finish_due(promise, run.nominal, run.binding.timezone)
    if starts is None and ends is None:
        return run
    run = replace(run, start_due=starts, finish_due=ends)
    if run.trigger != "catchup":
        return run
    job_id = run.job_id
    assert job_id is not None
    subject = draft.catchup(job_id, at) or CatchUp(job=job_id, at=at, starts=0, ends=0)
    draft.put(replace(subject, starts=subject.starts + 1, ends=subject.ends + 1))
    return replace(run, catchup=at)


def started(draft: Draft, position: Position, at: int, event: RunStarted) -> None:
    run = draft.run(event.run_id)
    if run is None:
        return
    run = answered(draft, run, "attempt", at, position, well=False)
    if not run.started:
        run = answered(draft, run, "start", at, position, well=True)
    draft.put(attempting(replace(run, started=True, attempt=event.attempt), at))


def attempting(run: OpenRun, since: int) -> OpenRun:
    """The run with the deadline of an attempt that has run since then."""
    promise = run.binding.promise
    due = None if promise is None or promise.runs_at_most is None else since + round(promise.runs_at_most * 1000)
    return run if run.attempt_due == due else replace(run, attempt_due=due)


def attempt_over(draft: Draft, position: Position, at: int, event: RunRetryScheduled | RunLost) -> None:
    run = draft.run(event.run_id)
    if run is not None:
        over = answered(draft, run, "attempt", at, position, well=False)
        if over is not run:
            draft.put(over)


def ended_well(draft: Draft, position: Position, at: int, event: RunSucceeded) -> None:
    ended(draft, position, at, event.run_id, event.job_id, "succeeded")


def ended_badly(draft: Draft, position: Position, at: int, event: RunFailed | RunTimedOut | RunDied) -> None:
    status = STATUS_OF_TAG[str(event.__struct_config__.tag)]
    ended(draft, position, at, event.run_id, event.job_id, status)


def cancelled(draft: Draft, position: Position, at: int, event: RunCancelled) -> None:
    void = event.reason in VOID_CANCELS
    ended(draft, position, at, event.run_id, event.job_id, "cancelled", reason=event.reason, void=void)


def ended(
    draft: Draft,
    position: Position,
    at: int,
    run_id: RunId,
    job_id: JobId | None,
    status: RunStatus,
    *,
    reason: str | None = None,
    void: bool = False,
) -> None:
    well = status == "succeeded"
    run, job = draft.run(run_id), draft.job(job_id)
    if run is not None:
        run = answered(draft, run, "attempt", at, position, well=well)
        if not run.started:
            run = answered(draft, run, "start", at, position, well=well)
        run = answered(draft, run, "finish", at, position, well=well)
        draft.drop(run.key)
    if well and job is not None:
        _succeeded(draft, job, run, run_id, at, position)
    if well or void:
        return
    binding = run.binding if run is not None else job.binding if job is not None else Binding(job_id=job_id)
    one = Occasion(
        kind=KIND_OF_END[status],
        at=at,
        position=position,
        binding=binding,
        moment=position,
        since=at,
        run_id=run_id,
        instant=None if run is None else run.nominal,
        attempt=run.attempt if run is not None else None,
        reason=reason,
    )
    if job is None:
        draft.tell_all(one)
    else:
        _not_succeeded(draft, job, run, one)


def skipped(draft: Draft, position: Position, at: int, event: FireSkipped) -> None:
    job = draft.job(event.job_id)
    if job is None or event.reason in VOID_SKIPS:
        return
    trouble = draft.trouble(job.id) or Trouble(job=job.id)
    for rule, kind in draft.book.about_skips(job.binding):
        one = Occasion(
            kind=kind,
            at=at,
            position=position,
            binding=job.binding,
            moment=position,
            since=at,
            instant=millis(event.first),
            last=millis(event.last),
            reason=event.reason,
        )
        if rule is PROMISED:
            draft.note_broken(one)
        trouble, _ = draft.lasts(trouble, rule, one, times=event.count)
    draft.put_trouble(trouble)


def _succeeded(draft: Draft, job: WatchedJob, run: OpenRun | None, run_id: RunId, at: int, position: Position) -> None:
    backfill = run is not None and run.trigger == "backfill"
    if not backfill:
        judge_silence(draft, job, at, position)
        begin_silence(draft, job, at)
    trouble = draft.trouble(job.id)
    if trouble is None:
        return
    closed = [one for one in trouble.breaks if one.kind in CLOSED_BY_SUCCESS or (one.kind == "silent" and not backfill)]
    by = Occasion(
        kind="recovered",
        at=at,
        position=position,
        binding=job.binding if run is None else run.binding,
        moment=position,
        since=at,
        run_id=run_id,
        instant=None if run is None else run.nominal,
    )
    for one in closed:
        draft.recovered(one, by)
    scheduled = 0 if _counts(job, run) else trouble.scheduled
    draft.put_trouble(replace(without(trouble, *closed), bad=0, since=0, scheduled=scheduled))


def _not_succeeded(draft: Draft, job: WatchedJob, run: OpenRun | None, one: Occasion) -> None:
    trouble = draft.trouble(job.id) or Trouble(job=job.id)
    bad = one.kind in BAD_ENDS
    if bad:
        since = trouble.since if trouble.bad else one.at
        trouble = replace(trouble, bad=trouble.bad + 1, since=since)
        one = replace(one, since=since)
        if _counts(job, run):
            trouble = replace(trouble, scheduled=trouble.scheduled + 1)
            _trip(draft, job, trouble.scheduled, one)
    for rule in draft.book.about(one.binding).get(one.kind, ()):
        if not bad:
            trouble, _ = draft.lasts(trouble, rule, one)
        elif trouble.bad >= rule.after or trouble.open(rule.name, one.kind) is not None:
            trouble, _ = draft.lasts(trouble, rule, one, seen=trouble.bad)
    draft.put_trouble(trouble)


def _counts(job: WatchedJob, run: OpenRun | None) -> bool:
    """Whether the breaker counts the end of a run: one of the schedule, that was requested as the job is now."""
    if run is None or run.trigger not in OF_SCHEDULE or job.binding.promise is None:
        return False
    later = run.requested[1:] > job.changed[1:]  # also after the job has moved to another partition
    return job.binding.promise.disable_after is not None and later


def _trip(draft: Draft, job: WatchedJob, failures: int, one: Occasion) -> None:
    promise = job.binding.promise
    assert promise is not None
    if failures == promise.disable_after and job.enabled:
        draft.trips.append(
            Trip(
                id=notice_id("breaker", job.id, job.version, one.position),
                job=job.id,
                version=job.version,
                failures=failures,
                position=str(one.position),
                at=one.at,
            )
        )
