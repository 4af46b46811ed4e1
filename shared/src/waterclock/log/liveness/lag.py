"""How far a reader of a partition's stream is behind its end, without reading what lies between."""

from __future__ import annotations

from typing import Any, cast

import msgspec

from waterclock.log.client import Log
from waterclock.log.clock import server_time
from waterclock.log.reader import Fields, entry_of
from waterclock.log.tail import tail_of
from waterclock.model.positions import Position, at_entry
from waterclock.wire.envelope import prev_of, time_of


class Lag(msgspec.Struct, frozen=True, kw_only=True):
    """`events` stand after the reader's place; the oldest of them was appended `seconds` ago.

    `ahead`: the stream lacks at least so many up to that place, which is beyond its end.
    """

    events: int = 0
    seconds: float = 0.0
    ahead: int = 0


async def lag(log: Log, partition: int, after: Position | None) -> Lag:
    """How far `after` (None: before the first) is behind the stream's end now, or ahead of it; two calls if neither.

    Raises:
        LogUnavailable: no answer.
    """
    key = log.keys.partition(partition, "events")
    oldest = await _first(log, key, f"({after.entry}" if after is not None else "-")
    if oldest is None:
        return Lag(ahead=_ahead(after, await tail_of(log, partition)))
    waits = await server_time(log, key) - time_of(oldest[1])
    return Lag(events=await _count(log, partition, key, after), seconds=max(0, waits) / 1000)


def _ahead(after: Position | None, end: Position | None) -> int:
    if after is None or (end is not None and end >= after):
        return 0
    return after.seq - end.seq if end is not None and end.epoch == after.epoch else after.seq


async def _count(log: Log, partition: int, key: str, after: Position | None) -> int:
    """Entries after a place, by their numbers: dense in each epoch, whose first names the last of the one before."""
    rows = cast("list[Any]", await log.execute(key, "XREVRANGE", key, "+", "-", "COUNT", 1))
    if not rows:
        return 0
    last, count = at_entry(partition, entry_of(rows[0])[0]), 0
    while after is None or last.epoch > after.epoch:
        begins = await _first(log, key, f"{last.epoch}-0")
        if begins is None:
            return count
        name, fields = begins
        count += max(0, last.seq - at_entry(partition, name).seq + 1)
        prev = prev_of(fields)
        if not prev:
            return count
        before = at_entry(partition, prev)
        if before.epoch >= last.epoch:  # trimmed in mid-epoch: there is nothing before
            return count
        last = before
    return count + max(0, last.seq - after.seq)


async def _first(log: Log, key: str, low: str) -> tuple[str, Fields] | None:
    rows = cast("list[Any]", await log.execute(key, "XRANGE", key, low, "+", "COUNT", 1))
    return entry_of(rows[0]) if rows else None
