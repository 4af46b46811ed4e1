"""A job's entries → what they say of each part of time.

    created        decided            decided       not decided   disabled        enabled, and no decision yet
    ──┤·····························┤·············┤·············┤···············┤·········
      mark                                                                      mark

The spans follow the job's mark, leave nothing out, and overlap only where an event decides what was decided before. How
the job stood is read at the mark, too: the instants that an edit settles are those of the definition before it. All
moments are milliseconds since the epoch.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Literal, Protocol

import msgspec

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
from waterclock.model.instants.fires import bounds_of, schedule_of
from waterclock.model.job import Job, evolve
from waterclock.model.positions import Position
from waterclock.model.timestamps import millis

BEGINNING, FOREVER = -(1 << 60), 1 << 60

State = Literal["notYetCreated", "enabled", "disabled", "deleted"]
DecisionEvent = RunRequested | FireSkipped | FireCoalesced
LifeEvent = JobCreated | JobChanged | JobEnabled | JobDisabled | JobDeleted

_HOUR = 3_600_000
_LOOKS_BACK = tuple(_HOUR * hours for hours in (1, 24, 24 * 32, 24 * 366, 24 * 366 * 9, 24 * 366 * 100))
_AHEAD = 32, 2_000  # instants computed at once, at first and at most


class Recorded(Protocol):
    """An event in its place; an entry of the log is one."""

    @property
    def position(self) -> Position: ...
    @property
    def at(self) -> int: ...
    @property
    def event(self) -> object: ...


class Turning(msgspec.Struct, frozen=True, kw_only=True):
    """The event that made the job stand as it does."""

    position: Position
    at: int
    event: LifeEvent


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How the job stands. Before it is created the definition is its first, once deleted its last."""

    state: State
    job: Job
    named: Named
    since: Turning


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """A decision in its place."""

    position: Position
    at: int
    event: DecisionEvent


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """What is said of (after, through]: `decision`, or nothing.

    `mark` is what was decided through when it was said. `ended_by` tells what ends a span without a decision: the next
    decision, an event of the job, or nothing yet.
    """

    after: int
    through: int
    standing: Standing
    mark: int
    decision: Decided | None = None
    ended_by: Literal["decision", "job"] | None = None


class Named:
    """The instants that a job's definition names.

    Raises:
        BadSchedule: it cannot be read.
    """

    __slots__ = ("_ahead", "_ahead_after", "_ahead_through", "_room", "end", "schedule", "start")

    def __init__(self, job: Job) -> None:
        self.schedule = schedule_of(job.job_id, job.definition)
        start, end = bounds_of(job.definition)
        self.start = BEGINNING if start is None else start
        self.end = FOREVER if end is None else end
        self._ahead: list[int] = []
        self._ahead_after = self._ahead_through = BEGINNING
        self._room = _AHEAD[0]

    def between(self, after: int, through: int, limit: int | None = None) -> list[int]:
        """The instants in (after, through], ascending, the first `limit` of them."""
        after, through = max(after, self.start - 1), min(through, self.end)
        if self.schedule is None or after >= through:
            return []
        return self.schedule.between(after, through, limit)

    def few(self, after: int, through: int) -> list[int]:
        """As `between`, for one short part after the other: what follows is computed ahead."""
        if not self._ahead_after <= after <= through <= self._ahead_through:
            room, far = self._room, through + self._room * _HOUR
            self._ahead = self.between(after, far, room)
            self._ahead_after = after
            self._ahead_through = self._ahead[-1] if len(self._ahead) == room else far
            self._room = min(2 * room, _AHEAD[1])
            if self._ahead_through < through:
                return self.between(after, through)
        return self._ahead[bisect_right(self._ahead, after) : bisect_right(self._ahead, through)]

    def count(self, after: int, through: int) -> int:
        """How many instants lie in (after, through], without listing them."""
        after, through = max(after, self.start - 1), min(through, self.end)
        if self.schedule is None or after >= through:
            return 0
        return self.schedule.count_between(after, through)

    def first_after(self, moment: int) -> int | None:
        if self.schedule is None:
            return None
        found = self.schedule.after(max(moment, self.start - 1))
        return None if found is None or found > self.end else found

    def last_before(self, moment: int) -> int | None:
        """The newest instant before the moment, sought for a century."""
        if self.schedule is None:
            return None
        through = min(moment - 1, self.end)
        for back in _LOOKS_BACK:
            after = max(through - back, self.start - 1)
            if after < through and (found := self.schedule.last_between(after, through, 1)):
                return found[0]
        return None


def spans(entries: Iterable[Recorded]) -> Iterator[Span]:
    """Read a job's entries, in the order of their positions and from its creation on; others are passed over.

    Nothing, if the job was never defined. The last span has no end.

    Raises:
        BadSchedule: a definition cannot be read.
    """
    standing: Standing | None = None
    mark = BEGINNING
    turns: list[tuple[int, Standing]] = []  # without a mark: until when it stood how; told once a mark bounds them
    for entry in entries:
        event = entry.event
        match event:
            case RunRequested(trigger="schedule" | "catchup") | FireSkipped() | FireCoalesced():
                if standing is None or event.after is None or event.through is None:
                    continue
                after, through = millis(event.after), millis(event.through)
                for span in _passed(turns, mark, after):
                    yield span
                    mark = span.through
                if after > mark:
                    yield Span(after=mark, through=after, standing=standing, mark=mark, ended_by="decision")
                said = Decided(position=entry.position, at=entry.at, event=event)
                yield Span(after=after, through=through, standing=standing, mark=mark, decision=said)
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
                        for span in _passed(turns, mark, turn):
                            yield span
                            mark = span.through
                standing = following
            case _:
                continue
    for span in _passed(turns, mark, FOREVER):
        yield span
        mark = span.through
    if standing is not None:
        yield Span(after=mark, through=FOREVER, standing=standing, mark=mark)


def _passed(turns: list[tuple[int, Standing]], mark: int, limit: int) -> Iterator[Span]:
    """The spans that turns of the job end, none of them beyond `limit`; the turns are done with.

    A turn that moves no mark has only its own time, and the store's clock may have been set back since.
    """
    for at, standing in turns:
        turn = min(at, limit)
        if turn > mark:
            yield Span(after=mark, through=turn, standing=standing, mark=mark, ended_by="job")
            mark = turn
    turns.clear()


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
    if standing is None or standing.state in {"deleted", "notYetCreated"}:
        return Standing(state=state, job=job, named=Named(job), since=turning)
    same = standing.job.definition.schedules_like(job.definition)
    return Standing(
        state=state,
        job=job,
        named=standing.named if same else Named(job),
        since=standing.since if standing.state == state else turning,
    )


def _turn(standing: Standing, following: Standing, event: LifeEvent, at: int) -> int | None:
    """From when on the job stands so: the mark that the event sets, else its own time; None if the mark stays."""
    if event.through is not None:
        return millis(event.through)
    owes_the_same = standing.state == following.state and standing.named is following.named
    return None if owes_the_same else at
