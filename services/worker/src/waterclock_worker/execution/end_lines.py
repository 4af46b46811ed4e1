"""The worker's log lines about how attempts ended, once that is stored.

Each attempt that went wrong has its line. Others have one a second for each queue and outcome, which counts those like
it: a worker ends tens of thousands of runs a second. Called on the I/O loop, once for many.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial

from waterclock.kit.telemetry.repeated_lines import Repeats
from waterclock.log.commands.attempts import EndResult
from waterclock.model.timestamps import stamp
from waterclock_worker.execution.attempt import Attempt

_log = logging.getLogger(__name__)
_repeats = Repeats(_log)


def tell(attempts: Sequence[Attempt | None], results: Sequence[EndResult]) -> None:
    """Say how these went, and how the end of each was taken; None: it is not known here.

    Of an end that was refused its sender tells; a run that was given back has not ended.
    """
    succeeded: dict[str, int] = {}  # by queue
    last: dict[str, Attempt] = {}
    for attempt, result in zip(attempts, results, strict=True):
        if attempt is None or result == "refused":
            continue
        if attempt.outcome == "succeeded":
            queue = attempt.request.queue
            succeeded[queue] = succeeded.get(queue, 0) + 1
            last[queue] = attempt
        elif attempt.error is not None:
            _tell_failure(attempt, cancelled=result == "cancelled")
        elif attempt.outcome == "cancelled":
            _repeats.say("run ended", f"cancelled {attempt.request.queue}", partial(_fields, attempt))
    for queue, times in succeeded.items():
        _repeats.say("run ended", queue, partial(_fields, last[queue]), times=times)


def _tell_failure(attempt: Attempt, *, cancelled: bool) -> None:
    """What went wrong, and what comes next: another attempt, or nothing."""
    error, ending = attempt.error, attempt.ending
    assert error is not None
    assert ending is not None
    fields = _fields(attempt) | {"error": f"{error.type}: {error.message}"}
    if ending.ended is not None:
        _log.error("run ended", extra=fields)
    elif cancelled:  # meanwhile, or its job was disabled or deleted: no other attempt follows
        _log.error("run ended", extra=fields | {"run_status": "cancelled"})
    else:
        policy = attempt.request.retry
        left = {"next_attempt_at": stamp(ending.ready_at), "max_attempts": policy.max_attempts}
        _log.warning("attempt failed", extra=fields | left)


def _fields(attempt: Attempt) -> dict[str, object]:
    request = attempt.request
    told: dict[str, object] = {} if request.job_name is None else {"job": f"{request.job_group}/{request.job_name}"}
    told |= {
        "run": attempt.name,
        "attempt": attempt.grant.attempt,
        "outcome": attempt.outcome,
        "executor": request.invoke_target,
        "queue": request.queue,
        "took": round(attempt.took, 3),
    }
    if attempt.traceparent is not None:
        told |= {"trace_id": attempt.traceparent[3:35], "span_id": attempt.traceparent[36:52]}
    return told
