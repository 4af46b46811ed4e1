"""What a server holds of a log, and taking it away: before the log is restored in its place."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, NamedTuple, cast

from waterclock.log.client import Log
from waterclock.log.connection.connections import pack
from waterclock.log.connection.floors import NAMES

_AT_ONCE = 500  # keys


class Found(NamedTuple):
    """`partitions` and `restored` as the log says; 0 where it does not, as nothing or too little is left of it."""

    keys: int
    partitions: int
    restored: int


async def found(log: Log) -> Found:
    """What there is of partitions and names."""
    meta = log.keys.names_meta
    told = cast("list[bytes | None]", await log.execute(meta, "HMGET", meta, "partitions", "restored"))
    keys = 0
    async for some in _keys(log):
        keys += len(some)
    return Found(keys, int(told[0] or 0), int(told[1] or 0))


async def borne(log: Log, partitions: int) -> set[str]:
    """The identities of installations that so many partitions and the names bear; mostly one, or none."""
    found: set[str] = set()
    for place in (NAMES, *range(max(1, partitions))):
        key = log.keys.meta(place)
        identity = cast("bytes | None", await log.execute(key, "HGET", key, "identity"))
        if identity is not None:
            found.add(identity.decode())
    return found


async def halt(log: Log, partition: int) -> int:
    """Let nobody write to a partition until it is opened again; its epoch, 0 where there is nothing."""
    key = log.keys.partition(partition, "meta")
    epoch = cast("bytes | None", await log.execute(key, "HGET", key, "epoch"))
    if epoch is None:
        return 0
    await log.execute(key, "HSET", key, "run_id", "")
    return int(epoch)


async def clear(log: Log) -> None:
    """Remove all partitions and names of this log. Messages that may be lost are left alone."""
    async for some in _keys(log):
        for key in some:
            await log.execute(key, "UNLINK", key)


async def _keys(log: Log) -> AsyncGenerator[list[str]]:
    own = f"{{{log.keys.prefix}:"
    beside = tuple(key[: key.index("}") + 1] for key in (log.keys.control, log.keys.published))
    for node in log.nodes.all():
        cursor = b"0"
        while True:
            async with node.writer.line() as line:
                command = pack("SCAN", cursor, "MATCH", f"{own}*", "COUNT", _AT_ONCE)
                cursor, names = cast("tuple[bytes, list[Any]]", await line.ask(command))
            keys = [name.decode() for name in names]
            yield [key for key in keys if not key.startswith(beside)]
            if cursor == b"0":
                break
