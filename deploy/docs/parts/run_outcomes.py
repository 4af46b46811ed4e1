"""How attempts end, from the table that workers and scripts go by; and the waits of the retry policy."""

from __future__ import annotations

from collections.abc import Mapping

from waterclock.model.outcomes import ENDINGS, AttemptOutcome
from waterclock.model.retry import RetryPolicy, delay

_WHEN: Mapping[AttemptOutcome, str] = {
    "succeeded": "The executor returned.",
    "failed": "The executor raised an exception.",
    "timedOut": "The attempt took longer than its time limit.",
    "crashed": "The child process ended by itself, by a signal or for want of memory.",
    "badParams": "The executor's type or check refuses the parameters.",
    "cancelled": "Somebody asked for it, and the executor stopped.",
    "lost": "The worker died or lost its lease.",
    "returned": "The worker handed the run back: it drains, or its event loop is blocked.",
}
_ALSO: Mapping[AttemptOutcome, list[tuple[str, bool]]] = {
    "failed": [("It raised `GiveUp`, or its result cannot be stored (`BadResult`).", False)]
}
"""Ends of the same outcome after which the attempts are over: `final` of the worker's report."""
_ALMOST_ONE = 1 - 2**-53
_WAITS = 10


def text(part: str) -> str:
    return _outcomes() if part == "attempts" else _waits()


def _outcomes() -> str:
    rows = [
        f"| `{outcome}` | {when} | {_word(retried)} | {_word(one.counted)} | `{one.status}` |"
        for outcome, one in ENDINGS.items()
        for when, retried in [(_WHEN[outcome], one.retried), *_ALSO.get(outcome, [])]
    ]
    head = "| outcome | when | another attempt | counts as failure | otherwise the run is |"
    return "\n".join([head, "|---|---|---|---|---|", *rows])


def _word(answer: bool) -> str:
    return "yes" if answer else "no"


def _waits() -> str:
    usual, fixed = RetryPolicy(), RetryPolicy(backoff="fixed")
    rows = [
        f"| {failure} | 0 to {delay(usual, failure, _ALMOST_ONE):.0f} s | {delay(fixed, failure, 0):.0f} s |"
        for failure in range(1, _WAITS + 1)
    ]
    return "\n".join(["| after failure | `exponential` | `fixed` |", "|---|---|---|", *rows])
