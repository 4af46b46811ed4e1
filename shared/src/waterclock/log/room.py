"""How much memory a server of the log has left: at its `maxmemory` it takes nothing new."""

from __future__ import annotations

from typing import NamedTuple, cast

from waterclock.log.client import Log


class Room(NamedTuple):
    """Bytes; a `limit` of 0 is none."""

    used: int
    limit: int


async def room_of(log: Log, key: str) -> Room:
    """Of the server that holds `key`.

    Raises:
        LogUnavailable: no answer.
    """
    text = cast("bytes", await log.execute(key, "INFO", "memory"))
    told = {name: value for name, _, value in (line.partition(":") for line in text.decode().splitlines())}
    return Room(int(told.get("used_memory", 0)), int(told.get("maxmemory", 0)))
