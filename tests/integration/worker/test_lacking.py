"""Workers that have not the same executors: a run goes to one that has its own, and uses nothing up on the way."""

import asyncio
from typing import cast

import pytest

from tests.integration.worker import samples
from tests.integration.worker.shop import PATIENCE, Shop
from waterclock import RunContext, executor
from waterclock.log.commands.aside import Aside, count_aside, executors_by_session
from waterclock.log.liveness.sessions import join, leave
from waterclock.model.events import RunLost, RunStarted, RunSucceeded
from waterclock.model.retry import RetryPolicy
from waterclock.model.timestamps import stamp
from waterclock_worker.execution import missing_executor

ONCE = RetryPolicy(max_attempts=1)
BACK_S = 0.5


@executor("t.aliased", aliases=("t:former", 't."odd": Übung'))
async def aliased(ctx: RunContext) -> None:
    """An executor that had other names."""


async def aside(shop: Shop, count: int) -> list[Aside]:
    """Wait until so many runs lie aside."""
    async with asyncio.timeout(PATIENCE):
        while True:
            groups = (await count_aside(shop.log, 0)).groups
            if sum(one.runs for one in groups) == count:
                return groups
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("target", ["t.echo", "t.thread", "t.child_checked"])
async def test_a_run_waits_for_a_worker_that_has_its_executor(shop: Shop, target: str) -> None:
    async with shop.worker(samples.raises):
        run = await shop.run(target, {"text": "hello"}, retry=ONCE)
        [group] = await aside(shop, 1)
        assert (group.queue, group.executor) == ("default", target)
        async with shop.worker(samples.echo, samples.in_thread, samples.child_checked, worker_name="having"):
            started = await shop.event(RunStarted, run)
            await shop.event(RunSucceeded, run)
    assert (started.worker, started.attempt) == ("having", 1)
    assert shop.story(run).count("run.started") == 1


async def test_a_worker_tells_what_it_can_run_by_keys_and_aliases(shop: Shop) -> None:
    async with shop.worker(aliased):
        [found] = (await executors_by_session(shop.log, 0)).values()
        assert found == {"t.aliased", "t:former", 't."odd": Übung'}
        run = await shop.run('t."odd": Übung', retry=ONCE)
        await shop.event(RunSucceeded, run)
    assert await executors_by_session(shop.log, 0) == {}


async def test_what_lies_aside_is_queued_again_when_the_last_worker_leaves(shop: Shop) -> None:
    async with shop.worker(samples.raises):
        run = await shop.run("t.echo", {"text": "hello"}, retry=ONCE)
        await aside(shop, 1)
    await aside(shop, 0)
    async with shop.worker(samples.echo):
        await shop.event(RunSucceeded, run)


async def test_beside_a_session_that_does_not_say_what_it_can_run_a_run_is_handed_back_for_a_while(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(missing_executor, "BACK_FIRST", BACK_S)
    await join(shop.log, "of-the-release-before", body=None)
    async with shop.worker(samples.raises, lease=10.0):
        run = await shop.run("t.echo", {"text": "hello"}, retry=ONCE)
        lost = await shop.event(RunLost, run, reason="handedBack")
        key = shop.log.keys.partition(0, "delayed")
        [_, ready_at] = cast("list[bytes]", await shop.log.execute(key, "ZRANGE", key, 0, -1, "WITHSCORES"))
        assert lost.ready_at == stamp(int(ready_at))
        assert int(ready_at) >= await shop.requested_at(run) + BACK_S * 1000
        await leave(shop.log, "of-the-release-before", body=None)
        async with shop.worker(samples.echo, worker_name="having", lease=10.0):
            started = await shop.event(RunStarted, run, attempt=2)
            await shop.event(RunSucceeded, run)
    assert started.worker == "having"
    assert any("has no executor 't.echo'" in line for line in await shop.lines(run))
