"""How much memory a server of the log has left: at its `maxmemory` it takes nothing new."""

from __future__ import annotations

from typing import NamedTuple, cast

from waterclock.log.client import Log
from waterclock.log.connection.connections import facts


class Room(NamedTuple):
    """Bytes; a `limit` of 0 is none."""

    used: int
    limit: int


async def room_of(log: Log, key: str) -> Room:
    """Of the server that holds `key`.

    Raises:
        LogUnavailable: no answer.
    """
    told = facts(cast("bytes", await log.execute(key, "INFO", "memory")))
    return Room(int(told.get("used_memory", 0)), int(told.get("maxmemory", 0)))
