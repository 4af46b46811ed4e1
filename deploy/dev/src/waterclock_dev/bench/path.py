"""The whole path at a rate: trigger over HTTP → worker → read models; how far the projector is behind meanwhile."""

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from waterclock.log.tail import tail_of
from waterclock.model.ids import JobId
from waterclock.store import archive
from waterclock.store.connection.migrate import migrate
from waterclock.store.connection.pool import Pool, open_pool
from waterclock_dev.bench.http_load import send
from waterclock_dev.bench.spent import each_spent
from waterclock_dev.bench.stage import Stage, staged
from waterclock_dev.servers.ports import LOOPBACK, free_port
from waterclock_dev.servers.postgres import Postgres
from waterclock_dev.servers.server import Server

JOB = JobId("benchjob")
SLOTS = 100
WARM = 200  # requests
LOOK = 0.1  # s
LONGEST = 120.0  # s


class Sustained(msgspec.Struct, frozen=True, kw_only=True):
    requested: float  # runs a second
    through: float
    """Runs a second from the first request until the last run's end is in the read models."""
    behind: float  # s from the last request until then
    most: int  # events that were in the log and not yet in the read models
    spent: dict[str, float]
    """Processor seconds a run, by process; the client is not one of them."""


async def measure(*, rate: float, seconds: float, env: Mapping[str, str] | None = None) -> Sustained:
    """`env`: further settings of all processes."""
    count = round(rate * seconds)
    with TemporaryDirectory(prefix="waterclock-bench-", ignore_cleanup_errors=True) as folder:
        async with staged(env=env) as stage, Server(Postgres(data=Path(folder) / "postgres")) as postgres:
            await migrate(postgres.url)
            await stage.job(JOB, "demo.noop", concurrent="0")
            port = free_port()
            pool = await open_pool(postgres.url, name="bench", max_size=1)
            try:
                async with (
                    stage.api(postgres.url, port=port) as api,
                    stage.projector(postgres.url) as projector,
                    stage.worker(slots=SLOTS) as worker,
                ):
                    place = f"http://{LOOPBACK}:{port}/v1/monitor/jobs/{JOB}/trigger"
                    await send(place, count=WARM)
                    await _caught_up(stage, pool)
                    pids = {
                        "api": api.pid,
                        "worker": worker.pid,
                        "projector": projector.pid,
                        "log": await stage.store_pid(),
                        "postgres": postgres.pid,
                    }
                    return await _sustained(stage, pool, place, pids, count=count, rate=rate)
            finally:
                await pool.close()


async def _sustained(stage: Stage, pool: Pool, url: str, pids: dict[str, int], *, count: int, rate: float) -> Sustained:
    before = each_spent(pids)
    most: list[int] = []
    began = time.monotonic()
    async with asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(_watch(stage, pool, most), name="watch the projector")
        took = await send(url, count=count, rate=rate)
        await _caught_up(stage, pool)
        ended = time.monotonic()
        watching.cancel()
    after = each_spent(pids)
    return Sustained(
        requested=count / took,
        through=count / (ended - began),
        behind=ended - began - took,
        most=max(most, default=0),
        spent={name: (after[name] - seconds) / count for name, seconds in before.items() if name in after},
    )


async def _watch(stage: Stage, pool: Pool, most: list[int]) -> None:
    while True:
        most.append(await _behind(stage, pool))
        await asyncio.sleep(LOOK)


async def _caught_up(stage: Stage, pool: Pool) -> None:
    """Until no run is unfinished and every event is in the read models."""
    key = stage.log.keys.partition(0, "runs")
    async with asyncio.timeout(LONGEST):
        while await stage.log.execute(key, "HLEN", key) or await _behind(stage, pool):  # noqa: ASYNC110  other processes do
            await asyncio.sleep(LOOK / 4)


async def _behind(stage: Stage, pool: Pool) -> int:
    """Events between the read models and the log's end."""
    async with pool.connection() as connection:
        place = await archive.position(connection, 0)
    tail = await tail_of(stage.log, 0)
    return (tail.seq if tail else 0) - (place.seq if place else 0)
