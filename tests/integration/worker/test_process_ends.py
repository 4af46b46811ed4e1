"""Runs that end the process of their worker, or would: neighbours are handed back, and use up no attempt."""

from __future__ import annotations

import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from tests.integration.worker import samples
from tests.integration.worker.shop import SAMPLES, Process, Shop
from tests.support import misbehaving_ends
from waterclock.model.events import RunLost, RunRetryScheduled, RunStarted, RunSucceeded, StepLogged, WorkerLeft
from waterclock.model.retry import RetryPolicy

ONCE = RetryPolicy(max_attempts=1)


@asynccontextmanager
async def process_of(shop: Shop) -> AsyncGenerator[Process]:
    files = ("--executors", str(SAMPLES), "--executors", str(misbehaving_ends.__file__))
    process = await Process.start(shop, *files, "--drain-timeout", "0.3")
    try:
        await process.says("ready")
        yield process
    finally:
        await process.kill()


async def test_timers_end_no_worker_and_sigterm_to_its_own_process_drains_it(shop: Shop) -> None:
    async with process_of(shop) as process:
        rings = await shop.run("ends.alarm", retry=ONCE)
        assert (await shop.event(RunSucceeded, rings)).result == "went on"
        await process.says("timer of a run ignored")
        assert any("has fired without effect" in line for line in await shop.lines(rings))
        left = await shop.run("ends.alarm_left", retry=ONCE)
        await shop.event(RunSucceeded, left)
        [told] = await shop.lines(left)
        assert "timers of signals" in told
        assert "restored" in told

        beside = await shop.run("t.hang", retry=ONCE)
        await shop.event(StepLogged, beside)
        assert process.is_running
        run = await shop.run("ends.terminated", retry=ONCE)
        assert await process.ended() == 0
    assert (await shop.event(RunSucceeded, run)).result == "went on"
    assert (await shop.event(RunLost, beside)).reason == "handedBack"
    assert (await shop.event(WorkerLeft)).reason == "drained"


@pytest.mark.parametrize(("key", "code"), [("ends.exit", 3), ("ends.async.exit", 3), ("ends.untaken", -signal.SIGUSR1)])
async def test_what_ends_the_process_at_once_costs_no_neighbour_an_attempt(shop: Shop, key: str, code: int) -> None:
    async with process_of(shop) as process:
        beside = await shop.run("t.hang", retry=ONCE)
        await shop.event(StepLogged, beside)
        run = await shop.run(key, retry=ONCE)
        assert await process.ended() == code
    async with shop.worker(samples.hangs):
        assert (await shop.event(RunStarted, beside, attempt=2)).worker == "w"
        assert (await shop.event(RunLost, run)).reason == (await shop.event(RunLost, beside)).reason == "leaseExpired"
        assert not [one for one in shop.of(beside) if isinstance(one, RunRetryScheduled)]
