"""How an attempt can end, and what follows for its run: one table, used by attempts, runs, streams and metrics."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

AttemptOutcome = Literal["succeeded", "failed", "timedOut", "crashed", "badParams", "cancelled", "lost", "returned"]
RunStatus = Literal["delayed", "waiting", "queued", "running", "succeeded", "failed", "timedOut", "cancelled", "died"]
ENDED: frozenset[RunStatus] = frozenset({"succeeded", "failed", "timedOut", "cancelled", "died"})


class Error(msgspec.Struct, frozen=True, kw_only=True):
    """Why an attempt or a step failed."""

    type: Annotated[
        str,
        Meta(
            description="Name of the exception's class, such as `ValueError`. Of a child process that ended by itself: "
            "`ChildExit`, `ChildSignal` or `ChildOutOfMemory`."
        ),
    ]
    message: Annotated[str, Meta(description="The message.")]
    traceback: Annotated[str | None, Meta(description="The traceback, if there is one.")] = None


class Unreadable(msgspec.Struct, frozen=True, kw_only=True):
    """An event that cannot be read: the one that ended a run."""

    position: Annotated[str, Meta(description="Position of the event.")]
    reason: Annotated[str, Meta(description="Why it cannot be read.")]


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
