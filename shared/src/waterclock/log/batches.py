"""Much, in parts that are not too large."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import TypeVar

from waterclock.wire.envelope import Entry

A = TypeVar("A")
B = TypeVar("B")

AT_ONCE = 20


async def in_turns(values: Iterable[A], make: Callable[[A], B]) -> list[B]:
    """What is made of each value, in order; others have their turn after some."""
    found: list[B] = []
    for value in values:
        found.append(make(value))
        if len(found) % AT_ONCE == 0:
            await asyncio.sleep(0)
    return found


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
