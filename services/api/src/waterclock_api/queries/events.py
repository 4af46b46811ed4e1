"""The events of the archive, newest first, by filter: what a page costs is bounded, whatever fits.

    place in each partition ── look at the next few ──► fits or not ──► merged by time ──► page, places to go on from

A page looks at so many events and no more. Where few of them fit it holds less than was asked for, or nothing, and a
cursor.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from waterclock.model.positions import Position
from waterclock.store import archive
from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement
from waterclock.wire.envelope import Entry
from waterclock_api.access.proxies import is_address
from waterclock_api.limits.memory_budget import Hold
from waterclock_api.queries.pages import COPIES, PAGE_BYTES
from waterclock_api.queries.read_models import PACKAGE

LOOKED_AT = 2_000  # events of each partition, at once
ROUNDS = 10
_AT_ONCE = 50  # whose documents are read
_NEWEST = (2**62, 0)
_OLDEST_MS = 0
_LATEST_MS = 253_402_300_799_999

Places = Mapping[int, tuple[int, int]]
"""By partition: epoch and seq of the last event that was looked at; a partition that is not named has no more."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which events: of all, of a job or of a run; `types` are tags, `from_ms` and `to_ms` both inclusive.

    An event counts as no later than those that follow it, so where a partition's clock was set back, what happened
    while it was ahead is found at the time when that ended.
    """

    job_id: str | None = None
    run_id: str | None = None
    types: tuple[str, ...] = ()
    actor: str | None = None
    from_ms: int | None = None
    to_ms: int | None = None
    limit: int = 50


class Page(NamedTuple):
    """`places` None: nothing is left."""

    entries: Sequence[Entry]
    places: Places | None


class _Seen(NamedTuple):
    at: int  # ms, at most that of the events that follow it, where its partition's clock was set back later
    partition: int
    epoch: int
    seq: int
    fits: bool


def beginnings(partitions: Sequence[int]) -> Places:
    return dict.fromkeys(partitions, _NEWEST)


async def page_of(connection: Connection, wanted: Wanted, places: Places, hold: Hold | None = None) -> Page:
    """The next page after the places; it ends also by its bytes."""
    kept: list[_Seen] = []
    left = dict(places)
    for _ in range(ROUNDS):
        kept += await _look(connection, wanted, left, wanted.limit - len(kept))
        if not left or len(kept) >= wanted.limit:
            break
    entries, looked_at = await _entries(connection, kept, hold)
    if looked_at == len(kept):
        return Page(entries, left or None)
    left_out = {one.partition: (one.epoch, one.seq + 1) for one in reversed(kept[looked_at:])}
    return Page(entries, dict(places) | left_out | {one.partition: (one.epoch, one.seq) for one in kept[:looked_at]})


async def _look(connection: Connection, wanted: Wanted, left: dict[int, tuple[int, int]], limit: int) -> list[_Seen]:
    """What fits of the next events; `left` is moved to the last that was looked at."""
    partitions = list(left)
    arguments = {
        "partitions": partitions,
        "epochs": [left[one][0] for one in partitions],
        "seqs": [left[one][1] for one in partitions],
        "job_id": wanted.job_id,
        "run_id": wanted.run_id,
        "types": list(wanted.types),
        **_actor(wanted.actor),
        "from": _OLDEST_MS if wanted.from_ms is None else wanted.from_ms,
        "tos": [_until(wanted, left[one]) for one in partitions],
        "most": LOOKED_AT,
    }
    async with connection.transaction():
        await connection.execute(statement("prefer_order", PACKAGE))
        cursor = await connection.execute(statement("newest_events", PACKAGE), arguments, prepare=False)
        rows = await cursor.fetchall()
    streams: dict[int, list[_Seen]] = {one: [] for one in partitions}
    for partition, epoch, seq, at, fits in rows:
        stream = streams[partition]
        not_after = stream[-1].at if stream else at
        stream.append(_Seen(min(at, not_after), partition, epoch, seq, fits))
    for partition, seen in streams.items():
        if left[partition] == _NEWEST and seen:  # what comes from now on is not for a page after this one
            left[partition] = (seen[0].epoch, seen[0].seq + 1)
    return _merged(streams, wanted, left, limit)


def _until(wanted: Wanted, place: tuple[int, int]) -> int:
    """Up to when is read, ms: what stands before a place that was looked at is not later, whatever its time says."""
    return _LATEST_MS if wanted.to_ms is None or place != _NEWEST else wanted.to_ms


def _actor(given: str | None) -> dict[str, str | None]:
    """Whose events: `actor` whole, or beginning with `actor_at` and an address.

    An event has `name@address`, and a name may have an @ too. So what follows the last @ of a question is an address if
    it can be one; else all of it is a name. A name that itself ends so is asked for with an @ behind it.
    """
    if given is None:
        return {"actor": None, "actor_at": None}
    _, at, last = given.rpartition("@")
    if not at or (last and not is_address(last)):
        return {"actor": given, "actor_at": f"{given}@"}
    return {"actor": given, "actor_at": None if last else given}


def _merged(
    streams: Mapping[int, Sequence[_Seen]], wanted: Wanted, left: dict[int, tuple[int, int]], limit: int
) -> list[_Seen]:
    """Newest first, as far as every partition has been looked at."""
    found: list[_Seen] = []
    ended = {one for one, seen in streams.items() if len(seen) < LOOKED_AT}
    last = {seen[-1] for one, seen in streams.items() if one not in ended}
    for seen in heapq.merge(*streams.values(), key=lambda one: one[:4], reverse=True):
        if wanted.from_ms is not None and seen.at < wanted.from_ms:
            left.clear()  # whatever follows is older
            return found
        if seen.fits and len(found) == limit:
            return found
        left[seen.partition] = (seen.epoch, seen.seq)
        if seen.fits:
            found.append(seen)
        if seen in last:
            return found
    for one in ended:
        del left[one]
    return found


async def _entries(connection: Connection, kept: Sequence[_Seen], hold: Hold | None) -> tuple[list[Entry], int]:
    """The entries of a page, and how many of the `kept` were looked at for them."""
    entries: list[Entry] = []
    size = looked_at = 0
    while looked_at < len(kept):
        some = kept[looked_at : looked_at + _AT_ONCE]
        found = await _entries_at(connection, some)
        for seen in some:
            entry = found.pop(Position(seen.partition, seen.epoch, seen.seq), None)
            if entry is not None:
                full = size + len(entry.document) > PAGE_BYTES or (hold is not None and hold.is_over)
                if entries and full:
                    return entries, looked_at
                size += len(entry.document)
                entries.append(entry)
                if hold is not None:
                    hold.resize(COPIES * size)
            looked_at += 1
    return entries, looked_at


async def _entries_at(connection: Connection, some: Sequence[_Seen]) -> dict[Position, Entry]:
    found: dict[Position, Entry] = {}
    for partition in {seen.partition for seen in some}:
        own = [seen for seen in some if seen.partition == partition]
        named: dict[str, Any] = {"epochs": [seen.epoch for seen in own], "seqs": [seen.seq for seen in own]}
        cursor = await connection.execute(statement("events_at", PACKAGE), {"partition": partition, **named})
        entries = await archive.entries_of(connection, partition, await cursor.fetchall())
        found |= {entry.position: entry for entry in entries}
    return found
