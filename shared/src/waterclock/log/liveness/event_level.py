"""Of which level all projectors are that are at work, as they tell those who have no Postgres."""

from __future__ import annotations

from waterclock.log.client import Log

_FIELD = "level"


async def say_level(log: Log, level: int) -> None:
    """Write into each partition that all projectors are of `level` or a later one; 0: some may be of none.

    Raises:
        LogError: some partition was not reached.
    """
    for partition in range(log.partitions):
        key = log.keys.partition(partition, "meta")
        if level:
            await log.execute(key, "HSET", key, _FIELD, level)
        else:
            await log.execute(key, "HDEL", key, _FIELD)
