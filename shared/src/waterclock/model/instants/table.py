"""What becomes of a job's instants: one table, of which each reader takes a part.

    definition ─► instants.timetable     the instants that are named, and what is taken out of them: one place
                        │
    mark, now ──► misfire.settle ─► fires.owed ─► events ─► the log, or `overlap`, which foretells what it would append
                                                    │
    entries of the job ────────────────────────► table ─► Row, Row, Row …

A row is a part of time and what becomes of the instants in it, however many they are; they are listed on demand. The
rows follow the job's mark, leave nothing out, and overlap only where an event decides what was decided before.

    created        decided            decided       not decided   disabled        enabled          now
    ──┤·····························┤·············┤·············┤···············┤················┤·········
      notYetCreated     fired           skipped       hole          disabled        undecided        future

    the past     what was decided, from the entries: `explain`, `ledger` (they prove that nothing was left out)
    the present  `undecided`: what the scheduler settles next; its events are rows of the past thereafter
    the future   `future`: the fires that a plan compares, and a preview lists (by the timetable alone)
    a what-if    `supposed` begins a past that never was: with another definition (a plan), with decisions stopped (the
                 dry run of a backfill), or with an outage and what `settle` makes of it (a simulation)

How the job stood is read at the mark, too: the instants that an edit settles are those of the definition before it. All
moments are milliseconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple, Protocol, get_args

import msgspec

from waterclock.model.definition import Definition, MisfirePolicy
from waterclock.model.events import (
    AnyJobEvent,
    FireCoalesced,
    FireSkipped,
    JobChanged,
    JobCreated,
    JobDeleted,
    JobDisabled,
    JobEnabled,
    RunRequested,
)
from waterclock.model.ids import JobId, RunId
from waterclock.model.instants.timetable import BEGINNING, FOREVER, Timetable, named_by
from waterclock.model.job import Job, evolve
from waterclock.model.positions import Position
from waterclock.model.timestamps import millis

State = Literal["notYetCreated", "enabled", "disabled", "deleted"]
Fate = Literal["fired", "skipped", "coalesced", "pending", "notDue", "disabled", "deleted", "notYetCreated"]
DecisionEvent = RunRequested | FireSkipped | FireCoalesced
LifeEvent = JobCreated | JobChanged | JobEnabled | JobDisabled | JobDeleted

MISFIRE_POLICIES: frozenset[str] = frozenset(get_args(MisfirePolicy))
"""What the policy of a decision about late instants is; any other is an overlap policy."""


class Recorded(Protocol):
    """An event in its place; an entry of the log is one."""

    @property
    def position(self) -> Position: ...
    @property
    def at(self) -> int: ...
    @property
    def event(self) -> object: ...


class Supposed(NamedTuple):
    """An event that never was."""

    at: int
    event: object
    position: Position = Position(0, 0, 0)


class Turning(msgspec.Struct, frozen=True, kw_only=True):
    """The event that made the job stand as it does."""

    position: Position
    at: int
    event: LifeEvent


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How the job stands. Before it is created the definition is its first, once deleted its last."""

    state: State
    job: Job
    named: Timetable
    since: Turning


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """A decision, in its place: it says that it is about `count` instants from `first` to `last`."""

    position: Position
    at: int
    event: DecisionEvent
    first: int
    last: int
    count: int


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of the instants in (after, through]: those that the decision is about, else all that are named.

    `reason` is the rule in one word and `rule` its policy. `run_id` is the run that they fired, that answers for them
    or that stood in their way. `mark` is what was decided through when it was said. A hole is `ended_by` the next
    decision, or by an event of the job.
    """

    after: int
    through: int
    standing: Standing
    mark: int
    fate: Fate
    reason: str | None
    rule: str | None = None
    run_id: RunId | None = None
    decision: Decided | None = None
    ended_by: Literal["decision", "job"] | None = None

    def count_within(self, low: int, high: int) -> int:
        """How many of the instants lie in (low, high]; of a decision, by its own word."""
        low, high, said = max(low, self.after), min(high, self.through), self.decision
        if said is None:
            return self.standing.named.count_between(low, high)
        if said.count == 1 or (low < said.first and said.last <= high):
            return said.count if low < said.last <= high else 0
        return min(self.standing.named.count_between(low, high), said.count)

    def instants(self, low: int, high: int, limit: int | None = None) -> list[int]:
        """The first `limit` in (low, high]: all that are named, and the ends of what the decision says it is about."""
        low, high = max(low, self.after), min(high, self.through)
        return self._with_ends(self.standing.named.between(low, high, limit), low, high)[:limit]

    def newest(self, low: int, high: int, limit: int) -> list[int]:
        """As `instants`, the last `limit` of them, ascending."""
        low, high = max(low, self.after), min(high, self.through)
        found = self.standing.named.last_between(low, high, limit) if low < high else []
        return self._with_ends(found, low, high)[-limit:]

    def _with_ends(self, found: list[int], low: int, high: int) -> list[int]:
        if self.decision is None:
            return found
        said = (one for one in (self.decision.first, self.decision.last) if low < one <= high)
        return sorted({*found, *said})


def table(past: Iterable[Recorded], *, now: int) -> Iterator[Row]:
    """What becomes of a job's instants; `past` are its entries in the order of their positions, from its creation on.

    Others are passed over. Nothing, if the job was never defined. The last row has no end.

    Raises:
        BadSchedule: a definition cannot be read.
    """
    standing: Standing | None = None
    mark = BEGINNING
    turns: list[tuple[int, Standing]] = []  # without a mark: until when it stood how; told once a mark bounds them
    for entry in past:
        event = entry.event
        match event:
            case RunRequested(trigger="schedule" | "catchup") | FireSkipped() | FireCoalesced():
                if standing is None or event.after is None or event.through is None:
                    continue
                after, through = millis(event.after), millis(event.through)
                for row in _passed(turns, mark, after):
                    yield row
                    mark = row.through
                if after > mark:
                    yield _silent(standing, mark, after, "decision")
                yield _decided(standing, mark, entry, event)
                mark = max(mark, through)
            case JobCreated() | JobChanged() | JobEnabled() | JobDisabled() | JobDeleted():
                following = _following(standing, Turning(position=entry.position, at=entry.at, event=event))
                if following is None:
                    continue
                if standing is None:
                    standing = msgspec.structs.replace(following, state="notYetCreated")
                turn = _turn(standing, following, event, entry.at)
                if turn is not None:
                    turns.append((turn, standing))
                    if event.through is not None:
                        for row in _passed(turns, mark, turn):
                            yield row
                            mark = row.through
                standing = following
            case _:
                continue
    for row in _passed(turns, mark, FOREVER):
        yield row
        mark = row.through
    if standing is not None:
        yield from _present(standing, mark, now)


def supposed(job_id: JobId, definition: Definition, mark: int) -> Supposed:
    """What a past begins with that never was: a job as defined here, of which nothing is asked up to the mark."""
    return Supposed(mark, JobCreated(job_id=job_id, version=1, definition=definition))


def _passed(turns: list[tuple[int, Standing]], mark: int, limit: int) -> Iterator[Row]:
    """The rows that turns of the job end, none of them beyond `limit`; the turns are done with.

    A turn that moves no mark has only its own time, and the store's clock may have been set back since.
    """
    for at, standing in turns:
        turn = min(at, limit)
        if turn > mark:
            yield _silent(standing, mark, turn, "job")
            mark = turn
    turns.clear()


def _silent(standing: Standing, mark: int, through: int, ended_by: Literal["decision", "job"] | None) -> Row:
    """Nothing was decided after the mark, because the job was not enabled, or though it was."""
    return Row(
        after=mark,
        through=through,
        standing=standing,
        mark=mark,
        fate="pending" if standing.state == "enabled" else standing.state,
        reason="hole" if standing.state == "enabled" else getattr(standing.since.event, "reason", None),
        ended_by=ended_by,
    )


def _present(standing: Standing, mark: int, now: int) -> Iterator[Row]:
    """From the mark on: what is due and not decided yet, and what is to come."""
    ahead = _silent(standing, mark, FOREVER, None)
    if standing.state != "enabled":
        yield ahead
        return
    if mark < now:
        yield msgspec.structs.replace(ahead, through=now, reason="undecided")
    yield msgspec.structs.replace(ahead, after=max(mark, now), reason="future")


def _decided(standing: Standing, mark: int, entry: Recorded, event: DecisionEvent) -> Row:
    assert event.after is not None
    assert event.through is not None
    match event:
        case RunRequested():
            first = last = -1 if event.nominal_at is None else millis(event.nominal_at)
            fate, reason, run_id, count = "fired", event.trigger, event.run_id, 1
        case FireSkipped():
            first, last = millis(event.first), millis(event.last)
            fate, reason, run_id, count = "skipped", event.reason, event.blocked_by, event.count
        case FireCoalesced():
            first, last = millis(event.first), millis(event.last)
            reason = "misfire" if event.policy in MISFIRE_POLICIES else "overlap"
            fate, run_id, count = "coalesced", event.into, event.count
    return Row(
        after=millis(event.after),
        through=millis(event.through),
        standing=standing,
        mark=mark,
        fate=fate,
        reason=reason,
        rule=event.policy,
        run_id=run_id,
        decision=Decided(position=entry.position, at=entry.at, event=event, first=first, last=last, count=count),
    )


def _following(standing: Standing | None, turning: Turning) -> Standing | None:
    """How the job stands after an event; None while nobody knows its definition."""
    event: AnyJobEvent = turning.event
    if standing is None and not isinstance(event, JobCreated | JobChanged):
        return None
    job = evolve(None if standing is None else standing.job, event)
    if job is None:
        assert standing is not None
        return msgspec.structs.replace(standing, state="deleted", since=turning)
    state: State = "enabled" if job.definition.enabled else "disabled"
    return Standing(
        state=state,
        job=job,
        named=named_by(job.job_id, job.definition),
        since=standing.since if standing is not None and standing.state == state else turning,
    )


def _turn(standing: Standing, following: Standing, event: LifeEvent, at: int) -> int | None:
    """From when on the job stands so: the mark that the event sets, else its own time; None if the mark stays."""
    if event.through is not None:
        return millis(event.through)
    before, after = standing.job.definition, following.job.definition
    return None if standing.state == following.state and before.schedules_like(after) else at
