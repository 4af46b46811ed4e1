"""What became of scheduled times, in the words of the command line; `--json` keeps the API's `fate`."""

from __future__ import annotations

_WORDS = {"coalesced": "merged", "notDue": "not due", "notYetCreated": "not created yet"}
COUNTS = {"instants": "scheduled", "coalesced": "merged"}
"""Headings of counts, where they differ from the member."""


def outcome(fate: str | None) -> str | None:
    return _WORDS.get(fate, fate) if fate is not None else None


def headings(counts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(COUNTS.get(name, name) for name in counts)
