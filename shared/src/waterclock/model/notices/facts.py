"""What the judge knows: rows under keys, so that a store can keep them, and load those that a batch of events touches.

    job        a job as folded from its events            silence   by when a job has to succeed
    run        an unfinished run, with its deadlines      trouble   what is open of a job: breaks, bad ends in a row
    catchup    runs that one catch-up has requested       place     how far a partition is judged

Moments are milliseconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

import msgspec

from waterclock.model.definition import Definition
from waterclock.model.events import RunRequested, Trigger
from waterclock.model.ids import JobId, RunId
from waterclock.model.notices.kinds import Kind
from waterclock.model.positions import Position
from waterclock.model.promise import Promise

What = Literal["start", "finish", "attempt"]
"""What a deadline of a run waits for: its start, its end, the end of its attempt."""
JUMPS_KEPT = 16
AFTER_JUMP_MS = 60_000
"""A deadline that a jump of the clock has passed over is due so long after its end."""


class Binding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a run is judged by: its job, as it was defined when the run was requested."""

    job_id: JobId | None = None
    group: str | None = None
    name: str | None = None
    queue: str | None = None
    labels: dict[str, str] = {}
    timezone: str = "UTC"
    promise: Promise | None = None
    defined: Position | None = None  # of the event that said so


class Fact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="fact"):
    """A row. `due`: the earliest moment at which a reading of the clock may say something about it."""

    @property
    def job_id(self) -> JobId | None:
        return None

    @property
    def run_id(self) -> RunId | None:
        return None

    @property
    def due(self) -> int | None:
        return None


class WatchedJob(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="job"):
    id: JobId
    binding: Binding
    version: int
    enabled: bool
    changed: Position  # of its last change or enable

    @property
    def key(self) -> str:
        return job_key(self.id)

    @property
    def job_id(self) -> JobId:
        return self.id


class Mark(NamedTuple):
    """A rule was told that a deadline is broken; `opened` is the notice that opened the break."""

    what: What
    rule: str
    opened: str


class OpenRun(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="run"):
    id: RunId
    binding: Binding
    trigger: Trigger
    requested: Position
    nominal: int | None = None
    catchup: int | None = None  # when its catch-up was requested
    started: bool = False
    attempt: int = 0  # the last
    start_due: int | None = None
    finish_due: int | None = None
    attempt_due: int | None = None
    broken: tuple[Mark, ...] = ()

    @property
    def key(self) -> str:
        return run_key(self.id)

    @property
    def job_id(self) -> JobId | None:
        return self.binding.job_id

    @property
    def run_id(self) -> RunId:
        return self.id

    @property
    def due(self) -> int | None:
        return min((due for _, due in self.deadlines()), default=None)

    def deadlines(self) -> Iterator[tuple[What, int]]:
        if self.start_due is not None:
            yield "start", self.start_due
        if self.finish_due is not None:
            yield "finish", self.finish_due
        if self.attempt_due is not None:
            yield "attempt", self.attempt_due


class CatchUp(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="catchup"):
    """Runs of a job that were requested together, late: one subject. `starts`, `ends`: how many have yet to."""

    job: JobId
    at: int
    starts: int
    ends: int
    broken: tuple[Mark, ...] = ()

    @property
    def key(self) -> str:
        return catchup_key(self.job, self.at)

    @property
    def job_id(self) -> JobId:
        return self.job


class Silence(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="silence"):
    job: JobId
    until: int
    broken: bool = False  # it is judged

    @property
    def key(self) -> str:
        return silence_key(self.job)

    @property
    def job_id(self) -> JobId:
        return self.job

    @property
    def due(self) -> int | None:
        return None if self.broken else self.until


class Break(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that a rule was told of, and that lasts."""

    rule: str
    kind: Kind
    opened: str  # id of the notice
    since: int
    count: int
    outstanding: int = 0  # deadlines that were broken, and have not been answered
    run: RunId | None = None  # the last, as the two that follow
    instant: int | None = None
    due: int | None = None
    remind_at: int | None = None
    reminders: int = 0


class Trouble(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="trouble"):
    """What is not well about a job."""

    job: JobId
    bad: int = 0  # bad ends in a row
    since: int = 0  # the first of them
    scheduled: int = 0  # those of runs of the schedule, since its last change or enable
    breaks: tuple[Break, ...] = ()

    @property
    def key(self) -> str:
        return trouble_key(self.job)

    @property
    def job_id(self) -> JobId:
        return self.job

    @property
    def due(self) -> int | None:
        return min((one.remind_at for one in self.breaks if one.remind_at is not None), default=None)

    @property
    def over(self) -> bool:
        return not (self.bad or self.scheduled or self.breaks)

    def open(self, rule: str, kind: Kind) -> Break | None:
        return next((one for one in self.breaks if one.rule == rule and one.kind == kind), None)


class Jump(NamedTuple):
    """The clock went from one to the other in no time."""

    since: int
    until: int


class Place(Fact, frozen=True, kw_only=True, omit_defaults=True, tag="place"):
    """How far a partition is judged. `latest`: the greatest time that an event of it bore."""

    position: Position
    latest: int = 0
    jumps: tuple[Jump, ...] = ()  # in their order

    @property
    def key(self) -> str:
        return place_key(self.position.partition)

    def after_jumps(self, due: int) -> int:
        """When a deadline is due, by a clock that has jumped."""
        for jump in self.jumps:
            if jump.since < due <= jump.until:
                due = jump.until + AFTER_JUMP_MS
        return due


AnyFact = WatchedJob | OpenRun | CatchUp | Silence | Trouble | Place
Changes = Mapping[str, AnyFact | None]
"""Facts under their keys; None: it is gone."""


def job_key(job_id: JobId) -> str:
    return f"job {job_id}"


def run_key(run_id: RunId) -> str:
    return f"run {run_id}"


def catchup_key(job_id: JobId, at: int) -> str:
    return f"catchup {job_id} {at}"


def silence_key(job_id: JobId) -> str:
    return f"silence {job_id}"


def trouble_key(job_id: JobId) -> str:
    return f"trouble {job_id}"


def place_key(partition: int) -> str:
    return f"place {partition}"


def bound(job_id: JobId, definition: Definition, defined: Position) -> Binding:
    return Binding(
        job_id=job_id,
        group=definition.job_group,
        name=definition.job_name,
        queue=definition.queue,
        labels=definition.labels,
        timezone=definition.schedule_zone,
        promise=definition.promise or None,
        defined=defined,
    )


def bound_by_request(event: RunRequested) -> Binding:
    """Of a run without a job that is known: what its request says."""
    return Binding(
        job_id=event.job_id, group=event.job_group, name=event.job_name, queue=event.queue, labels=event.labels
    )
