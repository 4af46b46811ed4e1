"""How an attempt ended → what is told to the log. Pure: the clock's reading and the chance are arguments."""

from __future__ import annotations

from typing import TypedDict

import msgspec

from waterclock.log.commands.attempts import Grant, RunEnding
from waterclock.log.commands.bodies import body_of
from waterclock.model.events import (
    AttemptEvent,
    ResultRefused,
    RunCancelled,
    RunFailed,
    RunLost,
    RunRequested,
    RunRetryScheduled,
    RunSucceeded,
    RunTimedOut,
)
from waterclock.model.ids import JobId, RunId
from waterclock.model.outcomes import ENDINGS
from waterclock.model.retry import delay
from waterclock.model.run import may_retry
from waterclock.model.timestamps import millis, stamp
from waterclock_worker.reporting.outcome import Outcome


class _Identity(TypedDict):
    run_id: RunId
    job_id: JobId | None
    attempt: int
    fence: int
    traceparent: str | None
    tracestate: str | None


def ending_of(
    grant: Grant, request: RunRequested, outcome: Outcome, *, now_ms: int, chance: float, traceparent: str | None
) -> RunEnding:
    """What to tell the log of an attempt that ended."""
    who = _Identity(
        run_id=request.run_id,
        job_id=request.job_id,
        attempt=grant.attempt,
        fence=grant.fence,
        traceparent=traceparent,
        tracestate=None if traceparent is None else request.tracestate,
    )
    row = ENDINGS[outcome.kind]
    failures = grant.failures + row.counted
    event: AttemptEvent | RunCancelled | RunLost
    ready_at = 0
    ended = row.status
    match outcome.kind:
        case "succeeded":
            event = RunSucceeded(**who, result=msgspec.Raw(outcome.result))
        case "cancelled":
            event = RunCancelled(**who)
        case "returned" | "lost":
            ready_at = 0 if outcome.after is None else now_ms + int(outcome.after * 1000)
            told_at = stamp(ready_at) if ready_at else None
            event, ended = RunLost(**who, reason="handedBack", ready_at=told_at), None
        case _:
            assert outcome.error is not None
            if not outcome.final and may_retry(outcome.kind, failures=failures, policy=request.retry):
                wait = delay(request.retry, failures, chance) if outcome.after is None else outcome.after
                ready_at, ended = now_ms + int(wait * 1000), None
                event = RunRetryScheduled(**who, outcome=outcome.kind, error=outcome.error, ready_at=stamp(ready_at))
            elif outcome.kind == "timedOut":
                event = RunTimedOut(**who, error=outcome.error)
            else:
                event = RunFailed(**who, outcome=outcome.kind, error=outcome.error)
    return RunEnding(
        run_id=grant.run_id,
        attempt=grant.attempt,
        fence=grant.fence,
        body=body_of(event),
        ended=ended,
        ready_at=ready_at,
        counted=row.counted,
        nominal_at=0 if request.nominal_at is None else millis(request.nominal_at),
        give_back=outcome.kind in {"returned", "lost"} and outcome.after is None,
        body_cancelled=body_of(RunCancelled(**who)) if ended is None else None,
        body_refused=body_of(ResultRefused(**who, outcome=outcome.kind)),
    )
