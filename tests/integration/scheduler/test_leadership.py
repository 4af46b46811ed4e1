"""Who decides: leadership moves, is shared, is mistaken; the instants do not notice."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from redis.asyncio import Redis

from tests.integration.scheduler.stage import (
    Stage,
    assert_unbroken,
    instants,
    is_decision_of,
    is_leadership,
    process,
    scheduling,
    staged,
)
from tests.support.servers import OwnValkey
from waterclock.log import broker as messages
from waterclock.log.client import Log
from waterclock.log.connection.errors import Halted, LogUnavailable
from waterclock.log.liveness import leadership
from waterclock.log.liveness.leadership import Lead
from waterclock.model.events import LeadershipTaken
from waterclock.wire.keys import Keys
from waterclock_scheduler.app import Messages, application
from waterclock_scheduler.leadership import OPENED_WITHIN_S, level_of
from waterclock_scheduler.scheduler import Scheduler

EVERY_SECOND = "* * * * * *"


async def test_of_two_schedulers_one_decides(stage: Stage) -> None:
    job = await stage.create(EVERY_SECOND)

    async with scheduling(stage.log, "first"), scheduling(stage.log, "second"):
        await stage.until(lambda entry: is_decision_of(job, entry), count=2)

    assert_unbroken(job, await stage.decisions(job))
    assert len([entry for entry in await stage.entries() if is_leadership(entry)]) == 1


async def test_two_that_both_believe_to_lead_decide_nothing_twice(stage: Stage) -> None:
    made = [await stage.create(EVERY_SECOND) for _ in range(5)]

    # One name is one leader to the log, so both are told that they lead, in the same term.
    async with scheduling(stage.log, "twin") as one, scheduling(stage.log, "twin") as other:
        for job in made:
            await stage.until(lambda entry, job=job: is_decision_of(job, entry), count=2)
        assert one.scheduler.leads == other.scheduler.leads == (0,)

    for job in made:
        assert_unbroken(job, await stage.decisions(job))


async def test_when_the_leader_dies_another_goes_on_where_it_ended(stage: Stage) -> None:
    job = await stage.create(EVERY_SECOND)

    async with scheduling(stage.log, "first") as first:
        await stage.until(lambda entry: is_decision_of(job, entry), count=1)
        async with scheduling(stage.log, "second"):
            await first.drop()
            await stage.until(is_leadership, count=2)
            count = len(await stage.decisions(job))
            await stage.until(lambda entry: is_decision_of(job, entry), count=count + 2)

    decisions = await stage.decisions(job)
    assert_unbroken(job, decisions)
    fired = list(instants(decisions))
    assert fired == list(range(fired[0], fired[-1] + 1, 1000))


async def test_a_leader_that_is_asked_to_stop_hands_over_at_once(stage: Stage) -> None:
    async with scheduling(stage.log, "first", ttl_s=3) as first:
        await stage.until(is_leadership)
        async with scheduling(stage.log, "second", ttl_s=3):
            await first.stop()
            stopped_at = await stage.now()
            _, second = await stage.until(is_leadership, count=2)

    assert isinstance(second.event, LeadershipTaken)
    assert second.event.scheduler == "second"
    assert second.at - stopped_at < 1_500


async def test_a_leader_that_leaves_while_another_looks_is_followed_at_once(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    acquire, looked = leadership.acquire, asyncio.Event()
    async with scheduling(stage.log, "first", ttl_s=60) as first:
        await stage.until(is_leadership)

        async def answered(log: Log, partition: int, *, scheduler: str, **rest: Any) -> Lead:
            """The second is told who leads; before it takes that in, the first has left, and says so."""
            lead = await acquire(log, partition, scheduler=scheduler, **rest)
            if scheduler == "second" and not looked.is_set():
                looked.set()
                assert not lead.mine
                await first.stop()
                second.scheduler.left("first")
            return lead

        monkeypatch.setattr(leadership, "acquire", answered)
        async with asyncio.timeout(10), scheduling(stage.log, "second", ttl_s=60) as second:
            await looked.wait()
            _, taken = await stage.until(is_leadership, count=2)

    assert isinstance(taken.event, LeadershipTaken)
    assert taken.event.scheduler == "second"


async def test_schedulers_that_hear_of_each_other_share_the_partitions(redis_url: str, key_prefix: str) -> None:
    async with staged(redis_url, key_prefix, partitions=2) as stage:
        made = [await stage.create(EVERY_SECOND, partition=partition) for partition in (0, 1)]
        async with speaking(stage, redis_url, "first"):
            await stage.until(is_leadership, partition=0)
            await stage.until(is_leadership, partition=1)
            async with speaking(stage, redis_url, "second"):
                await stage.until(is_leadership, partition=1, count=2)
                decided = len(await stage.decisions(made[1]))
                await stage.until(lambda entry: is_decision_of(made[1], entry), partition=1, count=decided + 1)
                assert [await stage.leaders(partition) for partition in (0, 1)] == [["first"], ["first", "second"]]
        for job in made:
            assert_unbroken(job, await stage.decisions(job))


async def test_a_bell_is_heard_at_once(redis_url: str, key_prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("waterclock_scheduler.decider.LOOK_S", 3600.0)
    async with staged(redis_url, key_prefix) as stage, speaking(stage, redis_url, "first"):
        await stage.until(is_leadership)
        job = await stage.create(EVERY_SECOND)

        (first,) = await stage.until(lambda entry: is_decision_of(job, entry))

        assert first.at - job.mark < 2_000


async def test_a_scheduler_waits_for_a_log_that_is_not_open(redis_url: str, key_prefix: str) -> None:
    async with staged(redis_url, key_prefix, opened=False) as stage, scheduling(stage.log):
        await stage.open(epoch=1)
        job = await stage.create(EVERY_SECOND)
        await stage.until(lambda entry: is_decision_of(job, entry))


async def test_a_restart_of_the_server_loses_and_repeats_no_instant(own_valkey: OwnValkey, key_prefix: str) -> None:
    server = await own_valkey()
    async with staged(server.url, key_prefix) as stage:
        job = await stage.create(EVERY_SECOND)
        async with scheduling(stage.log):
            await stage.until(lambda entry: is_decision_of(job, entry))
            await server.kill()
            await server.start()
            await stage.open(epoch=2)
            await stage.until(lambda entry: is_decision_of(job, entry) and entry.position.epoch == 2, count=2)

        decisions = await stage.decisions(job)
        assert_unbroken(job, decisions)
        fired = list(instants(decisions))
        assert fired == list(range(fired[0], fired[-1] + 1, 1000))


async def test_a_killed_process_is_replaced_within_five_seconds(stage: Stage, redis_url: str, key_prefix: str) -> None:
    job = await stage.create(EVERY_SECOND)
    async with process(redis_url, key_prefix) as first:
        await stage.until(lambda entry: is_decision_of(job, entry))
        async with process(redis_url, key_prefix) as second:
            await second.ready()
            first.kill()
            killed_at = await stage.now()
            await stage.until(is_leadership, count=2)
            before = len(await stage.decisions(job))
            *_, next_one = await stage.until(lambda entry: is_decision_of(job, entry), count=before + 1)

    assert next_one.at - killed_at < 5_000
    assert_unbroken(job, await stage.decisions(job))


async def test_a_process_that_is_asked_to_stop_is_replaced_long_before_others_look(
    stage: Stage, redis_url: str, key_prefix: str
) -> None:
    term = {"WATERCLOCK_SCHEDULER_TERM": "60"}
    async with process(redis_url, key_prefix, **term) as first:
        await stage.until(is_leadership)
        async with process(redis_url, key_prefix, **term) as second:
            await second.ready()
            await heard_by_both(redis_url, key_prefix)
            first.terminate()
            await first.end()
            stopped_at = await stage.now()
            _, taken = await stage.until(is_leadership, count=2)

    assert taken.at - stopped_at < 5_000


async def heard_by_both(redis_url: str, key_prefix: str) -> None:
    """Until two processes hear what schedulers say: one is ready a moment before its subscription is."""
    channel = Keys(key_prefix).schedulers
    untyped: Any = Redis
    async with asyncio.timeout(30), untyped.from_url(redis_url) as redis:
        while await redis.execute_command("PUBSUB", "NUMSUB", channel) != [channel.encode(), 2]:  # noqa: ASYNC110  only asking tells
            await asyncio.sleep(0.05)


async def test_a_process_that_starts_before_a_partition_is_open_warns_of_nothing(
    redis_url: str, key_prefix: str
) -> None:
    async with staged(redis_url, key_prefix, opened=False) as stage, process(redis_url, key_prefix) as running:
        await running.says("info    scheduler: waiting for leadership")
        await stage.open(epoch=1)
        await stage.until(is_leadership)
        running.terminate()
        code, said = await running.end()

    assert (code, "warning" in said) == (0, False), said


def test_a_partition_that_stays_closed_and_a_server_that_is_gone_are_warnings() -> None:
    assert level_of(Halted("not open"), OPENED_WITHIN_S) == logging.WARNING
    assert level_of(LogUnavailable("gone"), 0) == logging.WARNING


async def test_a_process_whose_server_is_gone_says_so_in_lines_and_stops_when_asked(
    own_valkey: OwnValkey, key_prefix: str
) -> None:
    server = await own_valkey()
    async with staged(server.url, key_prefix) as stage, process(server.url, key_prefix) as running:
        await stage.until(is_leadership)
        await server.kill()
        await running.says("waiting for leadership")
        running.terminate()
        code, said = await running.end()

    assert (code, "Traceback" in said) == (0, False), said


async def test_partitions_on_the_nodes_of_a_cluster_are_all_led(
    redis_cluster_urls: tuple[str, str], key_prefix: str
) -> None:
    async with staged(redis_cluster_urls[0], key_prefix, partitions=4) as stage:
        made = [await stage.create(EVERY_SECOND, partition=partition) for partition in range(4)]
        async with process(redis_cluster_urls[1], key_prefix) as running:
            await running.ready()
            for partition, job in enumerate(made):
                await stage.until(lambda entry, job=job: is_decision_of(job, entry), partition=partition, count=2)

        for job in made:
            assert_unbroken(job, await stage.decisions(job))


@asynccontextmanager
async def speaking(stage: Stage, url: str, name: str) -> AsyncGenerator[Scheduler]:
    """A scheduler with its messages."""
    async with scheduling(stage.log, name) as running:
        broker = messages.broker_at(url)
        said = Messages(running.scheduler, broker, stage.log.keys)
        said.hear_schedulers()
        said.hear_streams(stage.log.partitions, since_ms=await stage.now())
        app = application(broker)
        stop = asyncio.Event()
        await app.start()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(said.speak(stop), name=f"speak for {name}")
                try:
                    yield running.scheduler
                finally:
                    stop.set()
        finally:
            await app.stop()
