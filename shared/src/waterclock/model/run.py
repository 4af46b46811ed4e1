"""A run: whether an attempt may follow, and what events make of it (`evolve`).

What a command does to a run is settled in its partition, by one script, against the run's control record. The worker
that holds the attempt says how it ended, and whether another follows, from the table in `outcomes`.
"""

from __future__ import annotations

from typing import assert_never

import msgspec

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
from waterclock.model.outcomes import ENDED, ENDINGS, AttemptOutcome, RunStatus
from waterclock.model.retry import RetryPolicy
from waterclock.model.timestamps import Stamp


class Run(msgspec.Struct, frozen=True, kw_only=True):
    run_id: RunId
    job_id: JobId | None
    status: RunStatus
    ready_at: Stamp | None = None
    attempt: int = 0  # of the last grant
    fence: int = 0
    failures: int = 0  # attempts that count toward `maxAttempts`
    losses: int = 0
    cancel_requested: bool = False

    @property
    def ended(self) -> bool:
        return self.status in ENDED


def may_retry(outcome: AttemptOutcome, *, failures: int, policy: RetryPolicy) -> bool:
    """Whether another attempt follows, where `failures` counts this one too if it counts."""
    ending = ENDINGS[outcome]
    return ending.retried and (not ending.counted or failures < policy.max_attempts)


def evolve(run: Run | None, event: AnyRunEvent) -> Run:
    """Apply a fact. It never refuses: what is stored has happened."""
    if isinstance(event, RunRequested):
        return Run(run_id=event.run_id, job_id=event.job_id, status=event.state, ready_at=event.ready_at)
    assert run is not None
    match event:
        case RunStarted(attempt=attempt, fence=fence):
            return msgspec.structs.replace(run, status="running", attempt=attempt, fence=fence)
        case RunRetryScheduled(ready_at=ready_at):
            return msgspec.structs.replace(run, status="delayed", ready_at=ready_at, failures=run.failures + 1)
        case RunLost(reason="handedBack", ready_at=str(ready_at)):
            return msgspec.structs.replace(run, status="delayed", ready_at=ready_at)
        case RunLost(reason=reason):
            return msgspec.structs.replace(run, status="queued", losses=run.losses + (reason == "leaseExpired"))
        case RunCancelRequested():
            return msgspec.structs.replace(run, cancel_requested=True)
        case RunSucceeded():
            return msgspec.structs.replace(run, status="succeeded")
        case RunFailed():
            return msgspec.structs.replace(run, status="failed")
        case RunTimedOut():
            return msgspec.structs.replace(run, status="timedOut")
        case RunCancelled():
            return msgspec.structs.replace(run, status="cancelled")
        case RunDied():
            return msgspec.structs.replace(run, status="died")
        case _:
            assert_never(event)
