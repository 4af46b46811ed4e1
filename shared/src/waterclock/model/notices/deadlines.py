"""Deadlines: of a run, that it starts and ends, and that an attempt ends; of a job, that it succeeds.

An event that comes in answer judges a deadline by its own time. A deadline that has no answer is judged by a reading of
the clock, once all that happened before it is known.
"""

from __future__ import annotations

from typing import assert_never

from msgspec.structs import replace

from waterclock.model.ids import JobId
from waterclock.model.notices.draft import Draft, Occasion, without
from waterclock.model.notices.facts import CatchUp, Mark, OpenRun, Silence, Trouble, WatchedJob, What
from waterclock.model.notices.kinds import Kind
from waterclock.model.positions import Position


def answered(draft: Draft, run: OpenRun, what: What, at: int, position: Position, *, well: bool) -> OpenRun:
    """What the run waited for has happened; `well`: as it was to be, so that whoever was told otherwise is told."""
    due = _due(run, what)
    if due is not None:
        if at > _moved(draft, position, due):
            run = broken(draft, run, what, due, at, position)
        run = _without_due(run, what)
    if run.catchup is not None and what != "attempt":
        return _answered_in_catchup(draft, run, what, at, position, well=well)
    marks = tuple(mark for mark in run.broken if mark.what == what)
    if marks:
        run = replace(run, broken=tuple(mark for mark in run.broken if mark.what != what))
        _settle(draft, run, marks, at, position, well=well)
    return run


def broken(draft: Draft, run: OpenRun, what: What, due: int, at: int, position: Position) -> OpenRun:
    """A deadline has passed: each rule is told once of each subject, and the deadline is no more."""
    run = _without_due(run, what)
    one = _occasion(run, what, at, position, due)
    draft.note_broken(one)
    job_id = run.job_id
    if job_id is None or draft.job(job_id) is None:
        draft.tell_all(one)
        return run
    subject = run if run.catchup is None or what == "attempt" else draft.catchup(job_id, run.catchup)
    if subject is None:
        return run
    trouble = draft.trouble(job_id) or Trouble(job=job_id)
    told = {mark.rule for mark in subject.broken if mark.what == what}
    marks = list(subject.broken)
    for rule in draft.book.about(run.binding).get(one.kind, ()):
        if rule.name not in told:
            trouble, opened = draft.lasts(trouble, rule, one, deadline=True)
            marks.append(Mark(what, rule.name, opened.opened))
    draft.put_trouble(trouble)
    if isinstance(subject, CatchUp):
        draft.put(replace(subject, broken=tuple(marks)))
        return run
    return replace(run, broken=tuple(marks))


def judge_silence(draft: Draft, job: WatchedJob, at: int, position: Position) -> None:
    """The job has not succeeded in time, if it was to by now."""
    silence = draft.silence(job.id)
    if silence is None or silence.broken or at <= _moved(draft, position, silence.until):
        return
    draft.put(replace(silence, broken=True))
    one = Occasion(
        kind="silent",
        at=at,
        position=position,
        binding=job.binding,
        moment=silence.until,
        since=silence.until,
        due=silence.until,
    )
    draft.note_broken(one)
    trouble = draft.trouble(job.id) or Trouble(job=job.id)
    for rule in draft.book.about(job.binding).get("silent", ()):
        trouble, _ = draft.lasts(trouble, rule, one)
    draft.put_trouble(trouble)


def begin_silence(draft: Draft, job: WatchedJob, since: int) -> None:
    """From now on the job has to succeed within what it promises, if it promises that."""
    promise = job.binding.promise
    if job.enabled and promise is not None and promise.success_within is not None:
        draft.put(Silence(job=job.id, until=since + round(promise.success_within * 1000)))
    else:
        end_silence(draft, job.id)


def end_silence(draft: Draft, job_id: JobId) -> None:
    silence = draft.silence(job_id)
    if silence is not None:
        draft.drop(silence.key)


def kind_of(what: What) -> Kind:
    return "tooLong" if what == "attempt" else "late"


def _answered_in_catchup(draft: Draft, run: OpenRun, what: What, at: int, position: Position, *, well: bool) -> OpenRun:
    """The subject is all runs of the catch-up: it is answered by the last of them."""
    assert run.job_id is not None
    assert run.catchup is not None
    subject = draft.catchup(run.job_id, run.catchup)
    if subject is None:
        return run
    subject = (
        replace(subject, starts=subject.starts - 1) if what == "start" else replace(subject, ends=subject.ends - 1)
    )
    if (subject.starts if what == "start" else subject.ends) == 0:
        _settle(draft, run, tuple(mark for mark in subject.broken if mark.what == what), at, position, well=well)
        subject = replace(subject, broken=tuple(mark for mark in subject.broken if mark.what != what))
    if subject.ends:
        draft.put(subject)
    else:
        draft.drop(subject.key)
    return run


def _settle(draft: Draft, run: OpenRun, marks: tuple[Mark, ...], at: int, position: Position, *, well: bool) -> None:
    """What was broken is answered. A break of which nothing is outstanding any more is over."""
    trouble = None if run.job_id is None else draft.trouble(run.job_id)
    if trouble is None:
        return
    for mark in marks:
        known = trouble.open(mark.rule, kind_of(mark.what))
        if known is None or known.opened != mark.opened:
            continue
        if known.outstanding > 1:
            fewer = replace(known, outstanding=known.outstanding - 1)
            trouble = replace(trouble, breaks=tuple(fewer if one is known else one for one in trouble.breaks))
            continue
        trouble = without(trouble, known)
        if well:
            draft.recovered(known, _occasion(run, mark.what, at, position, known.due))
    draft.put_trouble(trouble)


def _occasion(run: OpenRun, what: What, at: int, position: Position, due: int | None) -> Occasion:
    return Occasion(
        kind=kind_of(what),
        at=at,
        position=position,
        binding=run.binding,
        moment=due,
        since=at if due is None else due,
        run_id=run.id,
        instant=run.nominal,
        due=due,
        what=what,
        attempt=run.attempt if what == "attempt" else None,
    )


def _moved(draft: Draft, position: Position, due: int) -> int:
    place = draft.place(position.partition)
    return due if place is None else place.after_jumps(due)


def _due(run: OpenRun, what: What) -> int | None:
    match what:
        case "start":
            return run.start_due
        case "finish":
            return run.finish_due
        case "attempt":
            return run.attempt_due
        case _:
            assert_never(what)


def _without_due(run: OpenRun, what: What) -> OpenRun:
    match what:
        case "start":
            return run if run.start_due is None else replace(run, start_due=None)
        case "finish":
            return run if run.finish_due is None else replace(run, finish_due=None)
        case "attempt":
            return run if run.attempt_due is None else replace(run, attempt_due=None)
        case _:
            assert_never(what)
