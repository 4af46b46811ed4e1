"""What a reading of a partition's clock says about what no event has answered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, assert_never

from msgspec.structs import replace

from waterclock.model.ids import JobId, RunId
from waterclock.model.notices.deadlines import broken, end_silence, judge_silence
from waterclock.model.notices.draft import Draft, Occasion, without
from waterclock.model.notices.facts import JUMPS_KEPT, AnyFact, Jump, OpenRun, Place, Silence, Trouble, What
from waterclock.model.notices.inputs import Reading
from waterclock.model.notices.kinds import Kind
from waterclock.model.notices.snapshots import home

TOLERANCE_MS = 2_000
"""How far a clock may be ahead of what was expected of it before it has jumped."""
_ORDER: tuple[What, ...] = ("start", "finish", "attempt")


class _OfRun(NamedTuple):
    run: RunId
    what: What


class _Reminder(NamedTuple):
    job: JobId
    rule: str
    kind: Kind


class _OfJob(NamedTuple):
    job: JobId


class _Due(NamedTuple):
    """Ordered by when it was due, and then so that the order is always the same."""

    due: int
    group: int
    text: str
    place: int
    one: _OfRun | _OfJob | _Reminder


def judge_reading(draft: Draft, reading: Reading) -> None:
    """Judge all that is due, if what happened before the reading is judged; learn in any case whether the clock jumped.

    One that knows less than is judged already says nothing.
    """
    place = draft.place(reading.last.partition)
    if place is None or reading.last < place.position:
        return
    place = _jumped(draft, place, reading)
    if reading.last != place.position:
        return
    overdue = [
        one
        for fact in draft.due_by(reading.clock)
        if home(fact, reading.partitions) == reading.last.partition
        for one in _dues(fact)
        if place.after_jumps(one.due) < reading.clock
    ]
    for one in sorted(overdue):
        _judge(draft, one, place, reading.clock)


def tells_of_jump(reading: Reading) -> bool:
    """Whether the clock has jumped since the reading before."""
    return reading.expected is not None and reading.clock - reading.expected > TOLERANCE_MS


def _jumped(draft: Draft, place: Place, reading: Reading) -> Place:
    if reading.expected is None or not tells_of_jump(reading):
        return place
    jump = Jump(reading.expected, reading.clock)
    if jump in place.jumps:
        return place
    place = replace(place, jumps=tuple(sorted((*place.jumps, jump)))[-JUMPS_KEPT:])
    draft.put(place)
    return place


def _dues(fact: AnyFact) -> Iterator[_Due]:
    match fact:
        case OpenRun(id=run_id):
            for what, due in fact.deadlines():
                yield _Due(due, 0, run_id, _ORDER.index(what), _OfRun(run_id, what))
        case Silence(job=job_id, until=until):
            yield _Due(until, 1, job_id, 0, _OfJob(job_id))
        case Trouble(job=job_id):
            for number, one in enumerate(fact.breaks):
                if one.remind_at is not None:
                    yield _Due(one.remind_at, 2, job_id, number, _Reminder(job_id, one.rule, one.kind))
        case _:
            raise AssertionError(fact)


def _judge(draft: Draft, overdue: _Due, place: Place, clock: int) -> None:
    match overdue.one:
        case _OfRun(run=run_id, what=what):
            run = draft.run(run_id)
            assert run is not None
            draft.put(broken(draft, run, what, overdue.due, clock, place.position))
        case _OfJob(job=job_id):
            job = draft.job(job_id)
            if job is None:  # else it would be due for ever
                end_silence(draft, job_id)
            else:
                judge_silence(draft, job, clock, place.position)
        case _Reminder():
            _remind(draft, overdue.one, place, clock)
        case _:
            assert_never(overdue.one)


def _remind(draft: Draft, reminder: _Reminder, place: Place, clock: int) -> None:
    trouble, job = draft.trouble(reminder.job), draft.job(reminder.job)
    one = None if trouble is None else trouble.open(reminder.rule, reminder.kind)
    if trouble is None or one is None:
        return
    if job is None or not draft.book.keeps(one):
        draft.put_trouble(without(trouble, one))
        return
    occasion = Occasion(
        kind=one.kind,
        at=clock,
        position=place.position,
        binding=job.binding,
        moment=one.remind_at,
        since=one.since,
        run_id=one.run,
        instant=one.instant,
        due=one.due,
    )
    draft.put_trouble(draft.remind(trouble, one, occasion))
