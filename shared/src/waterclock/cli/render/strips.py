"""Strips in characters: one for each bin, for the worst that became of its scheduled times."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from waterclock.cli.options.moments import shown
from waterclock.cli.tables import Part, table
from waterclock.client.models import JobStrip, Strips
from waterclock.model.timestamps import Stamp, millis

_SIGNS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "!": ("missing, double or stray", ("missing", "double", "stray")),
    "x": ("failed, timed out or died", ("failed", "timedOut", "died")),
    "b": ("promise broken", ("broken",)),
    "?": ("pending", ("pending",)),
    "r": ("running", ("running",)),
    "w": ("waiting", ("waiting",)),
    "s": ("skipped", ("skipped",)),
    "m": ("merged", ("coalesced",)),
    "c": ("cancelled", ("cancelled",)),
    "o": ("succeeded", ("succeeded",)),
    ",": ("forgotten", ("forgotten",)),
    "-": ("disabled, deleted or not created yet", ("disabled", "deleted", "notYetCreated")),
    ".": ("to come", ("future",)),
}
"""The worst first: what a bin holds of several is shown by the first of them."""
NOTHING, OTHER = " ", "+"
_WORDS = {
    "broken": "promise broken",
    "coalesced": "merged",
    "timedOut": "timed out",
    "notYetCreated": "not created yet",
    "future": "to come",
}


def told(found: Strips, names: Sequence[str]) -> Iterator[Part]:
    """A strip a line, and what its characters stand for; `names`: of the jobs, as they were asked for."""
    called = names if len(names) == len(found.items) else [item.job_id for item in found.items]
    drawn = [strip(item) for item in found.items]
    width = _width(found, len(drawn[0]) if drawn else 1)
    yield f"{shown(found.from_)} to {shown(found.to)}, a character for each {width}"
    rows = [(name, f"|{line}|", counts(item)) for name, line, item in zip(called, drawn, found.items, strict=True)]
    yield table(("job", "strip", "scheduled times"), rows, wraps={"scheduled times"})
    used = {sign for line in drawn for sign in line}
    if legend := [f"{sign} {meaning}" for sign, (meaning, _) in _SIGNS.items() if sign in used]:
        yield "   ".join(legend)
    if coarser := [name for name, item in zip(called, found.items, strict=True) if item.coarser]:
        yield f"counted and not looked at one by one: {', '.join(coarser)}"
    if found.oldest_pending is not None:
        yield f"pending: the oldest was due at {shown(found.oldest_pending)} and is not decided yet"


def strip(item: JobStrip) -> str:
    return "".join(_sign(cell) * number for number, cell in item.cells)


def counts(item: JobStrip) -> str:
    total: Counter[str] = Counter()
    for number, cell in item.cells:
        total.update({name: number * count for name, count in (cell or {}).items()})
    return ", ".join(f"{count} {_WORDS.get(name, name)}" for name, count in total.most_common()) or "none"


def _sign(cell: Mapping[str, int] | None) -> str:
    if not cell:
        return NOTHING
    return next((sign for sign, (_, names) in _SIGNS.items() if any(cell.get(name) for name in names)), OTHER)


def _width(found: Strips, bins: int) -> str:
    if found.edges is not None:
        return "part of the calendar"
    seconds = (millis(Stamp(found.to)) - millis(Stamp(found.from_))) / bins / 1000
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{round(seconds / size, 1):g} {unit}"
    return f"{round(seconds, 1):g} s"
