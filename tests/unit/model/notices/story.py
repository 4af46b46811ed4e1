"""A partition's story, told in the test's own words: what happens when, and what the judge tells of it."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from waterclock.model.definition import Definition
from waterclock.model.events import (
    FireSkipped,
    JobChanged,
    JobCreated,
    JobDeleted,
    JobDisabled,
    JobEnabled,
    RunCancelled,
    RunFailed,
    RunLost,
    RunRequested,
    RunRetryScheduled,
    RunStarted,
    RunSucceeded,
    RunTimedOut,
    SkipReason,
    StoredEvent,
    Trigger,
)
from waterclock.model.ids import JobId, RunId
from waterclock.model.notices.inputs import Input, Reading, Seen
from waterclock.model.notices.judge import drop_outdated, judge
from waterclock.model.notices.kinds import KINDS
from waterclock.model.notices.known import Facts
from waterclock.model.notices.notice import BrokenPromise, Notice, Trip
from waterclock.model.notices.rule_book import RuleBook
from waterclock.model.notices.rules import NoticeRules, Rule
from waterclock.model.outcomes import Error
from waterclock.model.positions import Position
from waterclock.model.promise import Promise
from waterclock.model.timestamps import Stamp, millis, stamp

J = JobId("j1")
ALL = Rule(name="all", on=KINDS, channels=("oncall",))
ERROR = Error(type="KeyError", message="'SHOP_DSN'")
NIGHTLY = Definition(
    job_name="nightly",
    job_group="reports",
    invoke_target="demo.noop",
    cron_expression="0 2 * * *",
    labels={"tier": "x"},
)


def clock(text: str) -> int:
    """`10:05`, `10:05:30.500` or a whole stamp, ms."""
    return millis(
        Stamp(text if "T" in text else f"2026-05-05T{(text + ':00')[:8]}.{(text + '.000').split('.')[1][:3]}Z")
    )


class Story:
    def __init__(self, *rules: Rule) -> None:
        self.book = RuleBook(NoticeRules(rules=rules or (ALL,)), breakers=["breaker"])
        self.facts = Facts()
        self.notices: list[Notice] = []
        self.trips: list[Trip] = []
        self.broken: list[BrokenPromise] = []
        self.last = Position(0, 1, 0)
        self.version = 0

    @property
    def kinds(self) -> list[str]:
        return [one.kind for one in self.notices]

    def rules(self, *rules: Rule) -> None:
        self.book = RuleBook(NoticeRules(rules=rules), breakers=["breaker"])
        self.facts.apply(drop_outdated(self.book, list(self.facts)))

    def give(self, given: Input) -> list[Notice]:
        """What is told of it."""
        judged = judge(self.book, self.facts, given)
        self.facts.apply(judged.changes)
        self.notices += judged.notices
        self.trips += judged.trips
        self.broken += judged.broken
        return list(judged.notices)

    def event(self, at: str, event: StoredEvent) -> list[Notice]:
        self.last = Position(0, 1, self.last.seq + 1)
        return self.give(Seen(position=self.last, at=clock(at), event=event))

    def read(self, at: str, *, expected: str | None = None, behind: int = 0, partitions: int = 1) -> list[Notice]:
        """A reading; `behind`: so many entries the judge has not been given or, below 0, the reading does not know."""
        last = self.last._replace(seq=self.last.seq + behind)
        since = None if expected is None else clock(expected)
        return self.give(Reading(clock=clock(at), last=last, partitions=partitions, expected=since))

    def job(self, at: str = "09:00", *, job_id: JobId = J, definition: Definition = NIGHTLY, **promise: Any) -> None:
        self.version = 1
        self.event(at, JobCreated(job_id=job_id, version=1, definition=promising(definition, **promise)))

    def edit(self, at: str, definition: Definition = NIGHTLY, **promise: Any) -> list[Notice]:
        self.version += 1
        return self.event(at, JobChanged(job_id=J, version=self.version, definition=promising(definition, **promise)))

    def disable(self, at: str, actor: str = "alice") -> list[Notice]:
        self.version += 1
        return self.event(at, JobDisabled(job_id=J, version=self.version, actor=actor))

    def enable(self, at: str) -> list[Notice]:
        self.version += 1
        return self.event(at, JobEnabled(job_id=J, version=self.version))

    def delete(self, at: str) -> list[Notice]:
        return self.event(at, JobDeleted(job_id=J, version=self.version + 1))

    def request(
        self, at: str, run: str = "r", *, nominal: str | None = None, trigger: Trigger = "schedule", alone: bool = False
    ) -> list[Notice]:
        event = RunRequested(
            run_id=_run(run),
            job_id=None if alone else J,
            trigger=trigger,
            nominal_at=None if trigger == "manual" else stamp(clock(nominal or at)),
            invoke_target="demo.noop",
            queue="default",
            labels={"tier": "x"},
        )
        return self.event(at, event)

    def skip(self, at: str, reason: SkipReason = "overlap", *, count: int = 1) -> list[Notice]:
        first, last = stamp(clock(at) - (count - 1) * 60_000), stamp(clock(at))
        event = FireSkipped(
            job_id=J, reason=reason, first=first, last=last, count=count, digest="0", after=first, through=last
        )
        return self.event(at, event)

    def start(self, at: str, run: str = "r", *, attempt: int = 1) -> list[Notice]:
        event = RunStarted(run_id=_run(run), job_id=J, worker="w", session="s", attempt=attempt, fence=1)
        return self.event(at, event)

    def succeed(self, at: str, run: str = "r") -> list[Notice]:
        return self.event(at, RunSucceeded(run_id=_run(run), job_id=J, attempt=1, fence=1))

    def fail(self, at: str, run: str = "r", *, alone: bool = False) -> list[Notice]:
        job_id = None if alone else J
        event = RunFailed(run_id=_run(run), job_id=job_id, attempt=1, fence=1, outcome="failed", error=ERROR)
        return self.event(at, event)

    def time_out(self, at: str, run: str = "r") -> list[Notice]:
        return self.event(at, RunTimedOut(run_id=_run(run), job_id=J, attempt=1, fence=1, error=ERROR))

    def cancel(self, at: str, run: str = "r", reason: Any = "requested") -> list[Notice]:
        return self.event(at, RunCancelled(run_id=_run(run), job_id=J, reason=reason))

    def retry(self, at: str, run: str = "r") -> list[Notice]:
        event = RunRetryScheduled(
            run_id=_run(run), job_id=J, attempt=1, fence=1, outcome="failed", error=ERROR, ready_at=stamp(clock(at))
        )
        return self.event(at, event)

    def lose(self, at: str, run: str = "r") -> list[Notice]:
        return self.event(at, RunLost(run_id=_run(run), job_id=J, reason="leaseExpired", attempt=1, fence=1))

    def failing(self, at: str, run: str, *, trigger: Trigger = "schedule") -> list[Notice]:
        """A run from its request to its failure."""
        self.request(at, run, trigger=trigger)
        self.start(at, run)
        return self.fail(at, run)

    def succeeding(self, at: str, run: str, *, trigger: Trigger = "schedule") -> list[Notice]:
        self.request(at, run, trigger=trigger)
        self.start(at, run)
        return self.succeed(at, run)


def promising(definition: Definition, **promise: Any) -> Definition:
    return replace(definition, promise=Promise(**promise)) if promise else definition


def _run(name: str) -> RunId:
    return RunId(f"{J}-{name}")
