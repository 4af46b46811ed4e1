"""The partition's clock: the store's, and never behind what it once said when a mark was moved."""

from __future__ import annotations

from typing import cast

import msgspec

from waterclock.kit.clock import Clock
from waterclock.log.client import Log
from waterclock.log.connection.scripts import Script

TOLERANCE_MS = 2000
"""How far the store's clock may be ahead of the caller's expectation of it before nothing is decided by it."""


class _Now(msgspec.Struct, frozen=True):
    now: int


_NOW = Script("now", _Now)


class TurnedBack(msgspec.Struct, frozen=True):
    """Clock before and now, ms; so many jobs have marks beyond it, the latest of which, ms, is `latest`."""

    before: int
    now: int
    ahead: int
    latest: int


_TURN_BACK = Script("turn_back", TurnedBack)


async def turn_back(log: Log, partition: int) -> TurnedBack:
    """Set the partition's clock back to its server's. An operator's deed; reads all marks, and takes as long."""
    return await log.call(_TURN_BACK, partition, {})


async def server_time(log: Log, key: str) -> int:
    """The clock of the server that holds `key`, ms: also while its partition is not open."""
    seconds, micros = cast("list[bytes]", await log.execute(key, "TIME"))
    return int(seconds) * 1000 + int(micros) // 1000


async def ahead_of_server(log: Log, partition: int) -> int:
    """By how much the clock that the partition keeps is ahead of its server's, ms: above 0 that was set back.

    Also while the partition is not open.
    """
    key = log.keys.partition(partition, "meta")
    kept = int(cast("bytes | None", await log.execute(key, "HGET", key, "clock")) or 0)
    return kept - await server_time(log, key)


async def offset_from(clock: Clock, log: Log, key: str) -> int:
    """By how much the clock of the server that holds `key` is ahead of this process's, ms."""
    before = clock.now_ms()
    theirs = await server_time(log, key)
    return theirs - (before + clock.now_ms()) // 2


async def now(log: Log, partition: int) -> int:
    """Read the partition's clock, ms. A decision's `through` must not be beyond such a reading."""
    reply = await log.call(_NOW, partition, {})
    return reply.now
