"""How far the read models are behind the log, for each partition."""

from __future__ import annotations

from collections.abc import Mapping

from waterclock.log.client import Log
from waterclock.log.liveness.lag import Lag, lag
from waterclock.model.positions import Position
from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement

Lags = Mapping[int, Lag]


async def lags(log: Log, places: Mapping[int, Position | None]) -> Lags:
    """The lag of each partition that is projected up to its place.

    Raises:
        LogUnavailable: no answer.
    """
    return {partition: await lag(log, partition, place) for partition, place in places.items()}


async def places_of_all(connection: Connection, partitions: int) -> Mapping[int, Position | None]:
    """Up to where each partition is projected, by what the store has committed."""
    rows = await (await connection.execute(statement("partitions"))).fetchall()
    reached = {partition: Position(partition, epoch, seq) if epoch else None for partition, epoch, seq in rows}
    return {partition: reached.get(partition) for partition in range(partitions)}


async def lags_of_all(log: Log, connection: Connection) -> Lags:
    """The lag of all partitions, by what the store has committed.

    Raises:
        LogUnavailable, psycopg.Error: one of them does not answer.
    """
    return await lags(log, await places_of_all(connection, log.partitions))


def told(found: Lags) -> str:
    """What is behind most, or ahead of the log, in words; "ok" where nothing is."""
    ahead = [
        f"partition {partition}: the archive is ahead of the event log" for partition, one in found.items() if one.ahead
    ]
    if ahead:
        return "; ".join(ahead)
    behind = {partition: one for partition, one in found.items() if one.events}
    if not behind:
        return "ok"
    partition, worst = max(behind.items(), key=lambda item: item[1].seconds)
    events = sum(one.events for one in behind.values())
    return f"{events} events behind, the oldest for {worst.seconds:.1f} s (partition {partition})"
