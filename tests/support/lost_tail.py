"""A partition that has lost its end, as a replica that was behind; or holds what another server had, as a copy."""

from __future__ import annotations

from typing import Any, cast

from waterclock.log.client import Log

Rows = list[list[Any]]


async def rows_of(log: Log, partition: int) -> Rows:
    """The entries of the stream as they stand there."""
    key = log.keys.partition(partition, "events")
    return cast("Rows", await log.execute(key, "XRANGE", key, "-", "+"))


async def put_back(log: Log, partition: int, rows: Rows, *, epoch: int) -> None:
    """Have the stream hold these entries and no others; the partition is halted then, as on another server."""
    key, meta = log.keys.partition(partition, "events"), log.keys.partition(partition, "meta")
    await log.execute(key, "UNLINK", key)
    for entry, fields in rows:
        await log.execute(key, "XADD", key, entry, *fields)
    seq = int(rows[-1][0].decode().partition("-")[2])
    await log.execute(meta, "HSET", meta, "run_id", "", "epoch", epoch, "seq", seq)


async def lose_after(log: Log, partition: int, seq: int) -> None:
    """Take away what follows entry `seq` of the present epoch."""
    meta = log.keys.partition(partition, "meta")
    epoch = int(await log.execute(meta, "HGET", meta, "epoch"))
    rows = [row for row in await rows_of(log, partition) if _place(row) <= (epoch, seq)]
    await put_back(log, partition, rows, epoch=epoch)


def _place(row: list[Any]) -> tuple[int, ...]:
    return tuple(map(int, row[0].decode().split("-")))
