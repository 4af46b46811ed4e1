"""What is said of a scheduled time that has broken a promise: what was promised, what happened, and since when."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

from waterclock.model.ids import RunId
from waterclock.model.instants.reasons import length
from waterclock.model.timestamps import stamp

BrokenKind = Literal["late", "missing", "tooLong", "silent"]


class Broken(NamedTuple):
    """A promise that scheduled times from `first` to `last` have broken. All moments are ms.

    `began`, `ended`: the run, or the attempt that took too long; None: it has not, or nobody knows any more.
    """

    kind: BrokenKind
    what: Literal["start", "finish", "attempt"] | None
    attempt: int | None
    run_id: RunId | None
    first: int
    last: int
    due: int | None
    at: int
    began: int | None
    ended: int | None

    def is_about(self, instant: int) -> bool:
        return self.first <= instant <= self.last


def sentence(one: Broken) -> str:
    """What was promised, what happened, and since when the promise is broken."""
    since = f"broken at {stamp(one.at if one.due is None else one.due)}"
    match one.what:
        case "start":
            return f"Promised to start within {_within(one)}; {_after(one, 'started', one.began)}; {since}."
        case "finish":
            return f"Promised to end within {_within(one)}; {_after(one, 'ended', one.ended)}; {since}."
        case "attempt":
            most = "" if one.began is None or one.due is None else f" {length(one.due - one.began)} at most"
            return f"Promised that an attempt takes{most or ' less'}; {_took(one)}; {since}."
        case None:
            return f"Promised, and it has no run; {since}."


def sentences(broken: Iterable[Broken]) -> str:
    return " ".join(map(sentence, broken))


def _within(one: Broken) -> str:
    return length(one.first if one.due is None else one.due - one.first)


def _after(one: Broken, did: str, at: int | None) -> str:
    return f"not {did} yet" if at is None else f"{did} {length(max(0, at - one.first))} after"


def _took(one: Broken) -> str:
    attempt = f"attempt {one.attempt}"
    if one.began is None or one.ended is None:
        return f"{attempt} took longer" if one.ended is not None else f"{attempt} goes on"
    return f"{attempt} took {length(max(0, one.ended - one.began))}"
