"""A job's entries → what they say of each part of time.

    created        decided            decided       not decided   disabled        enabled, and no decision yet
    ──┤·····························┤·············┤·············┤···············┤·········
      mark                                                                      mark

The spans follow the job's mark, leave nothing out, and overlap only where an event decides what was decided before. How
the job stood is read at the mark, too: the instants that an edit settles are those of the definition before it. All
moments are milliseconds since the epoch.
"""

from __future__ import annotations

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
from waterclock.model.instants.timetable import BEGINNING, FOREVER, Timetable, named_by
from waterclock.model.job import Job, evolve
from waterclock.model.positions import Position
from waterclock.model.timestamps import millis

State = Literal["notYetCreated", "enabled", "disabled", "deleted"]
DecisionEvent = RunRequested | FireSkipped | FireCoalesced
LifeEvent = JobCreated | JobChanged | JobEnabled | JobDisabled | JobDeleted


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
    named: Timetable
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
        return Standing(state=state, job=job, named=named_by(job.job_id, job.definition), since=turning)
    same = standing.job.definition.schedules_like(job.definition)
    return Standing(
        state=state,
        job=job,
        named=standing.named if same else named_by(job.job_id, job.definition),
        since=standing.since if standing.state == state else turning,
    )


def _turn(standing: Standing, following: Standing, event: LifeEvent, at: int) -> int | None:
    """From when on the job stands so: the mark that the event sets, else its own time; None if the mark stays."""
    if event.through is not None:
        return millis(event.through)
    owes_the_same = standing.state == following.state and standing.named is following.named
    return None if owes_the_same else at
