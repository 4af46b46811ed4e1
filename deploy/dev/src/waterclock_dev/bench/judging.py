"""What judging notices takes: events of jobs that are well, and that all fail at once; beside looking at each event."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from waterclock.model.definition import Definition
from waterclock.model.events import (
    JobCreated,
    RunFailed,
    RunRequested,
    RunStarted,
    RunSucceeded,
    StoredEvent,
)
from waterclock.model.ids import JobId, RunId
from waterclock.model.notices.inputs import Input, Reading, Seen
from waterclock.model.notices.judge import judge_all
from waterclock.model.notices.known import Facts
from waterclock.model.notices.rule_book import RuleBook
from waterclock.model.notices.rules import Match, NoticeRules, Rule
from waterclock.model.outcomes import Error
from waterclock.model.positions import Position
from waterclock.model.promise import Promise
from waterclock.model.timestamps import stamp

BATCH = 1_000
RULES = 10
_BEGIN = 1_767_225_600_000  # 2026-01-01
_MINUTE = 60_000
_ERROR = Error(type="KeyError", message="'SHOP_DSN'")
_PROMISE = Promise(start_within=60, finish_within=600, finish_by="06:30", runs_at_most=900, disable_after=5)


class Round(NamedTuple):
    """Events a second of processor time; `overdue`: a reading that finds a deadline of each job broken, s."""

    well: float
    failing: float
    bare: float
    notices: int
    overdue: float


def measure(*, jobs: int, rounds: int) -> list[Round]:
    return [_round(jobs) for _ in range(rounds)]


def _round(jobs: int) -> Round:
    book = RuleBook(NoticeRules(rules=tuple(_rules())))
    well, _, _ = _judged(book, list(_events(jobs, failing=False)))
    given = list(_events(jobs, failing=True))
    failing, facts, notices = _judged(book, given)
    facts.apply(judge_all(book, facts, _waiting(jobs, after=len(given))).changes)
    reading = Reading(clock=_BEGIN + 60 * _MINUTE, last=Position(0, 1, len(given) + jobs), partitions=1)
    began = time.process_time()
    judge_all(book, facts, (reading,))
    overdue = time.process_time() - began
    return Round(well, failing, _bare(given), notices, overdue)


def _rules() -> Iterator[Rule]:
    """One for all jobs, and one for each group of them."""
    for number in range(RULES):
        match = Match(group=f"group {number}") if number else Match()
        kinds = ("failed", "late", "missing", "tooLong", "silent", "recovered")
        yield Rule(name=f"rule {number}", match=match, on=kinds, remind=14_400, channels=("oncall",))


def _judged(book: RuleBook, given: Sequence[Input]) -> tuple[float, Facts, int]:
    facts, notices = Facts(), 0
    began = time.process_time()
    for place in range(0, len(given), BATCH):
        judged = judge_all(book, facts, given[place : place + BATCH])
        facts.apply(judged.changes)
        notices += len(judged.notices)
    return len(given) / (time.process_time() - began), facts, notices


def _bare(given: Sequence[Seen]) -> float:
    known: dict[str, StoredEvent] = {}
    began = time.process_time()
    for one in given:
        known[getattr(one.event, "run_id", "")] = one.event
    return len(given) / (time.process_time() - began)


def _events(jobs: int, *, failing: bool) -> Iterator[Seen]:
    """Each job is created, and has two runs; half of the jobs promise something."""
    for number, (at, event) in enumerate(_happening(jobs, failing=failing), start=1):
        yield Seen(position=Position(0, 1, number), at=at, event=event)


def _happening(jobs: int, *, failing: bool) -> Iterator[tuple[int, StoredEvent]]:
    ids = [JobId(f"job{number}") for number in range(jobs)]
    for number, job_id in enumerate(ids):
        definition = Definition(
            job_name=f"job {number}",
            job_group=f"group {number % RULES}",
            invoke_target="demo.noop",
            cron_expression="* * * * *",
            timezone="Europe/Berlin",
            labels={"tier": "gold"},
            promise=_PROMISE if number % 2 else None,
        )
        yield _BEGIN, JobCreated(job_id=job_id, version=1, definition=definition)
    for at in (_BEGIN, _BEGIN + _MINUTE):
        for job_id in ids:
            yield at, _requested(job_id, at)
        for job_id in ids:
            run = RunId(f"{job_id}-{at}")
            yield at + 10, RunStarted(run_id=run, job_id=job_id, worker="w", session="w.1", attempt=1, fence=1)
        for job_id in ids:
            run = RunId(f"{job_id}-{at}")
            if failing:
                failed = RunFailed(run_id=run, job_id=job_id, attempt=1, fence=1, outcome="failed", error=_ERROR)
                yield at + 5_000, failed
            else:
                yield at + 5_000, RunSucceeded(run_id=run, job_id=job_id, attempt=1, fence=1)


def _waiting(jobs: int, *, after: int) -> Iterator[Seen]:
    """A run of each job, which nobody starts."""
    at = _BEGIN + 2 * _MINUTE
    for number in range(jobs):
        event = _requested(JobId(f"job{number}"), at)
        yield Seen(position=Position(0, 1, after + 1 + number), at=at, event=event)


def _requested(job_id: JobId, at: int) -> RunRequested:
    return RunRequested(
        run_id=RunId(f"{job_id}-{at}"),
        job_id=job_id,
        trigger="schedule",
        nominal_at=stamp(at),
        invoke_target="demo.noop",
        queue="default",
        labels={"tier": "gold"},
    )
