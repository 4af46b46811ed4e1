"""Whether a partition may be written to: whether it is open on the server process that holds it."""

from __future__ import annotations

from typing import NamedTuple, cast

from waterclock.log.client import Log


class Gate(NamedTuple):
    prepared: bool  # else there is nothing: the server was never initialised, or has lost everything
    opened: bool
    epoch: int
    run_id: str  # of the process that holds the partition now


async def gate_of(log: Log, partition: int) -> Gate:
    """The gate of a partition; works while it is closed."""
    return await _gate(log, log.keys.partition(partition, "meta"))


async def gate_of_names(log: Log) -> Gate:
    return await _gate(log, log.keys.names_meta)


async def _gate(log: Log, key: str) -> Gate:
    run_id = await log.run_id(key)
    named, epoch = cast("list[bytes | None]", await log.execute(key, "HMGET", key, "run_id", "epoch"))
    return Gate(epoch is not None, named == run_id.encode(), int(epoch or 0), run_id)
