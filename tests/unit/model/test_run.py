from __future__ import annotations

from typing import get_args

import pytest

from waterclock.model.events import (
    AnyRunEvent,
    RunCancelled,
    RunCancelRequested,
    RunDied,
    RunFailed,
    RunLost,
    RunRequested,
    RunRetryScheduled,
    RunStarted,
    RunSucceeded,
    RunTimedOut,
)
from waterclock.model.ids import JobId, RunId
from waterclock.model.outcomes import ENDED, ENDINGS, AttemptOutcome, Error, RunStatus
from waterclock.model.retry import RetryPolicy
from waterclock.model.run import Run, evolve, may_retry
from waterclock.model.timestamps import Stamp

J, R = JobId("0123456789abcdef"), RunId("0123456789abcdef-1")
LATER = Stamp("2026-01-01T00:00:10.000Z")
BOOM = Error(type="ValueError", message="boom")
REQUESTED = RunRequested(run_id=R, job_id=J, trigger="schedule", invoke_target="demo.noop", queue="default")


def started(attempt: int) -> RunStarted:
    return RunStarted(run_id=R, job_id=J, worker="w", session="w-1", attempt=attempt, fence=100 + attempt)


def retried(attempt: int) -> RunRetryScheduled:
    return RunRetryScheduled(
        run_id=R, job_id=J, attempt=attempt, fence=100 + attempt, outcome="failed", error=BOOM, ready_at=LATER
    )


def lost(attempt: int) -> RunLost:
    return RunLost(run_id=R, job_id=J, reason="leaseExpired", attempt=attempt, fence=100 + attempt)


def given(*events: AnyRunEvent) -> Run:
    run: Run | None = None
    for event in events:
        run = evolve(run, event)
    assert run is not None
    return run


@pytest.mark.parametrize(
    ("events", "status"),
    [
        ((REQUESTED,), "queued"),
        ((REQUESTED, started(1)), "running"),
        ((REQUESTED, started(1), retried(1)), "delayed"),
        ((REQUESTED, started(1), lost(1)), "queued"),
        ((REQUESTED, started(1), RunSucceeded(run_id=R, attempt=1, fence=101)), "succeeded"),
        ((REQUESTED, started(1), RunFailed(run_id=R, attempt=1, fence=101, outcome="failed", error=BOOM)), "failed"),
        ((REQUESTED, started(1), RunTimedOut(run_id=R, attempt=1, fence=101, error=BOOM)), "timedOut"),
        ((REQUESTED, RunCancelled(run_id=R)), "cancelled"),
        ((REQUESTED, started(1), RunDied(run_id=R, reason="leaseExpired", attempt=1, fence=101)), "died"),
    ],
)
def test_a_run_is_where_its_events_put_it(events: tuple[AnyRunEvent, ...], status: RunStatus) -> None:
    run = given(*events)

    assert run.status == status
    assert run.ended == (status in ENDED)


def test_a_loss_uses_up_no_attempt_but_is_counted() -> None:
    run = given(REQUESTED, started(1), lost(1), started(2), retried(2), started(3))

    assert (run.attempt, run.failures, run.losses) == (3, 1, 1)


def test_a_run_given_back_is_not_counted_as_lost() -> None:
    back = RunLost(run_id=R, job_id=J, reason="handedBack", attempt=1, fence=101)

    assert given(REQUESTED, started(1), back).losses == 0


def test_a_run_given_back_for_a_while_is_delayed_and_has_used_up_nothing() -> None:
    ready_at = Stamp("2026-01-01T00:00:05.000Z")
    back = RunLost(run_id=R, job_id=J, reason="handedBack", attempt=1, fence=101, ready_at=ready_at)

    run = given(REQUESTED, started(1), back)

    assert (run.status, run.ready_at, run.failures, run.losses) == ("delayed", ready_at, 0, 0)


def test_a_cancel_request_leaves_the_run_running() -> None:
    run = given(REQUESTED, started(1), RunCancelRequested(run_id=R, job_id=J))

    assert run.cancel_requested
    assert not run.ended


def test_every_outcome_has_its_ending() -> None:
    assert set(ENDINGS) == set(get_args(AttemptOutcome))


@pytest.mark.parametrize("outcome", ["failed", "timedOut", "crashed"])
def test_what_failed_is_tried_until_the_policy_is_used_up(outcome: AttemptOutcome) -> None:
    policy = RetryPolicy(max_attempts=3)

    assert [may_retry(outcome, failures=n, policy=policy) for n in (1, 2, 3)] == [True, True, False]


@pytest.mark.parametrize("outcome", ["succeeded", "badParams", "cancelled"])
def test_what_another_attempt_would_not_change_is_not_tried_again(outcome: AttemptOutcome) -> None:
    assert not may_retry(outcome, failures=1, policy=RetryPolicy(max_attempts=100))
