"""A rolling deploy that adds and renames executors, under load and with kills: no attempt is used up."""

from __future__ import annotations

import asyncio
import signal
from contextlib import AsyncExitStack
from itertools import count
from pathlib import Path
from random import Random  # noqa: TID251  a campaign that its seed repeats

import pytest

from tests.integration.worker.shop import Process, Shop
from waterclock.model.events import RunFailed, RunLost, RunRequested, RunRetryScheduled, RunStarted, RunSucceeded
from waterclock.model.ids import RunId
from waterclock.model.retry import RetryPolicy

ONCE = RetryPolicy(max_attempts=1)
EVERY = 0.04  # s between two requests
KEPT = """
from waterclock import RunContext, executor

@executor("roll.kept")
async def kept(ctx: RunContext) -> None:
    pass

"""
FORMER = """
@executor("roll.former")
def former(ctx: RunContext) -> None:
    pass
"""
RENAMED = """
@executor("roll.renamed", aliases=("roll.former",))
def renamed(ctx: RunContext) -> None:
    pass

@executor('roll."added": für später')
async def added(ctx: RunContext) -> None:
    pass

@executor("roll.child", subprocess=True)
def child(ctx: RunContext) -> None:
    pass
"""
HAS = {
    "one": ("roll.kept", "roll.former"),
    "two": ("roll.kept", "roll.former", "roll.renamed", 'roll."added": für später', "roll.child"),
}
TARGETS = (*HAS["two"][:4],) * 5 + ("roll.child",)


async def roll(shop: Shop, folder: Path, steps: list[tuple[str, signal.Signals]], chance: Random) -> None:
    (folder / "one.py").write_text(KEPT + FORMER)
    (folder / "two.py").write_text(KEPT + RENAMED)
    runs: list[RunId] = []
    over = asyncio.Event()
    numbers = count()

    async def load() -> None:
        while not over.is_set():
            runs.append(await shop.run(chance.choice(TARGETS), retry=ONCE))
            await asyncio.sleep(EVERY)

    async def started(release: str) -> Process:
        name = f"{release}-{next(numbers)}"
        module = str(folder / f"{release}.py")
        process = await Process.start(shop, "--name", name, "--executors", module, WATERCLOCK_LEASE="3")
        stack.push_async_callback(process.kill)
        await process.says("ready")
        return process

    async with AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
        present = [await started("one") for _ in range(2)]
        tasks.create_task(load(), name="load")
        for release, how in steps:
            present.append(await started(release))
            leaving = present.pop(0)
            leaving.signal(how)
            await leaving.ended()
        over.set()
        await shop.settled(runs)
        for process in present:
            process.signal(signal.SIGTERM)
            assert await process.ended() == 0

    await shop.catch_up()
    events = shop.all()
    assert {event.run_id for event in events if isinstance(event, RunSucceeded)} == set(runs)
    assert [event for event in events if isinstance(event, RunFailed | RunRetryScheduled)] == []
    assert {event.reason for event in events if isinstance(event, RunLost)} <= {"handedBack", "leaseExpired"}
    assert [event for event in events if isinstance(event, RunLost) and event.ready_at] == []
    targets = {event.run_id: event.invoke_target for event in events if isinstance(event, RunRequested)}
    for event in events:
        if isinstance(event, RunStarted):
            assert targets[event.run_id] in HAS[event.worker.partition("-")[0]], event


async def test_a_deploy_that_adds_and_renames_executors_uses_up_no_attempt(shop: Shop, tmp_path: Path) -> None:
    await roll(shop, tmp_path, [("two", signal.SIGTERM), ("two", signal.SIGKILL)], Random(1))


@pytest.mark.soak
@pytest.mark.timeout(1800)
async def test_deploys_forth_and_back_use_up_no_attempt(shop: Shop, tmp_path: Path) -> None:
    chance = Random(2)
    ways = (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL)
    steps = [(release, chance.choice(ways)) for _ in range(12) for release in ("two", "two", "one", "one")]
    await roll(shop, tmp_path, [*steps, ("two", signal.SIGTERM)], chance)
