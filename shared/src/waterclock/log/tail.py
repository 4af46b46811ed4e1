"""Reading events from a position, checked: every entry names the one before it, and a gap is filled or said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, cast

import msgspec
from redis.exceptions import ResponseError

from waterclock.log.client import Log
from waterclock.log.clock import server_time
from waterclock.log.connection.errors import BrokenChain
from waterclock.log.connection.scripts import Script
from waterclock.log.reader import Fields, Reader, entry_of
from waterclock.model.positions import Position, at_entry
from waterclock.wire.envelope import Entry, read_entry, time_of

_CUT = 1_000  # entries looked at, and trimmed, in one call at most: about a ms of the server each


class Archive(Protocol):
    """The log's cold tier."""

    async def entries(self, partition: int, after: Position | None, before: Position) -> list[Entry]:
        """The entries between two positions, neither included, in order."""
        ...


class _Removed(msgspec.Struct, frozen=True):
    removed: int


_TRIM = Script("trim", _Removed)
_DELETE = Script("delete", _Removed)


async def read(
    source: Log | Reader,
    partition: int,
    after: Position | None,
    *,
    count: int,
    block: float | None,
    archive: Archive | None,
) -> list[Entry]:
    """At most `count` entries after a position (None: from the start), and what the archive knows of gaps between them.

    Empty when there is nothing. Only a Reader can wait: `block` s, at most its `longest`.

    Raises:
        BrokenChain: entries are missing, and the archive has not got them either.
        LogUnavailable: no answer.
    """
    found = await _stored(source, partition, after.entry if after is not None else "0-0", count=count, block=block)
    held = after.entry if after is not None else ""
    chain: list[Entry] = []
    for name, fields in found:
        entry = read_entry(partition, name, fields)
        if entry.prev != held:
            chain += await _filled(archive, partition, chain[-1].position if chain else after, entry)
        chain.append(entry)
        held = name
    if chain:
        source.floors.seen(partition, chain[-1].position.epoch)
    return chain


async def entries_from(log: Log, partition: int, first: Position, *, count: int) -> list[Entry]:
    """At most `count` entries of the stream as they stand there, from a position on, that one included."""
    key = log.keys.partition(partition, "events")
    rows = cast("list[Any]", await log.execute(key, "XRANGE", key, first.entry, "+", "COUNT", count))
    return [read_entry(partition, *entry_of(row)) for row in rows]


async def entries_back(log: Log, partition: int, before: Position | None, *, count: int) -> list[Entry]:
    """At most `count` entries before a position (None: the last ones), the latest first."""
    key = log.keys.partition(partition, "events")
    end = "+" if before is None else f"({before.entry}"
    rows = cast("list[Any]", await log.execute(key, "XREVRANGE", key, end, "-", "COUNT", count))
    return [read_entry(partition, *entry_of(row)) for row in rows]


async def trim(log: Log, partition: int, *, archived: Position, keep_bytes: int, older_than_ms: int) -> int:
    """Remove the oldest entries, and say how many.

    Only what is not beyond `archived` (a position read back from the archive after its commit) and older than
    `older_than_ms` goes, and only while the stream takes more than `keep_bytes`.
    """
    key = log.keys.partition(partition, "events")
    total = 0
    while True:
        used = cast("int | None", await log.execute(key, "MEMORY", "USAGE", key)) or 0
        length = cast("int", await log.execute(key, "XLEN", key))
        surplus = min(_CUT, length * max(0, used - keep_bytes) // max(used, 1))
        cut = await _cut(log, partition, surplus, archived=archived, older_than_ms=older_than_ms)
        if cut is None:
            return total
        removed = (await log.call(_TRIM, partition, {"through": cut})).removed
        total += removed
        if removed == 0:
            return total


async def delete_entries(log: Log, partition: int, entries: Sequence[str]) -> int:
    """Remove entries by id, and say how many there were. Each must be archived, but for what is to be forgotten."""
    total = 0
    for start in range(0, len(entries), 1000):
        total += (await log.call(_DELETE, partition, {"entries": entries[start : start + 1000]})).removed
    return total


async def _stored(
    source: Log | Reader, partition: int, after: str, *, count: int, block: float | None
) -> list[tuple[str, Fields]]:
    key = source.keys.partition(partition, "events")
    if isinstance(source, Reader):
        found = await source.read({key: after}, count=count, block=block)
        return found.get(key, [])
    assert block is None, "only a Reader can wait"
    rows = cast("list[Any]", await source.execute(key, "XRANGE", key, f"({after}", "+", "COUNT", count))
    return [entry_of(row) for row in rows]


async def _filled(archive: Archive | None, partition: int, after: Position | None, before: Entry) -> list[Entry]:
    """What the archive has between the entry that the reader holds and the next that it was given."""
    held = after.entry if after is not None else ""
    filling = await archive.entries(partition, after, before.position) if archive is not None else []
    for entry in [*filling, before]:
        if entry.prev != held:
            raise BrokenChain(partition, held, entry.position.entry)
        held = entry.position.entry
    return filling


async def _cut(log: Log, partition: int, surplus: int, *, archived: Position, older_than_ms: int) -> str | None:
    """The last of the oldest entries that may go: at most `surplus` of them; None for none."""
    key = log.keys.partition(partition, "events")
    now = await server_time(log, key)
    if surplus == 0:
        return None
    fitting: str | None = None
    for row in cast("list[Any]", await log.execute(key, "XRANGE", key, "-", "+", "COUNT", surplus)):
        name, fields = entry_of(row)
        if at_entry(partition, name) > archived or now - time_of(fields) < older_than_ms:
            break
        fitting = name
    return fitting


async def tail_of(log: Log, partition: int) -> Position | None:
    """The last entry's position, also if that entry has been trimmed; None before the first. Works while halted."""
    key = log.keys.partition(partition, "events")
    try:
        flat = cast("list[bytes]", await log.execute(key, "XINFO", "STREAM", key))
    except ResponseError as error:
        if "no such key" not in str(error):
            raise
        return None
    entry = dict(zip(flat[::2], flat[1::2], strict=True))[b"last-generated-id"].decode()
    return None if entry == "0-0" else at_entry(partition, entry)
