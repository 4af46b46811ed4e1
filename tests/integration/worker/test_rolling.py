"""Workers that are replaced one after the other while they work: no run is lost, and no attempt is used up."""

from __future__ import annotations

import asyncio
import signal
from contextlib import AsyncExitStack

import pytest

from tests.integration.worker.shop import Process, Shop
from waterclock.model.events import ResultRefused, RunLost, RunSucceeded, WorkerLeft
from waterclock.model.ids import RunId
from waterclock.model.retry import RetryPolicy

ONCE = RetryPolicy(max_attempts=1)
SECONDS = (0.01, 2.0, 0.2, 2.0, 0.05)  # what runs take; the longest outlast a drain, and there are many at a time
EVERY = 0.05  # s between two requests
LEASE = "10"  # s: nobody is killed here, and nobody may seem so on a busy machine


async def replace_workers(shop: Shop, restarts: int) -> None:
    runs: list[RunId] = []
    over = asyncio.Event()

    async def load() -> None:
        while not over.is_set():
            seconds = SECONDS[len(runs) % len(SECONDS)]
            runs.append(await shop.run("demo.sleep", {"seconds": seconds}, retry=ONCE))
            await asyncio.sleep(EVERY)

    async with AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
        present = [await started(shop, stack, number) for number in range(2)]
        tasks.create_task(load(), name="load")
        for number in range(restarts):
            present.append(await started(shop, stack, 2 + number))
            leaving = present.pop(0)
            leaving.signal(signal.SIGTERM)
            assert await leaving.ended() == 0
        over.set()
        await shop.settled(runs)
        for process in present:
            process.signal(signal.SIGTERM)
            assert await process.ended() == 0

    await shop.catch_up()
    events = shop.all()
    assert {event.run_id for event in events if isinstance(event, RunSucceeded)} == set(runs)
    assert {event.reason for event in events if isinstance(event, RunLost)} == {"handedBack"}
    assert [event for event in events if isinstance(event, ResultRefused)] == []
    assert [event.reason for event in events if isinstance(event, WorkerLeft)] == ["drained"] * (restarts + 2)


async def started(shop: Shop, stack: AsyncExitStack, number: int) -> Process:
    drains = ("--drain-timeout", "0.2", "--slots", "20")
    process = await Process.start(shop, "--name", f"w-{number}", *drains, WATERCLOCK_LEASE=LEASE)
    stack.push_async_callback(process.kill)
    await process.says("ready")
    return process


async def test_a_rolling_restart_under_load_uses_up_no_attempt(shop: Shop) -> None:
    await replace_workers(shop, 3)


@pytest.mark.soak
@pytest.mark.timeout(900)
async def test_rolling_restarts_for_minutes_use_up_no_attempt(shop: Shop) -> None:
    await replace_workers(shop, 80)
