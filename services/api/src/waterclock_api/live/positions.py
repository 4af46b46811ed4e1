"""A place in several partitions at once: their positions joined by dots, `0-1-57.1-1-33`; of one it is the position.

A partition that is not named is before its first event; `0` is that in all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from waterclock.model.positions import Position, parse_position

OLDEST = "0"
Places = Mapping[int, Position | None]


def text_of(places: Iterable[Position | None]) -> bytes:
    return ".".join([str(place) for place in places if place is not None]).encode() or OLDEST.encode()


def read_places(text: str, partitions: Sequence[int], *, there_are: int) -> dict[int, Position | None]:
    """The place in each of these partitions, and in those named that the log, which has `there_are`, has not got.

    Raises:
        ValueError: it is no place in some of these partitions.
    """
    found: dict[int, Position | None] = dict.fromkeys(partitions)
    if text == OLDEST:
        return found
    for part in text.split("."):
        position = parse_position(part)
        if position.partition not in found and position.partition < there_are:
            raise ValueError(f"{part} is a position in another partition")
        if found.get(position.partition) is not None:
            raise ValueError(f"partition {position.partition} is named twice")
        found[position.partition] = position
    return found


def is_through(reached: Places, wanted: Places) -> bool:
    """Whether the first is at or beyond the second in every partition."""
    return all(place is None or _at_least(reached.get(one), place) for one, place in wanted.items())


def _at_least(one: Position | None, other: Position) -> bool:
    return one is not None and one >= other
