"""The judge: rules, what is known, and what has happened → notices, and what is known then.

    event, reading ──judge──► notices ──► outbox
                        └───► changes of facts ──► rows, in the same transaction

It decides by what it is given alone, so a history gives the same notices however it is cut into batches.

Of a partition it is given the events in their order, and, when all up to a position are, a reading of the clock at that
position. What has no answer then and was due by that clock is broken. A reading that was taken before what is due is
judged may be given twice: before the events up to its position, for they may be judged by a clock that has jumped, and
after them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, assert_never

from msgspec.structs import replace

from waterclock.model.events import (
    FireSkipped,
    JobChanged,
    JobCreated,
    JobDeleted,
    JobDisabled,
    JobEnabled,
    RunCancelled,
    RunDied,
    RunFailed,
    RunLost,
    RunRequested,
    RunRetryScheduled,
    RunStarted,
    RunSucceeded,
    RunTimedOut,
    StoredEvent,
)
from waterclock.model.notices import of_jobs, of_runs
from waterclock.model.notices.draft import Draft, Judged, Occasion
from waterclock.model.notices.facts import AnyFact, Binding, Changes, Place, Trouble
from waterclock.model.notices.inputs import Hole, Input, Passed, Reading, Seen, Unread
from waterclock.model.notices.known import Facts
from waterclock.model.notices.reading import judge_reading
from waterclock.model.notices.rule_book import RuleBook
from waterclock.model.notices.snapshots import take_anew
from waterclock.model.positions import Position

_Handler = Callable[[Draft, Position, int, Any], None]
_HANDLERS: Mapping[type[StoredEvent], _Handler] = {
    JobCreated: of_jobs.created,
    JobChanged: of_jobs.changed,
    JobEnabled: of_jobs.enabled,
    JobDisabled: of_jobs.disabled,
    JobDeleted: of_jobs.deleted,
    RunRequested: of_runs.requested,
    FireSkipped: of_runs.skipped,
    RunStarted: of_runs.started,
    RunRetryScheduled: of_runs.attempt_over,
    RunLost: of_runs.attempt_over,
    RunSucceeded: of_runs.ended_well,
    RunFailed: of_runs.ended_badly,
    RunTimedOut: of_runs.ended_badly,
    RunDied: of_runs.ended_badly,
    RunCancelled: of_runs.cancelled,
}
JUDGED_TYPES = tuple(sorted(str(kind.__struct_config__.tag) for kind in _HANDLERS))
"""Tags of the events that the judge looks at; of others it need not be told."""


def judge(book: RuleBook, facts: Facts, given: Input) -> Judged:
    return judge_all(book, facts, (given,))


def judge_all(book: RuleBook, facts: Facts, given: Iterable[Input]) -> Judged:
    """As one after the other, each with the facts that the one before has left; `facts` stay as they are."""
    draft = Draft(book, facts)
    for one in given:
        match one:
            case Seen(position=position, at=at, event=event):
                if _moved_on(draft, position, at):
                    handler = _HANDLERS.get(type(event))
                    if handler is not None:
                        handler(draft, position, at, event)
            case Unread():
                if _moved_on(draft, one.position, one.at):
                    _unread(draft, one)
            case Passed(position=position):
                _moved_on(draft, position, 0)
            case Reading():
                judge_reading(draft, one)
            case Hole():
                _hole(draft, one)
            case _:
                assert_never(one)
    return draft.judged()


def drop_outdated(book: RuleBook, facts: Iterable[AnyFact]) -> Changes:
    """What changes when the rules do: breaks of rules, or of kinds, that are no more are over. Nobody is told."""
    changes: dict[str, AnyFact | None] = {}
    for fact in facts:
        if isinstance(fact, Trouble) and not all(map(book.keeps, fact.breaks)):
            kept = replace(fact, breaks=tuple(filter(book.keeps, fact.breaks)))
            changes[fact.key] = None if kept.over else kept
    return changes


def _moved_on(draft: Draft, position: Position, at: int) -> bool:
    """Go on to a position; False where it is judged already."""
    place = draft.place(position.partition)
    if place is None:
        draft.put(Place(position=position, latest=at))
        return True
    if position <= place.position:
        return False
    draft.put(Place(position=position, latest=max(place.latest, at), jumps=place.jumps))
    return True


def _unread(draft: Draft, one: Unread) -> None:
    run = None if one.run_id is None else draft.run(one.run_id)
    job_id = one.job_id if one.job_id is not None or run is None else run.job_id
    job = draft.job(job_id)
    binding = run.binding if run is not None else job.binding if job is not None else Binding(job_id=job_id)
    draft.tell_all(
        Occasion(
            kind="unreadable",
            at=one.at,
            position=one.position,
            binding=binding,
            moment=one.position,
            since=one.at,
            run_id=one.run_id,
            reason=one.flaw,
        )
    )
    if one.ends is not None and one.run_id is not None:
        of_runs.ended(draft, one.position, one.at, one.run_id, job_id, one.ends)


def _hole(draft: Draft, hole: Hole) -> None:
    place = draft.place(hole.through.partition)
    if place is not None and hole.through <= place.position:
        return
    for rule in draft.book.about_installation():
        draft.tell(
            rule,
            Occasion(
                kind="clock",
                at=hole.at,
                position=hole.through,
                binding=Binding(),
                moment=f"{hole.after} {hole.through}",
                since=hole.at,
                reason=f"hole {hole.after} {hole.through}",
            ),
        )
    take_anew(draft, hole.snapshot)
