"""How an attempt can end, and what follows for its run: one table, used by attempts, runs, streams and metrics."""

from __future__ import annotations

from typing import Literal

import msgspec

AttemptOutcome = Literal["succeeded", "failed", "timedOut", "crashed", "badParams", "cancelled", "lost", "returned"]
RunStatus = Literal["delayed", "waiting", "queued", "running", "succeeded", "failed", "timedOut", "cancelled", "died"]
ENDED: frozenset[RunStatus] = frozenset({"succeeded", "failed", "timedOut", "cancelled", "died"})


class Error(msgspec.Struct, frozen=True, kw_only=True):
    """`type` is a class name (ValueError), or ChildExit, ChildSignal, ChildOutOfMemory with the code in the message."""

    type: str
    message: str
    traceback: str | None = None


class Unreadable(msgspec.Struct, frozen=True, kw_only=True):
    """The event that ended a run, where nobody can read it: its position, and why."""

    position: str
    reason: str


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the table: the run's status when no attempt follows; whether one may; whether it uses up an attempt."""

    status: RunStatus
    retried: bool
    counted: bool


ENDINGS: dict[AttemptOutcome, Ending] = {
    "succeeded": Ending(status="succeeded", retried=False, counted=False),
    "failed": Ending(status="failed", retried=True, counted=True),
    "timedOut": Ending(status="timedOut", retried=True, counted=True),
    "crashed": Ending(status="failed", retried=True, counted=True),
    "badParams": Ending(status="failed", retried=False, counted=True),
    "cancelled": Ending(status="cancelled", retried=False, counted=False),
    "lost": Ending(status="died", retried=True, counted=False),
    "returned": Ending(status="queued", retried=True, counted=False),
}

STATUS_OF_TAG: dict[str, RunStatus] = {f"run.{status}": status for status in sorted(ENDED)}
"""How a run has ended, by the tag of the event that ended it."""
OUTCOME_OF_TAG: dict[str, AttemptOutcome] = {
    "run.succeeded": "succeeded",
    "run.failed": "failed",
    "run.timedOut": "timedOut",
    "run.cancelled": "cancelled",
    "run.died": "lost",
}
