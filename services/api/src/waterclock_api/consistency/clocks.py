"""Clocks beside each other: of partitions, which decide when something is due, of servers, of Postgres, and ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from waterclock.kit.clock import Clock
from waterclock.log.client import Log
from waterclock.log.clock import ahead_of_server, offset_from
from waterclock.store.connection.pool import Connection

SKEW_MS, SKEW_MOST_MS = 1_000, 2_000
"""Clocks that differ by more: told; by as much as makes schedulers wait for the store's clock: wrong."""


class Clocks(NamedTuple):
    """In ms. `ahead`: by partition, of its clock before its server's, which was set back if that is above 0.

    `offsets`: by the first of the partitions that a server holds, of that server's clock before this process's.
    """

    ahead: Mapping[int, int]
    offsets: Mapping[int, int]


async def look(log: Log, clock: Clock) -> Clocks:
    """
    Raises:
        LogUnavailable: no answer.
    """
    ahead = {partition: await ahead_of_server(log, partition) for partition in range(log.partitions)}
    firsts = [partitions[0] for partitions in log.groups]
    offsets = {first: await offset_from(clock, log, log.keys.partition(first, "meta")) for first in firsts}
    return Clocks(ahead, offsets)


async def postgres_time(connection: Connection) -> int:
    """The clock of Postgres, ms."""
    row = await (await connection.execute(b"SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint")).fetchone()
    assert row is not None
    return row[0]


async def offset_of_postgres(clock: Clock, connection: Connection) -> int:
    """By how much the clock of Postgres is ahead of this process's, ms."""
    before = clock.now_ms()
    theirs = await postgres_time(connection)
    return theirs - (before + clock.now_ms()) // 2


def set_back(found: Clocks) -> list[str]:
    """Of each partition whose server's clock was set back, what that means."""
    return [
        f"the clock of partition {partition} is {ahead / 1000:.0f} s ahead of its server's, which was set back"
        for partition, ahead in found.ahead.items()
        if ahead > SKEW_MOST_MS
    ]


def told(found: Clocks, postgres: int | None) -> str:
    """What is wrong with them, in words; "ok" where nothing is. `postgres`: ms before ours; None: it is not known."""
    troubles = [f"{one}: nothing is due until then (`waterclock reconcile --clock`)" for one in set_back(found)]
    for first, offset in found.offsets.items():
        if abs(offset) <= SKEW_MS:
            continue
        whose = "the log's clock" if len(found.offsets) == 1 else f"the clock of partition {first}'s server"
        if postgres is not None and abs(offset - postgres) <= SKEW_MS:
            troubles.append(f"this process's clock is {apart(-offset)} {whose} and Postgres'")
        elif postgres is not None and abs(postgres) <= SKEW_MS:
            troubles.append(f"{whose} is {apart(offset)} this process's and Postgres'")
        else:
            troubles.append(f"{whose} is {apart(offset)} this process's")
    return "; ".join(troubles) or "ok"


def apart(ms: int) -> str:
    return f"{abs(ms) / 1000:.1f} s {'ahead of' if ms >= 0 else 'behind'}"
