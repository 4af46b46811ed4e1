"""What the judge makes of events that change a job."""

from __future__ import annotations

from msgspec.structs import replace

from waterclock.model.definition import Definition
from waterclock.model.events import JobChanged, JobCreated, JobDeleted, JobDisabled, JobEnabled
from waterclock.model.ids import JobId
from waterclock.model.notices.deadlines import begin_silence, end_silence, judge_silence
from waterclock.model.notices.draft import Draft, Occasion, without
from waterclock.model.notices.facts import WatchedJob, bound, catchup_key, trouble_key
from waterclock.model.positions import Position


def created(draft: Draft, position: Position, at: int, event: JobCreated) -> None:
    _defined(draft, position, at, event.job_id, event.definition, event.version)


def changed(draft: Draft, position: Position, at: int, event: JobChanged) -> None:
    before = draft.job(event.job_id)
    if before is not None and before.enabled:
        if not event.definition.enabled:
            _close(draft, event.job_id)
        else:
            judge_silence(draft, before, at, position)
    job = _defined(draft, position, at, event.job_id, event.definition, event.version)
    _forget_what_is_promised_no_more(draft, job)


def enabled(draft: Draft, position: Position, at: int, event: JobEnabled) -> None:
    before = draft.job(event.job_id)
    if before is None:
        return
    job = replace(before, enabled=True, version=event.version, changed=position)
    draft.put(job)
    begin_silence(draft, job, at)
    _count_anew(draft, job.id)


def disabled(draft: Draft, position: Position, at: int, event: JobDisabled) -> None:
    before = draft.job(event.job_id)
    if before is None:
        return
    if draft.book.disables(event.actor):
        draft.tell_all(
            Occasion(
                kind="disabled",
                at=at,
                position=position,
                binding=before.binding,
                moment=position,
                since=at,
                reason=event.reason,
            )
        )
    draft.put(replace(before, enabled=False, version=event.version))
    _close(draft, event.job_id)


def deleted(draft: Draft, position: Position, at: int, event: JobDeleted) -> None:  # noqa: ARG001  as the others
    job = draft.job(event.job_id)
    if job is not None:
        draft.drop(job.key)
    _close(draft, event.job_id)


def _defined(
    draft: Draft, position: Position, at: int, job_id: JobId, definition: Definition, version: int
) -> WatchedJob:
    job = WatchedJob(
        id=job_id,
        binding=bound(job_id, definition, position),
        version=version,
        enabled=definition.enabled,
        changed=position,
    )
    draft.put(job)
    begin_silence(draft, job, at)
    _count_anew(draft, job_id)
    return job


def _count_anew(draft: Draft, job_id: JobId) -> None:
    """The breaker counts runs that are requested from now on."""
    trouble = draft.trouble(job_id)
    if trouble is not None and trouble.scheduled:
        draft.put_trouble(replace(trouble, scheduled=0))


def _forget_what_is_promised_no_more(draft: Draft, job: WatchedJob) -> None:
    """Breaks of rules that are not about the job any more, and a silence that it may keep, are over: nobody is told."""
    trouble = draft.trouble(job.id)
    if trouble is None:
        return
    quiet = draft.silence(job.id) is None
    over = [one for one in trouble.breaks if not draft.book.keeps(one, job.binding) or (quiet and one.kind == "silent")]
    draft.put_trouble(without(trouble, *over))


def _close(draft: Draft, job_id: JobId) -> None:
    """All that is open of a job is over, and nobody is told. Its unfinished runs stay known."""
    end_silence(draft, job_id)
    if draft.trouble(job_id) is not None:
        draft.drop(trouble_key(job_id))
    for run in draft.runs_of(job_id):
        if run.catchup is not None and draft.catchup(job_id, run.catchup) is not None:
            draft.drop(catchup_key(job_id, run.catchup))
        if run.due is not None or run.broken or run.catchup is not None:
            draft.put(replace(run, start_due=None, finish_due=None, attempt_due=None, broken=(), catchup=None))
