"""How many events a projector process puts into Postgres in a second, and how soon a fresh one is readable there.

The bare loop beside it reads the same entries and copies the same rows into a table like the archive's: no documents
made, no events decoded, no read models.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import msgspec
import psycopg
import redis

from waterclock.model.definition import Definition
from waterclock.model.events import (
    Event,
    JobCreated,
    LogLine,
    RunRequested,
    RunStarted,
    RunSucceeded,
    StepFinished,
    StepLogged,
    StepStarted,
)
from waterclock.model.ids import JobId, RunId
from waterclock.model.timestamps import stamp
from waterclock.store import archive
from waterclock.store.connection.migrate import migrate
from waterclock.store.connection.pool import Pool, open_pool
from waterclock.store.readmodels.wait_for_position import Projected
from waterclock.wire.envelope import encode_body
from waterclock_dev.bench.latency import Latency, summed
from waterclock_dev.bench.stage import QUEUE, Stage, staged
from waterclock_dev.servers.postgres import Postgres
from waterclock_dev.servers.server import Server

JOBS = 50
AT_ONCE = 1_000  # entries, as the projector reads them
LONGEST = 300.0  # s
WARM = 2.0  # s
TICK = 0.02  # s between two handfuls of requests
_EPOCH = datetime.fromtimestamp(0, UTC)


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """Events a second."""

    projector: float
    bare: float

    @property
    def ratio(self) -> float:
        return self.projector / self.bare


async def throughput(events: int) -> Round:
    """One round: first the bare loop, then the projector, over one stream that was filled before."""
    async with stores() as (stage, url, pool):
        count = await asyncio.to_thread(_fill, stage, events)
        bare = await asyncio.to_thread(_bare, stage, url, count)
        async with stage.projector(url):
            first, began = await _reached(pool, 1)
            last, ended = await _reached(pool, count)
        return Round(projector=(last - first) / (ended - began), bare=count / bare)


async def readable(*, rate: int, seconds: float) -> tuple[Latency, float]:
    """Request → readable, at a rate of runs that a worker works off meanwhile; and the rate that it was."""
    async with stores() as (stage, url, pool), stage.projector(url), stage.worker(slots=100):
        projected = Projected(pool)
        sent: dict[int, float] = {}
        found: list[float] = []
        async with asyncio.TaskGroup() as tasks:
            hearing = tasks.create_task(projected.listen(), name="listen")
            watching = tasks.create_task(_watch(pool, projected, sent, found), name="watch")
            await _request(stage, rate, WARM, sent)
            sent.clear()
            found.clear()
            began = time.monotonic()
            count = await _request(stage, rate, seconds, sent)
            took = time.monotonic() - began
            async with asyncio.timeout(LONGEST):
                while sent:  # noqa: ASYNC110  what is waited for happens in other processes
                    await asyncio.sleep(TICK)
            hearing.cancel()
            watching.cancel()
        return summed(found), count / took


@asynccontextmanager
async def stores() -> AsyncGenerator[tuple[Stage, str, Pool]]:
    """A fresh log and a fresh, migrated database."""
    with TemporaryDirectory(prefix="waterclock-bench-", ignore_cleanup_errors=True) as folder:
        async with staged() as stage, Server(Postgres(data=Path(folder) / "postgres")) as server:
            await migrate(server.url)
            pool = await open_pool(server.url, name="bench", max_size=2)
            try:
                yield stage, server.url, pool
            finally:
                await pool.close()


async def _reached(pool: Pool, seq: int) -> tuple[int, float]:
    """Where the read models are once they are at `seq` or beyond, and when that was."""
    async with asyncio.timeout(LONGEST), pool.connection() as connection:
        while True:
            place = await archive.position(connection, 0)
            if place is not None and place.seq >= seq:
                return place.seq, time.monotonic()
            await asyncio.sleep(0.005)


async def _request(stage: Stage, rate: int, seconds: float, sent: dict[int, float]) -> int:
    """Request runs, a handful each tick, and note when; how many."""
    began, count = time.monotonic(), 0
    while (now := time.monotonic() - began) < seconds:
        wanted = int(rate * now) - count
        async with asyncio.TaskGroup() as tasks:
            for number in range(count, count + wanted):
                tasks.create_task(_note(stage, f"{began}-{number}", sent))
        count += wanted
        await asyncio.sleep(TICK)
    return count


async def _note(stage: Stage, command_id: str, sent: dict[int, float]) -> None:
    at = time.monotonic()
    done = await stage.requested("demo.noop", command_id)
    sent[done.position.seq] = at


async def _watch(pool: Pool, projected: Projected, sent: dict[int, float], found: list[float]) -> None:
    """Look where the read models are at each notice, and note what has become readable."""
    async with pool.connection() as connection:
        with projected.hear(0) as heard:
            while True:
                await heard.wait()
                heard.clear()
                place = await archive.position(connection, 0)
                now = time.monotonic()
                seen = [seq for seq in sent if place is not None and seq <= place.seq]
                found += [(now - sent.pop(seq)) * 1000 for seq in seen]


def _bare(stage: Stage, url: str, count: int) -> float:
    """Seconds to read and copy it all: one thread, one batch after the other."""
    client: Any = redis.Redis.from_url(stage.url)  # pyright: ignore[reportUnknownMemberType]
    key = stage.log.keys.partition(0, "events")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE bare (LIKE events INCLUDING INDEXES)")
        began, after, copied = time.monotonic(), b"0-0", 0
        while copied < count:
            ((_, rows),) = client.xread({key: after}, count=AT_ONCE)
            with connection.transaction(), connection.cursor() as cursor, cursor.copy(_COPY) as copy:
                copy.set_types(["int4", "int8", "int8", "text", "timestamptz", "text", "text", "text", "bytea"])
                for entry, fields in rows:
                    epoch, seq = map(int, entry.split(b"-"))
                    at = _EPOCH + timedelta(milliseconds=int(fields[b"t"]))
                    copy.write_row((0, epoch, seq, fields[b"p"].decode(), at, "bare", "j", "r", fields[b"b"]))
            after, copied = rows[-1][0], copied + len(rows)
        took = time.monotonic() - began
        connection.execute("DROP TABLE bare")
    client.close()
    return took


_COPY = b"COPY bare (partition, epoch, seq, prev, at, type, job_id, run_id, document) FROM STDIN (FORMAT BINARY)"


def _fill(stage: Stage, events: int) -> int:
    """Append the histories of runs that steps and lines belong to, past the scripts; how many entries there are."""
    client: Any = redis.Redis.from_url(stage.url)  # pyright: ignore[reportUnknownMemberType]
    key = stage.log.keys.partition(0, "events")
    rows = cast("list[Any]", client.xrevrange(key, count=1))
    prev, seq = (rows[0][0], int(rows[0][0].split(b"-")[1])) if rows else (b"", 0)
    pipeline = client.pipeline(transaction=False)
    now = int(time.time() * 1000)
    for event in _history(events - seq):
        seq += 1
        name = b"1-%d" % seq
        pipeline.xadd(key, {"b": encode_body(event), "p": prev, "t": now}, id=name)
        prev = name
        if seq % AT_ONCE == 0:
            pipeline.execute()
    pipeline.execute()
    client.close()
    return seq


def _history(events: int) -> Iterator[Event]:
    """Of jobs whose runs write two steps with lines: nine events each."""
    jobs = [JobId(f"bench-{number}") for number in range(JOBS)]
    definition = Definition(job_name="bench", invoke_target="demo.steps")
    for job in jobs:
        yield JobCreated(job_id=job, version=1, definition=definition)
    at = stamp(int(time.time() * 1000))
    line = LogLine(at=at, level="info", text="a line of the usual length, with a number in it: 12345")
    for number in range((events - JOBS) // 9 + 1):
        job = jobs[number % JOBS]
        run = RunId(f"{job}-{number}")
        ids: dict[str, Any] = {"run_id": run, "job_id": job}
        grant: dict[str, Any] = {**ids, "attempt": 1, "fence": number + 1}
        yield RunRequested(**ids, trigger="schedule", invoke_target="demo.steps", queue=QUEUE.name, nominal_at=at)
        yield RunStarted(**grant, worker="bench", session="bench")
        for step in (1, 2):
            yield StepStarted(**grant, number=step, name=f"Step {step}")
            yield StepLogged(**grant, number=step, lines=(line, line))
            yield StepFinished(**grant, number=step, status="succeeded")
        yield RunSucceeded(**grant, result=None)
