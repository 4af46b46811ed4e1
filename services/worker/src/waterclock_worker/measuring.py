"""What a worker counts of its runs. Called on the I/O loop, once for many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from waterclock.kit import measures
from waterclock_worker.attempt import Attempt


def claimed(attempts: Sequence[Attempt]) -> None:
    """Count grants, and how long their runs have waited."""
    for (queue, waited), times in Counter((one.request.queue, one.grant.waited) for one in attempts).items():
        if waited >= 0:
            measures.START_DELAY.observe(waited / 1000, queue, times=times)
        measures.CLAIMED.add(times, queue)


def ended(attempts: Sequence[Attempt], now: float) -> None:
    """Count ends, and how long they took until `now`, a monotonic second."""
    for attempt in attempts:
        took, key = now - attempt.claimed_at, attempt.executor.key
        measures.DURATION.observe(took, key)
        if attempt.traceparent is not None:
            measures.DURATION.exemplify(attempt.traceparent, took, key)
    for (queue, outcome), times in Counter((one.request.queue, one.outcome) for one in attempts).items():
        measures.ENDED.add(times, queue, outcome)


def standing(slots: int, held: Sequence[Attempt]) -> None:
    """Tell what is so now: of the attempts held, some have ended and wait for an answer."""
    unanswered = sum(attempt.ending is not None for attempt in held)
    measures.SLOTS.set(slots)
    measures.EXECUTING.set(len(held) - unanswered)
    measures.UNANSWERED.set(unanswered)
