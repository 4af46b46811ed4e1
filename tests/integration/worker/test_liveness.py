"""Workers that die, stall, drain or lose the log: whose runs are whose."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from tests.conftest import OwnValkey
from tests.integration.worker import samples
from tests.integration.worker.shop import LEASE, PATIENCE, SAMPLES, Process, Shop, is_alive, opened
from waterclock.log.commands.attempts import QueueCredit, claim
from waterclock.log.commands.bodies import part
from waterclock.log.connection.errors import LogUnavailable
from waterclock.log.recovery.opening import open_partition
from waterclock.model.events import (
    ResultRefused,
    RunCancelled,
    RunLost,
    RunRequested,
    RunStarted,
    RunSucceeded,
    StepLogged,
    StepStarted,
    WorkerJoined,
    WorkerLeft,
)
from waterclock.model.ids import RunId
from waterclock.model.retry import RetryPolicy
from waterclock.model.timestamps import millis
from waterclock_worker.claiming.leases import LEASE_LOST
from waterclock_worker.reporting.pending import CAPPED


@asynccontextmanager
async def a_process(shop: Shop, *arguments: str, **environment: str) -> AsyncGenerator[Process]:
    process = await Process.start(shop, "--executors", str(SAMPLES), *arguments, **environment)
    try:
        await process.says("ready")
        yield process
    finally:
        await process.kill()


async def test_the_run_of_a_killed_worker_starts_elsewhere_and_its_log_lacks_what_was_past_its_head(shop: Shop) -> None:
    async with a_process(shop) as process:
        run = await shop.run("t.echo", {"text": "first"})
        hanging = await shop.run("t.hang", retry=RetryPolicy(max_attempts=1))
        await shop.event(StepLogged, hanging)
        await shop.event(RunSucceeded, run)
        chatty = await shop.run("t.past_head", retry=RetryPolicy(max_attempts=1))
        await shop.event(StepStarted, chatty)  # told after all its lines
        process.signal(signal.SIGKILL)
        async with shop.worker(samples.hangs):
            again = await shop.event(RunStarted, hanging, attempt=2)
            assert again.worker == "w"
            assert (await shop.event(RunLost, hanging)).reason == "leaseExpired"
            assert (await shop.event(WorkerLeft)).reason == "lost"
            assert again.fence > (await shop.event(RunStarted, hanging)).fence
            assert (await shop.event(RunLost, chatty)).reason == "leaseExpired"
            _is_without_its_tail(await shop.lines(chatty))


def _is_without_its_tail(lines: list[str]) -> None:
    """What was past the head of this log died with its worker, and the log says so where its head ends."""
    assert "a worker that is killed loses them" in CAPPED
    head, rest = lines[: lines.index(CAPPED)], lines[lines.index(CAPPED) + 1 :]
    assert [line.split()[0] for line in head] == [str(number) for number in range(len(head))]
    assert 4_100_000 < sum(map(len, head)) <= 4 * 1024 * 1024
    assert not [line for line in rest if not line.startswith("gap so far: ")]


@pytest.mark.soak
async def test_with_the_lease_of_a_deployment_it_starts_elsewhere_within_15_s(shop: Shop) -> None:
    async with a_process(shop, WATERCLOCK_LEASE="8", WATERCLOCK_WORKER_NAME="a") as first:
        run = await shop.run("t.hang", retry=RetryPolicy(max_attempts=1))
        await shop.event(StepLogged, run)
        async with a_process(shop, WATERCLOCK_LEASE="8", WATERCLOCK_WORKER_NAME="b"):
            killed_at = await shop.now_ms()
            first.signal(signal.SIGKILL)
            again = await shop.event(RunStarted, run, attempt=2)
            assert again.worker == "b"
            assert await shop.now_ms() - killed_at < 15_000


async def test_children_do_not_outlive_a_killed_worker(shop: Shop) -> None:
    async with a_process(shop) as process:
        echo = await shop.run("t.child", {"text": "heard"})
        await shop.event(RunSucceeded, echo)
        assert "heard" in await shop.lines(echo)
        run = await shop.run("t.child_hang")
        await shop.event(StepLogged, run)
        [line] = await shop.lines(run)
        process.signal(signal.SIGKILL)
        async with asyncio.timeout(PATIENCE):
            while is_alive(int(line.split()[1])):  # noqa: ASYNC110 - nobody tells of the end of a grandchild
                await asyncio.sleep(0.01)


async def test_the_result_of_a_worker_that_was_paused_too_long_is_refused(shop: Shop) -> None:
    async with a_process(shop) as process:
        run = await shop.run("t.deaf", {"text": str(2 * LEASE)})
        await shop.event(StepLogged, run)
        process.signal(signal.SIGSTOP)  # for a lease until it is found dead, and two until the run has ended elsewhere
        async with shop.worker(samples.deaf):
            ended = await shop.event(RunSucceeded, run)
            assert ended.attempt == 2
        process.signal(signal.SIGCONT)
        refused = await shop.event(ResultRefused, run)
        assert refused.attempt == 1
        await process.says("session lost")
        joined = await shop.event(WorkerJoined, worker="p", count=2)  # it took a new ours
        assert joined.session != (await shop.event(WorkerJoined, worker="p")).session
    assert [tag for tag in shop.story(run) if tag == "run.succeeded"] == ["run.succeeded"]


async def test_a_worker_that_drains_finishes_what_ends_in_time_and_hands_back_the_rest(shop: Shop) -> None:
    async with a_process(shop, "--drain-timeout", "2") as process:
        quick = await shop.run("t.deaf", {"text": "0.3"})
        hanging, deaf = await shop.run("t.hang"), await shop.run("t.deaf", {"text": "60"})
        for run in (quick, hanging, deaf):
            await shop.event(StepLogged, run)
        process.signal(signal.SIGTERM)
        assert await process.ended() == 0
    assert (await shop.event(RunSucceeded, quick)).attempt == 1
    for run in (hanging, deaf):
        assert (await shop.event(RunLost, run)).reason == "handedBack"
    assert (await shop.event(WorkerLeft)).reason == "drained"
    async with shop.worker(samples.hangs):
        await shop.event(RunStarted, hanging, attempt=2)


async def test_an_executor_that_blocks_its_loop_stops_no_one_else(shop: Shop) -> None:
    async with shop.worker(samples.blocks, samples.echo, samples.in_thread, drain_timeout=5):
        blocking = await shop.run("t.block", {"text": str(2 * LEASE)})
        await shop.event(StepLogged, blocking)
        others = [await shop.run("t.thread", {"text": "aside"}), await shop.run("t.echo", {"text": "after"})]
        for run in others:
            await shop.event(RunSucceeded, run)
        assert "run.succeeded" not in shop.story(blocking)
        assert (await shop.event(RunSucceeded, blocking)).attempt == 1  # its lease was kept
        [warned] = [line for line in await shop.lines(blocking) if "event loop" in line]
        assert warned.startswith("this attempt blocks the event loop of executors at ")
        assert "samples.py" in warned


async def test_runs_held_in_its_name_that_a_worker_does_not_know_are_handed_back(shop: Shop) -> None:
    async with shop.worker(samples.hangs, slots=1, queues=("low",)) as worker:
        session = (await shop.event(WorkerJoined)).session
        [ours] = worker._sessions  # pyright: ignore[reportPrivateUsage]
        while ours.claiming:  # noqa: ASYNC110 - there is no event for it, and it takes a millisecond
            await asyncio.sleep(0)
        ours.claims = 7
        run = await shop.run("t.hang")
        claimed = await claim(
            shop.log, 0, session=session, number=7, slots=1, queues=[QueueCredit(name="default", weight=1)],
            strict=False, body=part(RunStarted, worker="w", session=session), body_cancelled=part(RunCancelled),
        )  # fmt: skip
        assert [grant.run_id for grant in claimed.grants] == [run]
        assert (await shop.event(RunLost, run)).reason == "handedBack"


async def test_attempts_that_must_not_overlap_stop_when_the_lease_cannot_be_renewed(
    own_valkey: OwnValkey, key_prefix: str
) -> None:
    server = await own_valkey()
    async with opened(server.url, key_prefix) as shop, shop.worker(samples.hangs, samples.waits):
        job = await shop.job("t.waits")
        serial, free = await shop.run("t.waits", job=job), await shop.run("t.waits", job=job, overlap="allow")
        for run in (serial, free):
            await shop.event(StepLogged, run)
        os.kill(server.pid, signal.SIGSTOP)
        await samples.stopped(serial)
        assert not samples.is_stopped(free)
        os.kill(server.pid, signal.SIGCONT)
        await shop.event(RunLost, serial)
        samples.go_on(free)
        assert (await shop.event(RunSucceeded, free)).attempt == 1


async def test_a_thread_that_does_not_stop_when_the_lease_ends_takes_the_process_with_it(
    own_valkey: OwnValkey, key_prefix: str
) -> None:
    server = await own_valkey()
    left: asyncio.Queue[int] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def exits(code: int) -> None:
        os.kill(server.pid, signal.SIGCONT)
        loop.call_soon_threadsafe(left.put_nowait, code)

    async with opened(server.url, key_prefix) as shop, shop.worker(samples.deaf, exits=exits):
        run = await shop.run("t.deaf", {"text": str(4 * LEASE)}, job=await shop.job("t.deaf"))
        await shop.event(StepLogged, run)
        os.kill(server.pid, signal.SIGSTOP)
        async with asyncio.timeout(10 * LEASE):
            assert await left.get() == LEASE_LOST


async def test_an_attempt_goes_on_while_the_log_is_halted_and_its_end_is_kept(
    own_valkey: OwnValkey, key_prefix: str
) -> None:
    server = await own_valkey()
    async with opened(server.url, key_prefix) as shop, shop.worker(samples.waits, drain_timeout=5):
        run = await shop.run("t.waits", job=await shop.job("t.waits"))
        await shop.event(StepLogged, run)
        await server.kill()
        await server.start()
        samples.go_on(run)
        await open_when_reached(shop)
        ended = await shop.event(RunSucceeded, run)
        assert ended.attempt == 1
    assert shop.story(run).count("run.started") == 1


async def open_when_reached(shop: Shop) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                await open_partition(shop.log, 0, epoch=2, expect_tail=None)
            except LogUnavailable:
                await asyncio.sleep(0.02)
            else:
                return


async def test_a_delayed_run_never_starts_early(shop: Shop) -> None:
    async with shop.worker(samples.notes_time):
        run = await shop.run("t.time", delay_ms=400)
        request = await shop.event(RunRequested, run)
        assert request.ready_at is not None
        due = millis(request.ready_at)
        started = (await shop.event(RunSucceeded, run)).result
    assert started >= due - 20  # two readings of the store's clock


async def test_a_worker_serves_every_partition_and_leaves_them_all(redis_url: str, key_prefix: str) -> None:
    async with opened(redis_url, key_prefix, partitions=3) as shop:
        async with shop.worker(samples.echo, slots=2):
            runs = [await shop.run("t.echo", {"text": "x"}) for _ in range(30)]
            await shop.settled(runs)
        assert len({shop.log.partition_of(run) for run in runs}) == 3
        for partition in range(3):
            key = shop.log.keys.partition(partition, "sessions")
            assert await shop.log.execute(key, "HLEN", key) == 0


async def test_a_worker_never_holds_more_runs_than_it_has_slots(shop: Shop) -> None:
    async with shop.worker(samples.waits, slots=3) as worker:
        runs = [await shop.run("t.waits") for _ in range(5)]
        for _ in range(3):
            await shop.event(RunStarted, count=3)
        assert worker.report().said["running"] == 3
        key = shop.log.keys.partition(0, "held")
        assert await shop.log.execute(key, "ZCARD", key) == 3
        for run in runs:
            samples.go_on(run)
        await shop.settled(runs)


async def test_a_worker_serves_the_partitions_of_a_cluster(
    redis_cluster_urls: tuple[str, str], key_prefix: str
) -> None:
    async with opened(redis_cluster_urls[0], key_prefix, partitions=4) as shop, shop.worker(samples.echo):
        runs: list[RunId] = []
        while len({shop.log.partition_of(run) for run in runs}) < 4:
            runs.append(await shop.run("t.echo", {"text": "x"}))
        for run in runs:
            await shop.event(RunSucceeded, run)
