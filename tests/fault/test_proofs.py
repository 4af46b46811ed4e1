"""A proof is worth what it finds: each is shown a log with one fault."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from tests.support import proofs
from tests.support.histories import BEGAN, entries_of
from waterclock.model.definition import Definition
from waterclock.model.events import (
    Event,
    JobCreated,
    LogLine,
    ResultRefused,
    RunFailed,
    RunLost,
    RunRequested,
    RunRetryScheduled,
    RunStarted,
    RunSucceeded,
    StepLogged,
)
from waterclock.model.ids import JobId, RunId, due_run
from waterclock.model.outcomes import Error
from waterclock.model.retry import RetryPolicy
from waterclock.model.timestamps import stamp
from waterclock.wire.envelope import Entry

J, R, OTHER = JobId("j"), RunId("j-1"), RunId("j-2")
ERROR = Error(type="ValueError", message="no")
SECOND = 1_000  # ms


def created(**fields: Any) -> Event:
    definition = Definition(job_name="tide", invoke_target="demo.steps", **fields)
    return JobCreated(job_id=J, version=1, definition=definition, after=stamp(BEGAN), through=stamp(BEGAN))


def requested(run_id: RunId = R, **fields: Any) -> Event:
    given: dict[str, Any] = {"trigger": "manual", "reason": f"why {run_id}", **fields}
    return RunRequested(run_id=run_id, job_id=J, invoke_target="demo.steps", queue="default", **given)


def fired(second: int, *, after: int | None = None) -> Event:
    instant = BEGAN + second * SECOND
    began = stamp(instant - SECOND if after is None else BEGAN + after * SECOND)
    of = {"trigger": "schedule", "nominal_at": stamp(instant), "after": began, "through": stamp(instant)}
    return requested(due_run(J, instant), **of)


def started(run_id: RunId = R, attempt: int = 1, fence: int = 1) -> Event:
    return RunStarted(run_id=run_id, job_id=J, worker="w", session="w-1", attempt=attempt, fence=fence)


def succeeded(run_id: RunId = R, attempt: int = 1, fence: int = 1) -> Event:
    return RunSucceeded(run_id=run_id, job_id=J, attempt=attempt, fence=fence)


def lost(run_id: RunId = R, attempt: int = 1, fence: int = 1) -> Event:
    return RunLost(run_id=run_id, job_id=J, reason="leaseExpired", attempt=attempt, fence=fence)


def failed(attempt: int = 1, *, again: bool) -> Event:
    of: dict[str, Any] = {"run_id": R, "job_id": J, "attempt": attempt, "fence": attempt, "outcome": "failed"}
    return RunRetryScheduled(**of, error=ERROR, ready_at=stamp(BEGAN)) if again else RunFailed(**of, error=ERROR)


def said(line: int, fence: int = 1) -> Event:
    lines = (LogLine(at=stamp(BEGAN), level="info", text=f"line {line} of 3"),)
    return StepLogged(run_id=R, job_id=J, attempt=1, fence=fence, number=1, lines=lines)


REFUSED = ResultRefused(run_id=R, job_id=J, attempt=1, fence=1, outcome="returned")
TWICE = RetryPolicy(max_attempts=2)
Proof = Callable[[Iterable[Entry]], Iterable[str]]


def decided(entries: Iterable[Entry]) -> Iterable[str]:
    return proofs.instants_are_decided(entries, now_ms=BEGAN + 3 * SECOND + 500)


def kept(entries: Iterable[Entry]) -> Iterable[str]:
    return proofs.answers_are_kept(entries, {f"why {R}": R}, unsure=["why not"])


EVERY_SECOND = created(cron_expression="* * * * * *", concurrent="0")
GOOD = [
    (proofs.runs_end_once, [requested(), started(), succeeded(), REFUSED]),
    (proofs.attempts_are_told_apart, [requested(), started(), said(1), lost(), started(R, 2, 2), succeeded(R, 2, 2)]),
    (proofs.attempts_are_counted_once, [requested(retry=TWICE), failed(again=True), lost(), failed(2, again=False)]),
    (proofs.serial_jobs_never_overlap, [created(), started(), succeeded(), started(OTHER, 1, 2)]),
    (proofs.serial_jobs_never_overlap, [created(concurrent="0"), started(), started(OTHER, 1, 2)]),
    (proofs.lines_are_whole, [requested(), said(1), said(2), said(1, fence=2)]),
    (decided, [EVERY_SECOND, fired(1), fired(2), fired(3)]),
    (kept, [requested(), requested(OTHER, reason="why not")]),
]
BAD = [
    (proofs.runs_end_once, [requested(), started()], "has not ended"),
    (proofs.runs_end_once, [requested(), succeeded(), succeeded()], "which ended at"),
    (proofs.runs_end_once, [requested(), requested(), succeeded()], "is requested again"),
    (proofs.runs_end_once, [started()], "was never requested"),
    (proofs.attempts_are_told_apart, [started(), started(R, 2, 2), succeeded(R, 2, 2)], "starts again"),
    (proofs.attempts_are_told_apart, [started(), lost(), started(R, 1, 2), succeeded(R, 1, 2)], "to start"),
    (proofs.attempts_are_told_apart, [started(), lost(), started(R, 2, 1), succeeded(R, 2, 1)], "fence 1 after 1"),
    (proofs.attempts_are_told_apart, [started(), lost(), said(1)], "None is live"),
    (proofs.attempts_are_told_apart, [started(), lost(), succeeded()], "none was live"),
    (proofs.attempts_are_told_apart, [started()], "has not ended"),
    (proofs.attempts_are_counted_once, [requested(retry=TWICE), failed(again=False)], "after 1 counted"),
    (proofs.attempts_are_counted_once, [requested(retry=TWICE), *[failed(again=True)] * 2], "after 2 counted"),
    (proofs.serial_jobs_never_overlap, [created(), started(), started(OTHER, 1, 2)], "of the same job"),
    (proofs.lines_are_whole, [requested(), said(1), said(1)], "its 2. line"),
    (proofs.lines_are_whole, [requested(), said(1), said(3)], "its 2. line"),
    (decided, [EVERY_SECOND, fired(1), fired(3)], "holes"),
    (decided, [EVERY_SECOND, fired(1), fired(2), fired(2), fired(3)], "doubles"),
    (decided, [EVERY_SECOND, fired(1), fired(2)], "are not decided"),
    (kept, [requested(OTHER)], "requested nothing"),
    (kept, [requested(), requested(OTHER, reason=f"why {R}")], "was answered with"),
    (kept, [requested(), *[requested(OTHER, reason="why not")] * 2], "was not answered"),
]


@pytest.mark.parametrize(("proof", "events"), GOOD)
def test_a_log_as_it_should_be_passes(proof: Proof, events: list[Event]) -> None:
    assert [*proof(entries_of(events))] == []


@pytest.mark.parametrize(("proof", "events", "word"), BAD)
def test_a_fault_is_found_and_named(proof: Proof, events: list[Event], word: str) -> None:
    found = [*proof(entries_of(events))]
    assert any(word in fault for fault in found), found


def test_a_missing_a_doubled_and_a_changed_entry_are_found_in_the_chain() -> None:
    entries = entries_of([requested(), started(), succeeded()])
    assert [*proofs.chain(entries)] == []
    assert [*proofs.chain(entries[1:])]
    assert [*proofs.chain([entries[0], entries[2]])]
    assert [*proofs.chain([entries[0], *entries])]

    other = entries_of([requested(), started(), succeeded(OTHER)])
    assert [*proofs.alike(entries, entries[1:])] == []
    assert [*proofs.alike(entries, other)]
    assert [*proofs.alike(entries[:2], entries)]
    assert [*proofs.alike(entries, entries[:2])]


def test_a_listener_that_missed_repeated_mixed_up_or_misheard_something_is_found() -> None:
    entries = entries_of([requested(), started(), succeeded()])
    heard = [proofs.document(entry) for entry in entries]
    assert [*proofs.heard_once(heard, entries)] == []
    assert [*proofs.heard_once(heard[1:], entries)]
    assert [*proofs.heard_once([*heard, heard[2]], entries)]
    assert [*proofs.heard_once([heard[1], heard[0], heard[2]], entries)]
    assert [*proofs.heard_once([{**heard[0], "queue": "other"}, *heard[1:]], entries)]
