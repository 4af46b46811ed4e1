"""What a worker writes into a log where lines of it are missing, and how that is read again."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

Reason = Literal["limit", "speed"]
"""The log had its full size, or its lines came faster than they could be stored."""

_WHY: dict[str, Reason] = {
    "a log keeps its beginning and its end": "limit",
    "they were written faster than they could be stored": "speed",
}
_TOLD = {reason: why for why, reason in _WHY.items()}
PATTERN = r"^gap( so far)?: [0-9]+ lines?( |$)"
"""Of such lines, for Postgres as well as for us."""

_READ = re.compile(r"gap(?P<far> so far)?: (?P<lines>[0-9]{1,15}) lines?(?: are missing here: (?P<why>.*))?")


class Gap(NamedTuple):
    """`final`: nothing is added to it any more."""

    lines: int
    reason: Reason
    final: bool


def gap_so_far(lines: int) -> str:
    return f"gap so far: {_counted(lines)}"


def gap_here(lines: int, reason: Reason) -> str:
    return f"gap: {_counted(lines)} are missing here: {_TOLD[reason]}"


def read_gap(text: str) -> Gap | None:
    """What such a line says; None: it is another one."""
    found = _READ.fullmatch(text)
    if found is None or (found["far"] is None) == (found["why"] is None):
        return None
    return Gap(int(found["lines"]), _WHY.get(found["why"] or "", "limit"), final=found["far"] is None)


def _counted(count: int) -> str:
    return "1 line" if count == 1 else f"{count} lines"
