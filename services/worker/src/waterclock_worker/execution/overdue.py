"""Attempts that go on after they were asked to stop. Nothing ends a thread, nor a task that is deaf to its cancel.

They keep their slots and their runs until they return; what can be done is to say so, and what would mend it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from waterclock_worker.execution.attempt import Attempt

OVERDUE_AFTER = 2.0  # s since it was asked; a child is killed by then
LOOK_EVERY = 0.5  # s

_MEND = {
    "thread": "a thread cannot be stopped: check `ctx.cancelled`, or declare the executor with `subprocess=True`",
    "async": (
        "its task ignores `asyncio.CancelledError`, or something blocks its event loop: let CancelledError "
        "pass, and move blocking code to a plain `def` with `subprocess=True`"
    ),
}

log = logging.getLogger(__name__)


class Overdue:
    """Tells of them, in the run's log and in the worker's: when they are found, and when they have returned."""

    def __init__(self) -> None:
        self._known: list[Attempt] = []

    def look(self, attempts: Iterable[Attempt], now: float) -> None:
        """`attempts`: those that have not ended, at `now`, a monotonic second. Not to be called on behalf of a run."""
        for attempt in attempts:
            if attempt.stopped is None or attempt.overdue or attempt.executor.kind not in _MEND:
                continue
            if now - attempt.stopped_at > OVERDUE_AFTER:
                attempt.overdue = True
                self._known.append(attempt)
                _tell(attempt)
        for attempt in self._known:
            if attempt.ending is not None:
                told = {"run": attempt.name, "after_s": round(now - attempt.stopped_at, 1)}
                log.info("overdue attempt ended", extra=told)
        self._known = [attempt for attempt in self._known if attempt.ending is None]


def _tell(attempt: Attempt) -> None:
    match attempt.stopped:
        case "timedOut":
            asked = f"exceeded its timeout of {attempt.limit:g} s"
        case "cancelled":
            asked = "was cancelled"
        case _:
            asked = "is to be handed back"
    mend = _MEND[attempt.executor.kind]
    attempt.steps.logged(
        None, "warning", f"this attempt {asked}, but is still executing, and keeps its slot until it returns: {mend}"
    )
    told = {"run": attempt.name, "executor": attempt.key, "asked": attempt.stopped, "runs_in": attempt.executor.kind}
    log.warning("attempt does not stop", extra=told | {"mend": mend})
