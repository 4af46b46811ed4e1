"""What a run does to its event loop or its thread, beside neighbours: each way of `misbehaving_loops`."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.integration.worker import samples
from tests.integration.worker.shop import Shop
from tests.support import misbehaving_loops as bad
from waterclock import RunContext, executor, lifespan
from waterclock.model.events import RunFailed, RunLost, RunStarted, RunSucceeded, RunTimedOut, StepLogged
from waterclock.model.ids import RunId
from waterclock.model.retry import RetryPolicy
from waterclock_worker.execution import async_loops, overdue
from waterclock_worker.execution.guarded_loop import AsyncioLoop, GuardedLoop, UvLoop

ONCE = RetryPolicy(max_attempts=1)


class Harbour:
    """What a lifespan keeps open."""

    def __init__(self) -> None:
        self.opened_in = threading.current_thread().name
        self.state = "open"


@lifespan
async def harbour() -> AsyncIterator[Harbour]:
    made = Harbour()
    try:
        yield made
    finally:
        made.state = "left"


@executor("i.neighbour")
async def neighbour(ctx: RunContext) -> str:
    """Uses all that can be broken, before and after `samples.go_on`."""
    kept = await ctx.use(harbour)

    async def beside() -> str:
        await samples.gate(ctx.run_id)
        return await asyncio.to_thread(str, kept.state)

    ctx.log("before")
    async with asyncio.TaskGroup() as tasks:
        answer = tasks.create_task(beside())
    ctx.log("after")
    return answer.result()


@executor("i.thread")
async def tells_thread(ctx: RunContext) -> list[str]:
    return [threading.current_thread().name, (await ctx.use(harbour)).opened_in]


async def neighbours(shop: Shop, count: int) -> list[RunId]:
    """Runs that are in the midst of it."""
    runs = [await shop.run("i.neighbour", retry=ONCE) for _ in range(count)]
    for run in runs:
        await shop.event(StepLogged, run)
    return runs


async def noticed_nothing(shop: Shop, runs: list[RunId]) -> None:
    for run in runs:
        samples.go_on(run)
    for run in runs:
        assert (await shop.event(RunSucceeded, run)).result == "open"
        assert [tag for tag in shop.story(run) if tag != "step.log"] == [
            "run.requested",
            "run.started",
            "run.succeeded",
        ]
        assert [line for line in await shop.lines(run) if not _is_ours(line)] == ["before", "after"]


def _is_ours(line: str) -> bool:
    """Of what others did: a thread without a run, and, where the machine is slow, a loop that was held up."""
    return "a thread that belongs to no run" in line or "blocks the event loop" in line


@pytest.mark.parametrize("new_loop", [AsyncioLoop, UvLoop])
async def test_neighbours_notice_nothing_of_what_is_contained_and_the_guilty_names_its_own_end(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, new_loop: type[GuardedLoop]
) -> None:
    monkeypatch.setattr(overdue, "OVERDUE_AFTER", 0.5)
    ways = bad.in_column("contained") + bad.in_column("only told")
    async with shop.worker(neighbour, *bad.EXECUTORS, new_loop=new_loop, slots=60, drain_timeout=5):
        beside = await neighbours(shop, 6)
        runs = {way: await shop.run(way.executor.key, retry=ONCE) for way in ways}
        for way, run in runs.items():
            match way.error:
                case None:
                    await shop.event(RunSucceeded, run)
                case "Timeout":
                    await shop.event(RunTimedOut, run)
                case kind:
                    failed = await shop.event(RunFailed, run)
                    assert failed.error.type == kind, way.executor.key
                    assert failed.error.message, way.executor.key
            if way.told is not None:
                assert any(way.told in line for line in await shop.lines(run)), way.executor.key
        await noticed_nothing(shop, beside)
        [code] = [(await shop.event(RunFailed, runs[way])).error for way in ways if way.executor is bad.exits_in_task]
        assert (code.type, code.message) == ("SystemExit", "exit code 1")
        assert code.traceback is not None
        assert "sys.exit(code)" in code.traceback


async def test_a_child_names_its_own_end(shop: Shop) -> None:
    async with shop.worker(*(way.executor for way in bad.CHILDREN)):
        runs = {way: await shop.run(way.executor.key, retry=ONCE) for way in bad.CHILDREN}
        failed = {way.executor: (await shop.event(RunFailed, run)).error for way, run in runs.items()}
        for way, run in runs.items():
            assert failed[way.executor].type == way.error
            assert way.told is None or way.told in await shop.lines(run)
    assert failed[bad.child_exits_in_task].message == "exit code 4"
    assert failed[bad.child_exits].message == "exit code 1"


async def test_an_executor_that_ends_the_loop_twice_has_one_of_its_own_with_values_of_its_own(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    async with shop.worker(neighbour, tells_thread, bad.exits_left_behind, bad.stops) as worker:
        beside = await neighbours(shop, 2)
        common = (await shop.event(RunSucceeded, await shop.run("i.thread"))).result
        for key in (bad.stops.key, bad.exits_left_behind.key):
            for _ in range(2):
                await shop.event(RunSucceeded, await shop.run(key))
        while worker.report().said["ownLoops"] != [bad.exits_left_behind.key, bad.stops.key]:  # noqa: ASYNC110 - at the next look
            await asyncio.sleep(0.01)
        assert (await shop.event(RunSucceeded, await shop.run("i.thread"))).result == common
        assert common[0] == common[1]
        await shop.event(RunSucceeded, await shop.run(bad.stops.key))
        await noticed_nothing(shop, beside)
    told = [vars(one)["executor"] for one in caplog.records if one.message == "executor isolated in its own event loop"]
    assert sorted(told) == [bad.exits_left_behind.key, bad.stops.key]


@executor("i.breaks")
async def breaks_loop(ctx: RunContext) -> None:
    """Ends it for good: it cannot go on."""
    ctx.log("breaking")
    loop: Any = asyncio.get_running_loop()
    loop._run_once = None
    await asyncio.sleep(60)


async def test_runs_on_a_loop_that_has_ended_are_handed_back_until_it_is_known_who_ends_it(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    async with shop.worker(neighbour, breaks_loop):
        beside = await neighbours(shop, 3)
        run = await shop.run("i.breaks", retry=ONCE)
        failed = await shop.event(RunFailed, run)
        assert (failed.outcome, failed.error.type) == ("crashed", "LoopEnded")
        for one in beside:
            assert (await shop.event(RunLost, one)).reason == "handedBack"
            samples.go_on(one)
            await shop.event(RunSucceeded, one)
    ended = [vars(one) for one in caplog.records if one.message == "event loop of executors ended"]
    assert set(ended[0]["handed_back"]) == {run, *beside}
    assert ended[0]["executors"] == ["i.breaks", "i.neighbour"]
    assert ended[-1]["failed"] == [run]


async def test_runs_behind_a_loop_that_stays_blocked_are_handed_back_and_not_the_one_that_blocks_it(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(async_loops, "HANDED_BACK_AFTER", 0.5)
    monkeypatch.setattr(overdue, "OVERDUE_AFTER", 0.2)
    async with shop.worker(neighbour, samples.blocks, drain_timeout=5):
        beside = await neighbours(shop, 2)
        run = await shop.run("t.block", {"text": "2"}, timeout=0.5, retry=ONCE)
        for one in beside:
            assert (await shop.event(RunLost, one)).reason == "handedBack"
            await shop.event(RunStarted, one, attempt=2)
            samples.go_on(one)
            assert (await shop.event(RunSucceeded, one)).attempt == 2
        await shop.event(RunTimedOut, run)
        lines = await shop.lines(run)
    [line] = [vars(one) for one in caplog.records if "still blocked" in one.message]
    assert (set(line["handed_back"]), line["run"], line["executor"]) == ({*beside}, run, "t.block")
    assert any(line.startswith("this attempt exceeded its timeout of 0.5 s, but is still executing") for line in lines)


async def test_a_run_whose_time_is_over_behind_one_that_blocks_is_handed_back(shop: Shop) -> None:
    async with shop.worker(neighbour, samples.blocks, drain_timeout=5):
        beside = await shop.run("i.neighbour", timeout=0.6, retry=ONCE)
        await shop.event(StepLogged, beside)
        run = await shop.run("t.block", {"text": "2"}, timeout=0.6, retry=ONCE)
        assert (await shop.event(RunLost, beside)).reason == "handedBack"
        samples.go_on(beside)
        assert (await shop.event(RunSucceeded, beside)).attempt == 2
        await shop.event(RunTimedOut, run)


async def test_a_thread_that_goes_on_past_its_timeout_is_told_with_what_would_mend_it(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(overdue, "OVERDUE_AFTER", 0.2)
    caplog.set_level(logging.INFO)
    async with shop.worker(samples.deaf, drain_timeout=5) as worker:
        run = await shop.run("t.deaf", {"text": "1.5"}, timeout=0.3, retry=ONCE)
        await shop.event(StepLogged, run, count=2)
        assert worker.report().said["overdue"] == 1
        await shop.event(RunTimedOut, run)
        assert worker.report().said["overdue"] == 0
        while not any(one.message == "overdue attempt ended" for one in caplog.records):  # noqa: ASYNC110 - at the next look
            await asyncio.sleep(0.01)
        [_, line] = await shop.lines(run)
    assert line.startswith("this attempt exceeded its timeout of 0.3 s, but is still executing")
    assert "subprocess=True" in line
    assert "ctx.cancelled" in line
    [told] = [vars(one) for one in caplog.records if one.message == "attempt does not stop"]
    assert (told["run"], told["executor"], told["asked"]) == (run, "t.deaf", "timedOut")
    assert [vars(one)["run"] for one in caplog.records if one.message == "overdue attempt ended"] == [run]
