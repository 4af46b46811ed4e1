"""Much, in parts that are not too large."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from waterclock.wire.envelope import Entry


def portions(entries: Sequence[Entry], most: int) -> Generator[Sequence[Entry]]:
    """The same entries in order, in portions of at most so many bytes of documents; one entry is always a portion."""
    start = size = 0
    for place, entry in enumerate(entries):
        size += len(entry.document)
        if place > start and size > most:
            yield entries[start:place]
            start, size = place, len(entry.document)
    if entries:
        yield entries[start:]
