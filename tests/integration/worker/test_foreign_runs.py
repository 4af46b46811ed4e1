"""Very many runs that a worker cannot run: what they cost its claims, the server's memory and the worker at rest."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from statistics import quantiles
from typing import cast

import pytest

from tests.contract.log.build import QUEUES, create, grab, open_all, wish
from tests.integration.worker.shop import Process, Shop
from tests.support import waiting
from waterclock.log.client import Log, LogSettings
from waterclock.log.commands.aside import announced, count_aside
from waterclock.log.commands.idempotency import Command
from waterclock.log.commands.requests import Wish, request_all
from waterclock.log.liveness.sessions import join
from waterclock.log.recovery.opening import prepare
from waterclock.model.ids import JobId, RunId

RUNS = 100_000
CLAIM_US = 5_000
RESTING_S = 10.0


async def ask_for(log: Log, count: int, *, job_id: JobId | None = None, target: str = "of.others") -> None:
    """Request so many runs, of all queues in turn."""
    for first in range(0, count, 100):
        wishes: list[Wish] = []
        for number in range(first, min(count, first + 100)):
            queue = QUEUES[number % len(QUEUES)].name
            one = wish(0, job_id=job_id, run_id=RunId(f"foreign-{number}"), queue=queue, target=target)
            wishes.append(Wish(command=Command(id=f"ask {number}"), request=one))
        await request_all(log, 0, wishes)


async def told(log: Log, section: str, name: str) -> str:
    """A line of INFO."""
    key = log.keys.partition(0, "meta")
    lines = cast("bytes", await log.execute(key, "INFO", section)).decode().splitlines()
    return next((line.partition(":")[2] for line in lines if line.startswith(f"{name}:")), "")


async def server_us(log: Log) -> int:
    """Microseconds of a processor that the server has worked, whoever else works on the machine."""
    parts = [await told(log, "cpu", f"used_cpu_{mode}_main_thread") for mode in ("user", "sys")]
    return round(sum(map(float, parts)) * 1_000_000)


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("slots", [1, 50])
async def test_a_claim_takes_milliseconds_before_very_many_runs_of_others(
    any_redis_url: str, key_prefix: str, slots: int, strict: bool
) -> None:
    log = await Log.reach(LogSettings(url=any_redis_url, prefix=key_prefix), role="test")
    try:
        await prepare(log, partitions=1, queues=QUEUES)
        await log.refresh()
        await open_all(log, epoch=1)
        await create(log)
        lacking = announced(("report",))
        await join(log, "lacking", body=None, executors=lacking)
        await ask_for(log, RUNS)
        memory = int(await told(log, "memory", "used_memory"))
        took: list[int] = []
        more, number, looked = True, 0, 0
        while more:
            number += 1
            before = await server_us(log)
            claimed = await grab(log, number, slots=slots, session="lacking", strict=strict, looked=looked)
            took.append(await server_us(log) - before)
            assert claimed.grants == []
            more, looked = claimed.more, claimed.looked
        assert await lie_aside(log, RUNS)
        grown = (int(await told(log, "memory", "used_memory")) - memory) / RUNS
        tenths = quantiles(took, n=10)
        said = f"p50 {tenths[4]:.0f}, p90 {tenths[8]:.0f}, most {max(took)} us; {grown:.0f} bytes a run"
        sys.stdout.write(f"{number} claims: {said}\n")
        assert tenths[4] < CLAIM_US, said
    finally:
        await log.close()


@pytest.mark.soak
@pytest.mark.timeout(300)
async def test_a_worker_at_rest_stays_so_beside_runs_of_others(shop: Shop) -> None:
    worker = await Process.start(shop, "--slots", "50", WATERCLOCK_LEASE="10")
    try:
        await worker.says("ready")
        alone = await share(worker.pid)
        await ask_for(shop.log, 10_000)
        await waiting.until(lambda: lie_aside(shop.log, 10_000), within=60, what="all lie aside")
        beside = await share(worker.pid)
        sys.stdout.write(f"of a core: {alone:.2%} alone, {beside:.2%} beside\n")
        assert beside < max(0.01, alone * 1.5)
        worker.signal(signal.SIGTERM)
        assert await worker.ended() == 0
    finally:
        await worker.kill()


async def lie_aside(log: Log, count: int) -> bool:
    return sum(one.runs for one in (await count_aside(log, 0)).groups) == count


async def share(pid: int) -> float:
    """Of a core, that a process takes."""

    def ticks() -> int:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    before = ticks()
    await asyncio.sleep(RESTING_S)
    return (ticks() - before) / 100 / RESTING_S
