"""Runs that kill their workers, and requests that cannot be read: what becomes of them, and that others go on."""

from __future__ import annotations

import asyncio

import pytest

from tests.integration.worker import samples
from tests.integration.worker.shop import SAMPLES, Process, Shop
from waterclock.log.commands.attempts import SUSPECT_FROM, QueueCredit, claim
from waterclock.log.commands.bodies import part
from waterclock.log.liveness.sessions import join, sweep
from waterclock.model.events import (
    RunCancelled,
    RunDied,
    RunLost,
    RunRetryScheduled,
    RunStarted,
    RunSucceeded,
)
from waterclock.model.ids import RunId
from waterclock.model.retry import RetryPolicy

CANCELLED = part(RunCancelled)


async def lost_often(shop: Shop, *targets: str) -> list[RunId]:
    """Runs that were lost so often that they are suspected."""
    runs = [await shop.run(target) for target in targets]
    for start in range(SUSPECT_FROM):
        session = f"dead-{start}"
        await join(shop.log, session, body=None)
        for number in (1, 2):
            await claim(
                shop.log, 0, session=session, number=number, slots=10,
                queues=[QueueCredit(name="default", weight=1)], strict=False,
                body=part(RunStarted, worker="dead", session=session), body_cancelled=CANCELLED,
            )  # fmt: skip
        await sweep(
            shop.log, 0, session=session, number=0, body_left=None, body_lost=part(RunLost, reason="leaseExpired"),
            body_died=part(RunDied, reason="leaseExpired"), body_cancelled=CANCELLED,
        )  # fmt: skip
    return runs


async def test_a_process_holds_one_run_at_a_time_that_was_lost_often(shop: Shop) -> None:
    suspects = await lost_often(shop, "t.waits", "t.waits")
    async with shop.worker(samples.waits, samples.echo, slots=5):
        first = (await shop.event(RunStarted, attempt=SUSPECT_FROM + 1)).run_id
        [second] = [run for run in suspects if run != first]
        for _ in range(3):
            await shop.event(RunSucceeded, await shop.run("t.echo", {"text": "free"}))
        assert shop.story(second)[-1] == "run.lost"
        samples.go_on(first)
        await shop.event(RunSucceeded, first)
        await shop.event(RunStarted, second, attempt=SUSPECT_FROM + 1)
        samples.go_on(second)
        await shop.event(RunSucceeded, second)


async def test_a_request_that_cannot_be_read_fails_and_says_so_and_others_go_on(shop: Shop) -> None:
    specs = shop.log.keys.partition(0, "specs")
    unreadable = [await shop.run("t.echo", {"text": "never"}) for _ in range(3)]
    bodies = ('{"type":"run.requested","runId":7}', "no JSON", '{"type":"run.requestedOtherwise"}')
    for run, body in zip(unreadable, bodies, strict=True):
        await shop.log.execute(specs, "HSET", specs, run, body)
    gone = await shop.run("t.echo", {"text": "never"})
    await shop.log.execute(specs, "HDEL", specs, gone)
    for stream in ("due", "again"):
        key = shop.log.keys.partition(0, f"{stream}:default")
        await shop.log.execute(key, "XADD", key, "*", "x", "not a run")
    async with shop.worker(samples.echo):
        await shop.event(RunSucceeded, await shop.run("t.echo", {"text": "after"}))
        for run in unreadable:
            tried = await shop.event(RunRetryScheduled, run)
            assert tried.error.type == "UnreadableRequest"
            assert "cannot read the request" in tried.error.message
        assert (await shop.event(RunDied, gone)).reason == "storeLost"
    assert "run.started" not in shop.story(gone)


async def test_a_record_that_cannot_be_read_ends_its_run_and_others_go_on(shop: Shop) -> None:
    records = shop.log.keys.partition(0, "runs")
    queued = await shop.run("t.echo", {"text": "never"})
    await shop.log.execute(records, "HSET", records, queued, "no record")
    async with shop.worker(samples.echo, samples.waits):
        running = await shop.run("t.waits")
        await shop.event(RunStarted, running)
        await shop.log.execute(records, "HSET", records, running, "no record")
        for run in (queued, running):
            assert (await shop.event(RunDied, run)).reason == "storeLost"
        await shop.event(RunSucceeded, await shop.run("t.echo", {"text": "after"}))
    assert "run.started" not in shop.story(queued)


@pytest.mark.soak
async def test_a_run_that_kills_its_workers_dies_and_the_others_do_not(shop: Shop) -> None:
    once = RetryPolicy(max_attempts=1)
    poison = await shop.run("t.kills_worker", retry=once)
    free = [await shop.run("t.deaf", {"text": "0.5"}, retry=once) for _ in range(4)]
    for _ in range(4):
        process = await Process.start(shop, "--executors", str(SAMPLES))
        assert await process.ended() == -9
    async with shop.worker(samples.deaf):
        died = await shop.event(RunDied, poison)
        assert died.reason == "leaseExpired"
        await asyncio.wait_for(shop.settled(free), 30)
        for run in free:
            assert (await shop.event(RunSucceeded, run)).attempt <= 1 + SUSPECT_FROM
