"""The kinds of notices: which of them stay open, what closes them, and what is not told of at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from waterclock.model.events import CancelReason, SkipReason
from waterclock.model.outcomes import RunStatus

Kind = Literal[
    "failed",
    "timedOut",
    "died",
    "cancelled",
    "skipped",
    "missing",
    "late",
    "tooLong",
    "silent",
    "disabled",
    "recovered",
    "unreadable",
    "clock",
]
KINDS: tuple[Kind, ...] = get_args(Kind)

BAD_ENDS: frozenset[Kind] = frozenset({"failed", "timedOut", "died"})
"""Ends of runs that count in a row: for `after` of a rule, and for the breaker."""
CLOSED_BY_SUCCESS: frozenset[Kind] = BAD_ENDS.union(("cancelled", "skipped", "missing"))
"""Open until a run of the job succeeds."""
CLOSED_BY_ANSWER: frozenset[Kind] = frozenset({"late", "tooLong"})
"""Open until what was waited for has happened."""
BREAKS: frozenset[Kind] = CLOSED_BY_SUCCESS.union(CLOSED_BY_ANSWER, ("silent",))
"""Kinds of which a job has one open at a time for each rule. `silent` is closed by a success that is no backfill's."""

LASTING: frozenset[Kind] = BREAKS.union(("clock",))
"""Kinds that can be over, and be told again while they are not: of jobs, and of the installation."""

KIND_OF_END: Mapping[RunStatus, Kind] = {
    "failed": "failed",
    "timedOut": "timedOut",
    "died": "died",
    "cancelled": "cancelled",
}
VOID_SKIPS: frozenset[SkipReason] = frozenset({"edited", "disabled", "deleted"})
"""Skips that somebody's change of the job explains."""
VOID_CANCELS: frozenset[CancelReason] = frozenset({"jobDisabled", "jobDeleted"})
