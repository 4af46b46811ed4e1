"""What became of each instant of a job, and why; also why a moment was never due.

    entries ──table──► rows ──► instants, each with the event that decided it ──reasons──► sentences

All moments are milliseconds since the epoch, but those of an Explanation.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from waterclock.model.cron.schedule import shift_note
from waterclock.model.ids import RunId
from waterclock.model.instants.promises import Broken, BrokenKind, sentences
from waterclock.model.instants.reasons import RunNow, Runs, decided, now_is, stood, undecided
from waterclock.model.instants.table import Fate, Recorded, Row, Standing, table
from waterclock.model.instants.timetable import Timetable
from waterclock.model.positions import Position
from waterclock.model.timestamps import Stamp, millis, stamp


class Explanation(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What became of a scheduled time, or why a time was not scheduled."""

    instant: Annotated[Stamp, Meta(description="The scheduled time, or the time that was asked for.")]
    fate: Annotated[Fate, Meta(description="The outcome.")]
    reason: Annotated[
        str | None,
        Meta(
            description="The rule in one word: of a run its trigger, of a skip its reason, of `notDue` what does not "
            "match, such as `minute`."
        ),
    ]
    run_id: Annotated[
        RunId | None, Meta(description="Id of the run that it started, was merged into, or was blocked by.")
    ]
    policy: Annotated[str | None, Meta(description="The policy that decided.")]
    position: Annotated[
        str | None, Meta(description="Position of the event that decided it, or that left the job as it was.")
    ]
    text: Annotated[str, Meta(description="The outcome in a sentence, with the rule that led to it.")]
    before: Annotated[Stamp | None, Meta(description="Of `notDue`: the scheduled time before it.")] = None
    after: Annotated[Stamp | None, Meta(description="Of `notDue`: the scheduled time after it.")] = None
    broken: Annotated[
        tuple[BrokenKind, ...], Meta(description="Promises that it has broken, in the order in which that was known.")
    ] = ()
    backfills: Annotated[
        tuple[RunId, ...], Meta(description="Runs that backfills requested for it. The outcome stays as it was.")
    ] = ()


class Backfilled(NamedTuple):
    """A run that made up for an instant, and when it was requested."""

    run_id: RunId
    requested_at: int
    now: RunNow


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
    for row in table(entries, now=now_ms):
        instants = row.instants(from_ms - 1, to_ms, limit - len(found))
        found += [_explained(row, instant, now_ms, runs) for instant in instants]
        if len(found) >= limit or row.after >= to_ms:
            break
    return tuple(found)


def explain_newest(
    entries: Iterable[Recorded], *, from_ms: int, to_ms: int, now_ms: int, runs: Runs | None = None, limit: int = 50
) -> tuple[Explanation, ...]:
    """As `explain`, the last `limit` instants, newest first, and none from before the job was created.

    To go on, ask to the millisecond before the last.
    """
    found: list[tuple[int, Row]] = []
    for row in reversed(_last_rows(entries, from_ms, to_ms, now_ms, limit)):
        instants = row.newest(from_ms - 1, to_ms, limit - len(found))
        found += [(instant, row) for instant in reversed(instants)]
        if len(found) >= limit:
            break
    return tuple(_explained(row, instant, now_ms, runs) for instant, row in found)


def _last_rows(entries: Iterable[Recorded], from_ms: int, to_ms: int, now_ms: int, limit: int) -> deque[Row]:
    """The rows that the last `limit` instants of a range are in; a decision is about one at least."""
    rows: deque[Row] = deque()
    decided = 0
    for row in table(entries, now=now_ms):
        if row.after >= to_ms:
            break
        if row.through < from_ms or row.standing.state == "notYetCreated":
            continue
        rows.append(row)
        decided += _is_about(row, from_ms, to_ms)
        while decided > limit:
            decided -= _is_about(rows.popleft(), from_ms, to_ms)
    return rows


def _is_about(row: Row, from_ms: int, to_ms: int) -> bool:
    return row.decision is not None and from_ms <= row.decision.last <= to_ms


