"""What a worker counts of its runs. Called on the I/O loop, once for many."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence

from waterclock.kit.telemetry import catalog
from waterclock.kit.telemetry.log_lines import Throttle
from waterclock_worker.execution.attempt import Attempt

LATE_MS = 5_000
"""A run that waited as long is worth a line."""
_throttle = Throttle(10)
_log = logging.getLogger(__name__)


def claimed(attempts: Sequence[Attempt]) -> None:
    """Count grants, and how long their runs have waited."""
    for (queue, waited), times in Counter((one.request.queue, one.grant.waited) for one in attempts).items():
        if waited >= 0:
            catalog.START_DELAY.observe(waited / 1000, queue, times=times)
        catalog.CLAIMED.add(times, queue)


def tell_late(attempts: Sequence[Attempt], now: float) -> None:
    """Say of the run that has waited longest that it starts late, if it does; `now` in monotonic seconds."""
    late = max(attempts, key=lambda one: one.grant.waited, default=None)
    if late is None or late.grant.waited < LATE_MS or not _throttle.may(now):
        return
    beside = (
        {} if late.traceparent is None else {"trace_id": late.traceparent[3:35], "span_id": late.traceparent[36:52]}
    )
    told = {"run": late.name, "queue": late.request.queue, "waited_ms": late.grant.waited, "runs": len(attempts)}
    _log.warning("started late", extra=told | beside)


def ended(attempts: Sequence[Attempt], now: float) -> None:
    """Count ends, and how long they took until `now`, a monotonic second."""
    for attempt in attempts:
        took = attempt.took = now - attempt.claimed_at
        key = attempt.executor.key
        catalog.DURATION.observe(took, key)
        if attempt.traceparent is not None:
            catalog.DURATION.exemplify(attempt.traceparent, took, key)
    for (queue, outcome), times in Counter((one.request.queue, one.outcome) for one in attempts).items():
        catalog.ENDED.add(times, queue, outcome)


def standing(slots: int, held: Sequence[Attempt], *, own_loops: int) -> None:
    """Tell what is so now: of the attempts held, some have ended and wait for an answer."""
    unanswered = sum(attempt.ending is not None for attempt in held)
    catalog.SLOTS.set(slots)
    catalog.EXECUTING.set(len(held) - unanswered)
    catalog.UNANSWERED.set(unanswered)
    catalog.OWN_LOOPS.set(own_loops)
    catalog.OVERDUE.set(sum(attempt.overdue and attempt.ending is None for attempt in held))
