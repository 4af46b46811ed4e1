"""Places that this log never had: who names one is told so, once, and goes on from now.

A client keeps its place for longer than we keep our stores: one that were set up anew, or got another number of
partitions, knows nothing of it. Without a word such a client would wait for a future that the log may never reach. The
hub of this process may be behind a place that another told, so stream and archive are asked before anything is said.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from waterclock.log import tail
from waterclock.log.tail import tail_of
from waterclock.model.positions import Position, at_entry
from waterclock.store import archive
from waterclock_api.live.positions import Places
from waterclock_api.queries.sources import Sources

Fate = Literal["known", "unknown", "lost"]
"""Of a place: `unknown`: beyond all that there ever was; `lost`: before the end, and no entry stands there."""


class Settled(NamedTuple):
    """`at`: from where each partition is told; `lost`: partitions whose place is; `unknown`: some place is."""

    at: dict[int, Position | None]
    lost: tuple[int, ...]
    unknown: bool


async def settle(sources: Sources, named: Places, now: Places) -> Settled:
    """Where to go on for a client that names these places; `now`: the end of each partition that is told.

    Raises:
        psycopg.Error, PoolTimeout, LogError: it cannot be found out.
    """
    elsewhere = any(partition not in now for partition in named)
    at: dict[int, Position | None] = {}
    lost: list[int] = []
    unknown = elsewhere
    for partition, end in now.items():
        place = named.get(partition)
        if place is None:
            at[partition] = end if elsewhere else None
            continue
        fate, at[partition] = await _settled(sources, partition, place, end)
        unknown = unknown or fate == "unknown"
        if fate == "lost":
            lost.append(partition)
    return Settled(at, tuple(lost), unknown)


async def _settled(
    sources: Sources, partition: int, place: Position, end: Position | None
) -> tuple[Fate, Position | None]:
    """What is known of a place, and where to go on."""
    if place.partition != partition:
        return "unknown", end
    if place.epoch < sources.log.restored:
        return "known", place  # there was another number of partitions then, and its entries lie elsewhere
    following = await tail.entries_from(sources.log, partition, place._replace(seq=place.seq + 1), count=1)
    if not following or _before(partition, following[0].prev) > place:  # the next may have been trimmed away
        through = await tail_of(sources.log, partition)
        if place == through:
            return "known", place
        async with sources.reading() as connection:
            archived = await archive.position(connection, partition)
            following = await archive.entries(connection, partition, place, None, 1) or following
        if not following:
            newest = max((one for one in (through, archived) if one is not None), default=None)
            return ("unknown", end) if newest is None or place > newest else ("known", place)
    before = _before(partition, following[0].prev)
    if before >= place:  # beyond it what stood there was cleared away since
        return "known", place
    return "lost", at_entry(partition, following[0].prev) if following[0].prev else None


def _before(partition: int, prev: str) -> Position:
    """The place of the entry before another; before the first: before all."""
    return at_entry(partition, prev) if prev else Position(partition, -1, -1)


def told(named: Places, at: Places) -> dict[str, object]:
    """What says it to clients, beside what names their subject."""
    return {"reason": "placeUnknown", "after": _text(named), "from": _text(at)}


def _text(places: Places) -> str:
    return ".".join(str(place) for place in places.values() if place is not None) or "0"
