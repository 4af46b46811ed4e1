"""What became of each instant of a job, and why; also why a moment was never due.

    entries ──timeline──► spans ──► instants, each with the event that decided it ──reasons──► sentences

All moments are milliseconds since the epoch, but those of an Explanation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

import msgspec

from waterclock.model.cron.schedule import described, local_time, shift_note
from waterclock.model.cron.zones import FIRST, LAST
from waterclock.model.events import FireCoalesced, FireSkipped, RunRequested
from waterclock.model.ids import RunId
from waterclock.model.instants.not_due import why_unnamed
from waterclock.model.instants.reasons import MISFIRE_POLICIES, decided, now_is, stood, undecided
from waterclock.model.instants.timeline import (
    Decided,
    DecisionEvent,
    Recorded,
    Span,
    Standing,
    spans,
)
from waterclock.model.instants.timetable import Timetable
from waterclock.model.outcomes import RunStatus
from waterclock.model.timestamps import Stamp, millis, stamp

Fate = Literal["fired", "skipped", "coalesced", "pending", "notDue", "disabled", "deleted", "notYetCreated"]
Runs = Mapping[RunId, RunStatus]


class Explanation(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The fate of a moment.

    `reason` is the rule in one word: of a fire its trigger, of a skip its reason, of a moment that is not due what
    keeps it from being so. `run_id` is the run that it fired, that answers for it or that stood in its way. `position`
    is that of the event which decided it, or which left the job as it stood. `backfills` are runs that were requested
    for it later, and change nothing of its fate. `before` and `after` are the nearest instants around a moment that is
    not due.
    """

    instant: Stamp
    fate: Fate
    reason: str | None
    run_id: RunId | None
    policy: str | None
    position: str | None
    text: str
    before: Stamp | None = None
    after: Stamp | None = None
    backfills: tuple[RunId, ...] = ()


class Backfilled(NamedTuple):
    """A run that made up for an instant, and when it was requested."""

    run_id: RunId
    requested_at: int
    status: RunStatus


def explain(
    entries: Iterable[Recorded], *, from_ms: int, to_ms: int, now_ms: int, runs: Runs | None = None, limit: int = 50
) -> tuple[Explanation, ...]:
    """The first `limit` instants in [from, to], oldest first; `entries` are those that `ledger.verify` takes.

    To go on, ask from the millisecond after the last. While the job was disabled, deleted or not yet created, it is the
    instants that its definition names all the same. `runs`: where runs stand, to be told with those that fired.

    Raises:
        BadSchedule: a definition cannot be read.
    """
    found: list[Explanation] = []
    for span in spans(entries):
        low, high = max(span.after, from_ms - 1), min(span.through, to_ms)
        if low < high:
            found += _explained(span, low, high, now_ms, runs, limit - len(found))
        if len(found) >= limit or span.after >= to_ms:
            break
    return tuple(found)


def explain_moment(
    entries: Iterable[Recorded], *, at_ms: int, now_ms: int, runs: Runs | None = None
) -> Explanation | None:
    """The fate of a moment, be it an instant or not; None if the job was never defined. `entries` as for `explain`.

    Raises:
        BadSchedule: a definition cannot be read.
    """
    for span in spans(entries):
        if not span.after < at_ms <= span.through:
            continue
        found = _explained(span, at_ms - 1, at_ms, now_ms, runs, 1)
        if found:
            return found[0]
        if span.standing.state != "enabled":
            return _idle(at_ms, span.standing)
        return _not_due(at_ms, span.standing.named)
    return None


def with_backfills(explanation: Explanation, runs: Sequence[Backfilled]) -> Explanation:
    """The same with the runs that were requested for the moment afterwards, in their order."""
    said = (
        f"Backfilled by run {run_id}, requested at {stamp(at)}; it {now_is(status)}." for run_id, at, status in runs
    )
    return msgspec.structs.replace(
        explanation,
        text=" ".join((explanation.text, *said)),
        backfills=tuple(run.run_id for run in runs),
    )


def with_forgotten(explanation: Explanation, kept_from_ms: int) -> Explanation:
    """The same; or that nobody knows any more, where no decision is found about a moment before the kept ones."""
    if explanation.fate != "pending" or millis(explanation.instant) >= kept_from_ms:
        return explanation
    text = f"What was decided is not known any more: events are kept from {stamp(kept_from_ms)} on."
    return msgspec.structs.replace(explanation, fate="forgotten", reason="retention", text=text)