def explain_moment(
    entries: Iterable[Recorded], *, at_ms: int, now_ms: int, runs: Runs | None = None
) -> Explanation | None:
    """The fate of a moment, be it an instant or not; None if the job was never defined. `entries` as for `explain`.

    Raises:
        BadSchedule: a definition cannot be read.
    """
    for row in table(entries, now=now_ms):
        if not row.after < at_ms <= row.through:
            continue
        if row.instants(at_ms - 1, at_ms):
            return _explained(row, at_ms, now_ms, runs)
        if row.standing.state != "enabled":
            return _idle(at_ms, row.standing)
        return _not_due(at_ms, row.standing.named)
    return None


def with_backfills(explanation: Explanation, runs: Sequence[Backfilled]) -> Explanation:
    """The same with the runs that were requested for the moment afterwards, in their order."""
    said = (f"Backfilled by run {run_id}, requested at {stamp(at)}; it {now_is(now)}." for run_id, at, now in runs)
    return msgspec.structs.replace(
        explanation,
        text=" ".join((explanation.text, *said)),
        backfills=tuple(run.run_id for run in runs),
    )


def with_broken(explanation: Explanation, broken: Sequence[Broken]) -> Explanation:
    """The same with the promises that the moment has broken, if any."""
    if not broken:
        return explanation
    text = f"{explanation.text} {sentences(broken)}"
    return msgspec.structs.replace(explanation, text=text, broken=tuple(one.kind for one in broken))


def with_forgotten(explanation: Explanation, kept_from_ms: int) -> Explanation:
    """The same; or that nobody knows any more, where no decision is found about a moment before the kept ones."""
    if explanation.fate != "pending" or millis(explanation.instant) >= kept_from_ms:
        return explanation
    text = f"The decision has been deleted by the retention policy: events are kept from {stamp(kept_from_ms)} on."
    return msgspec.structs.replace(explanation, fate="forgotten", reason="retention", text=text)


def _explained(row: Row, instant: int, now: int, runs: Runs | None) -> Explanation:
    """One instant of a row, with what a change of the local clock did to it, if it did."""
    explanation, schedule = _fate(row, instant, now, runs), row.standing.named.schedule
    note = None if schedule is None else shift_note(schedule, instant)
    if note is None:
        return explanation
    return msgspec.structs.replace(explanation, text=f"{explanation.text} Its local time: {note}.")


def _fate(row: Row, instant: int, now: int, runs: Runs | None) -> Explanation:
    said, standing = row.decision, row.standing
    if said is None and standing.state != "enabled":
        return _idle(instant, standing)
    if said is None or not said.first <= instant <= said.last:
        reason = "hole" if said is not None else row.reason
        return _told(instant, "pending", reason, undecided(instant, now, None if reason == "hole" else row.mark))
    return _told(
        instant,
        row.fate,
        row.reason,
        decided(instant, said, standing.job.definition, runs),
        run_id=row.run_id,
        policy=row.rule,
        position=said.position,
    )


def _idle(moment: int, standing: Standing) -> Explanation:
    assert standing.state != "enabled"
    reason = getattr(standing.since.event, "reason", None)
    return _told(moment, standing.state, reason, stood(standing), position=standing.since.position)


def _not_due(moment: int, named: Timetable) -> Explanation:
    before, after = named.last_before(moment), named.after(moment)
    reason, why = named.why_unnamed(moment)
    around = "" if named.schedule is None else _around(before, after)
    told = _told(moment, "notDue", reason, f"Not due: {why}.{around}")
    return msgspec.structs.replace(
        told, before=None if before is None else stamp(before), after=None if after is None else stamp(after)
    )


def _told(
    moment: int,
    fate: Fate,
    reason: str | None,
    text: str,
    *,
    run_id: RunId | None = None,
    policy: str | None = None,
    position: Position | None = None,
) -> Explanation:
    return Explanation(
        instant=stamp(moment),
        fate=fate,
        reason=reason,
        run_id=run_id,
        policy=policy,
        position=None if position is None else str(position),
        text=text,
    )


def _around(before: int | None, after: int | None) -> str:
    if before is None and after is None:
        return " It has no scheduled times at all."
    last = "there is none before" if before is None else f"the previous one is {stamp(before)}"
    following = "there is none after" if after is None else f"the next one is {stamp(after)}"
    return f" Of its scheduled times, {last}, {following}."
