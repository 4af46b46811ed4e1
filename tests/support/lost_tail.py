"""A partition that has lost its end, as a replica that was behind or a copy that was put back."""

from __future__ import annotations

from typing import Any, cast

from waterclock.log.client import Log


async def lose_after(log: Log, partition: int, seq: int) -> None:
    """Take away what follows entry `seq` of the present epoch; the partition is halted then, as on another server."""
    key, meta = log.keys.partition(partition, "events"), log.keys.partition(partition, "meta")
    rows = cast("list[list[Any]]", await log.execute(key, "XRANGE", key, "-", "+"))
    epoch = int(await log.execute(meta, "HGET", meta, "epoch"))
    await log.execute(key, "UNLINK", key)
    for entry, fields in rows:
        if tuple(map(int, entry.decode().split("-"))) <= (epoch, seq):
            await log.execute(key, "XADD", key, entry, *fields)
    await log.execute(meta, "HSET", meta, "run_id", "", "seq", seq)