def _explained(span: Span, low: int, high: int, now: int, runs: Runs | None, limit: int) -> list[Explanation]:
    """The instants in (low, high], a part of the span."""
    return [
        _with_shift(span.standing.named, instant, _fate(span, instant, now, runs))
        for instant in _instants(span, low, high, limit)
    ]


def _instants(span: Span, low: int, high: int, limit: int) -> Iterator[int]:
    """Those that the schedule names, and those that the decision says it is about, should they differ."""
    instants = span.standing.named.between(low, high, limit)
    if span.decision is not None:
        said = [instant for instant in _ends(span.decision) if low < instant <= high]
        instants = sorted({*instants, *said})[:limit]
    return iter(instants)


def _ends(decision: Decided) -> tuple[int, ...]:
    event = decision.event
    if isinstance(event, RunRequested):
        return () if event.nominal_at is None else (millis(event.nominal_at),)
    return millis(event.first), millis(event.last)


def _fate(span: Span, instant: int, now: int, runs: Runs | None) -> Explanation:
    decision = span.decision
    if decision is None and span.standing.state != "enabled":
        return _idle(instant, span.standing)
    ends = () if decision is None else _ends(decision)
    if decision is None or not ends or not ends[0] <= instant <= ends[-1]:
        return _pending(span, instant, now)
    event = decision.event
    fate, reason, run_id = _told(event)
    return Explanation(
        instant=stamp(instant),
        fate=fate,
        reason=reason,
        run_id=run_id,
        policy=event.policy,
        position=str(decision.position),
        text=decided(instant, decision, span.standing.job.definition, runs),
    )


def _told(event: DecisionEvent) -> tuple[Fate, str, RunId | None]:
    match event:
        case RunRequested():
            return "fired", event.trigger, event.run_id
        case FireSkipped():
            return "skipped", event.reason, event.blocked_by
        case FireCoalesced():
            return "coalesced", "misfire" if event.policy in MISFIRE_POLICIES else "overlap", event.into


def _pending(span: Span, instant: int, now: int) -> Explanation:
    open_ended = span.decision is None and span.ended_by is None
    return Explanation(
        instant=stamp(instant),
        fate="pending",
        reason=("undecided" if instant <= now else "future") if open_ended else "hole",
        run_id=None,
        policy=None,
        position=None,
        text=undecided(instant, now, span.mark if open_ended else None),
    )


def _idle(moment: int, standing: Standing) -> Explanation:
    assert standing.state != "enabled"
    return Explanation(
        instant=stamp(moment),
        fate=standing.state,
        reason=getattr(standing.since.event, "reason", None),
        run_id=None,
        policy=None,
        position=str(standing.since.position),
        text=stood(standing),
    )


def _not_due(moment: int, named: Timetable) -> Explanation:
    before, after = named.last_before(moment), named.after(moment)
    reason, why = _why_not_due(moment, named)
    around = "" if named.schedule is None else _around(before, after)
    return Explanation(
        instant=stamp(moment),
        fate="notDue",
        reason=reason,
        run_id=None,
        policy=None,
        position=None,
        text=f"Not due: {why}.{around}",
        before=None if before is None else stamp(before),
        after=None if after is None else stamp(after),
    )


def _why_not_due(moment: int, named: Timetable) -> tuple[str, str]:
    schedule = named.schedule
    if schedule is None:
        return "noSchedule", "the job had no schedule and ran on demand only"
    if moment < named.start:
        return "startAt", f"the job names no instant before its startAt, {stamp(named.start)}"
    if moment > named.end:
        return "endAt", f"the job names no instant after its endAt, {stamp(named.end)}"
    if not FIRST <= moment // 1000 < LAST:
        return "outOfRange", "schedules name instants from 1900 to 9989"
    reason, why = why_unnamed(schedule, moment)
    return reason, f"the schedule is {described(schedule)}; at {local_time(schedule, moment)} {why}"


def _around(before: int | None, after: int | None) -> str:
    if before is None and after is None:
        return " It names no instant at all."
    last = "none came before" if before is None else f"the nearest before is {stamp(before)}"
    following = "none comes after" if after is None else f"the nearest after is {stamp(after)}"
    return f" Of its instants {last}, {following}."


def _with_shift(named: Timetable, instant: int, explanation: Explanation) -> Explanation:
    """With what a change of the local clock did to the instant, if it did."""
    note = None if named.schedule is None else shift_note(named.schedule, instant)
    if note is None:
        return explanation
    return msgspec.structs.replace(explanation, text=f"{explanation.text} Its local time: {note}.")
