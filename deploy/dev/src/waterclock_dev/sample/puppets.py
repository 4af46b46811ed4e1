"""Who is there in a picture: workers that hold what ran at its moment, and the scheduler that leads.

They are names in the log, renewed so that all stays as it was. Nobody works under them: no run that they hold ever goes
on, none is claimed and nothing is decided.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import count
from typing import NoReturn, cast

import msgspec

from waterclock.kit.settings import RedisSettings, read
from waterclock.log.client import Log, LogSettings
from waterclock.log.clock import server_time
from waterclock.log.commands.aside import announced
from waterclock.log.commands.bodies import part
from waterclock.log.connection.errors import LogError
from waterclock.log.liveness.leadership import acquire
from waterclock.log.liveness.sessions import join, renew
from waterclock.log.records import record_of
from waterclock.log.recovery.repair import LOST_SESSION
from waterclock.model.events import LeadershipTaken
from waterclock_dev.sample.fleet import QUEUES
from waterclock_dev.sample.history import registry
from waterclock_dev.sample.workers import Worker

RENEWED = 2.0  # s
LEADER = "scheduler-1"
_TERM_MS = 60_000
_NEVER = 253_402_300_799_000
"""ms: the end of the year 9999."""
_TAKEN = part(LeadershipTaken, scheduler=LEADER, actor="scheduler")


async def hand_over(log: Log, workers: Sequence[Worker], until: int) -> None:
    """Give the attempts that a repair has put back to the sessions of those who made them at `until`, ms."""
    runs, held = log.keys.partition(0, "runs"), log.keys.partition(0, "held")
    names = announced(registry().names)
    for worker in workers:
        await join(log, worker.session, body=None, executors=names)
        for run_id in worker.runs:
            packed = cast("bytes", await log.execute(runs, "HGET", runs, run_id))
            record = msgspec.structs.replace(record_of(packed), session=worker.session)
            await log.execute(runs, "HSET", runs, run_id, msgspec.msgpack.encode(record))
            await log.execute(held, "ZADD", held, 0, f"{worker.session}:{run_id}")
            await log.execute(held, "ZREM", held, f"{LOST_SESSION}:{run_id}")
    for queue in QUEUES:
        await _wait_since(log, queue, until)
    delayed = log.keys.partition(0, "delayed")
    for name in cast("list[bytes]", await log.execute(delayed, "ZRANGE", delayed, 0, -1)):
        await log.execute(delayed, "ZADD", delayed, _NEVER, name)
    meta = log.keys.meta(0)
    ends_at = await server_time(log, meta) + _TERM_MS
    await log.execute(
        meta, "HSET", meta, "leader", LEADER, "leader_until", ends_at, "leader_ttl", _TERM_MS, "next_at", 0
    )


async def _wait_since(log: Log, queue: str, until: int) -> None:
    """Let what is queued have waited since it was requested, and let wait what has its time after the picture.

    A restored queue begins anew, by the clock of today.
    """
    key, runs, delayed = (log.keys.partition(0, name) for name in (f"due:{queue}", "runs", "delayed"))
    entries = cast("list[tuple[bytes, list[bytes]]]", await log.execute(key, "XRANGE", key, "-", "+"))
    names = [pair[1].decode() for _, pair in entries]
    records = {name: record_of(cast("bytes", await log.execute(runs, "HGET", runs, name))) for name in names}
    await log.execute(key, "DEL", key)
    for place, name in enumerate(sorted(names, key=lambda name: records[name].requested_at), 1):
        record = records[name]
        if record.ready_at > until:
            await log.execute(delayed, "ZADD", delayed, _NEVER, name)
            record = msgspec.structs.replace(record, state="delayed", place="", entry="")
        else:
            record = msgspec.structs.replace(record, entry=f"{record.requested_at}-{place}")
            await log.execute(key, "XADD", key, record.entry, "r", name)
        await log.execute(runs, "HSET", runs, name, msgspec.msgpack.encode(record))


async def keep_alive(environment: Mapping[str, str]) -> NoReturn:
    """Renew all sessions of the log until cancelled; while it is away they are silent."""
    redis = read(RedisSettings, environment)
    log = await Log.connect(
        LogSettings(url=redis.redis_url, address_map=redis.redis_address_map, prefix=redis.key_prefix), role="sample"
    )
    try:
        key = log.keys.partition(0, "sessions")
        for number in count(1):
            with suppress(LogError):
                names = cast("list[bytes]", await log.execute(key, "HKEYS", key))
                for name in names:
                    await renew(log, 0, name.decode(), number)
                await acquire(log, 0, scheduler=LEADER, ttl_ms=_TERM_MS, body=_TAKEN, next_at=0)
            await asyncio.sleep(RENEWED)
    finally:
        await log.close()
    raise AssertionError("it counts for ever")
