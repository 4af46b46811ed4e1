"""A rolling deploy that adds and renames executors, under load and with kills: no attempt is used up."""

from __future__ import annotations

import asyncio
import os
import signal
from itertools import count
from pathlib import Path
from random import Random  # noqa: TID251  a campaign that its seed repeats

import pytest

from tests.integration.worker.shop import Process, Shop
from tests.support import waiting
from tests.support.previous import previous_sources
from waterclock.log.commands.aside import count_aside
from waterclock.model.events import RunFailed, RunLost, RunRequested, RunRetryScheduled, RunStarted, RunSucceeded
from waterclock.model.ids import RunId
from waterclock.model.retry import RetryPolicy

EVERY = 0.04  # s between two requests
BACK_MOST = 150  # s: a run that was handed back often is ready again in a minute
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


class Deploy:
    """Workers as processes, named by their release and what they have, beside a load of runs."""

    def __init__(self, shop: Shop, folder: Path, chance: Random, retry: RetryPolicy) -> None:
        (folder / "one.py").write_text(KEPT + FORMER)
        (folder / "two.py").write_text(KEPT + RENAMED)
        self.over = False
        self.runs: list[RunId] = []
        self._shop = shop
        self._folder = folder
        self._chance = chance
        self._retry = retry
        self._numbers = count()
        self._present: list[Process] = []

    async def load(self) -> None:
        """Until it is over."""
        while not self.over:
            self.runs.append(await self._shop.run(self._chance.choice(TARGETS), retry=self._retry))
            await asyncio.sleep(EVERY)

    async def start(self, has: str, release: str = "present") -> None:
        """`release`: this one, or the one before."""
        name = f"{release}-{has}-{next(self._numbers)}"
        module = str(self._folder / f"{has}.py")
        before = {"PYTHONPATH": os.pathsep.join(previous_sources(self._folder))} if release == "previous" else {}
        process = await Process.start(self._shop, "--name", name, "--executors", module, WATERCLOCK_LEASE="3", **before)
        self._present.append(process)
        await process.says("ready")

    async def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """The one that was started first."""
        leaving = self._present.pop(0)
        leaving.signal(how)
        assert await leaving.ended() == (0 if how == signal.SIGTERM else -how)

    async def kill(self) -> None:
        for process in self._present:
            await process.kill()


async def check(shop: Shop, runs: list[RunId]) -> None:
    """All have succeeded, and a worker of this release used up no attempt."""
    await shop.catch_up()
    events = shop.all()
    assert {event.run_id for event in events if isinstance(event, RunSucceeded)} == set(runs)
    workers = {event.fence: event.worker for event in events if isinstance(event, RunStarted)}
    burnt = [event for event in events if isinstance(event, RunFailed | RunRetryScheduled)]
    assert {workers[event.fence].partition("-")[0] for event in burnt} <= {"previous"}, burnt
    assert {event.reason for event in events if isinstance(event, RunLost)} <= {"handedBack", "leaseExpired"}


async def roll(shop: Shop, folder: Path, steps: list[tuple[str, signal.Signals]], chance: Random) -> None:
    deploy = Deploy(shop, folder, chance, RetryPolicy(max_attempts=1))
    try:
        for _ in range(2):
            await deploy.start("one")
        load = asyncio.create_task(deploy.load(), name="load")
        for has, how in steps:
            await deploy.start(has)
            await deploy.stop(how)
        deploy.over = True
        await load
        await shop.settled(deploy.runs)
        for _ in range(2):
            await deploy.stop()
    finally:
        await deploy.kill()
    await check(shop, deploy.runs)
    events = shop.all()
    assert [event for event in events if isinstance(event, RunLost) and event.ready_at] == []
    targets = {event.run_id: event.invoke_target for event in events if isinstance(event, RunRequested)}
    for event in events:
        if isinstance(event, RunStarted):
            assert targets[event.run_id] in HAS[event.worker.split("-")[1]], event


async def test_a_deploy_that_adds_and_renames_executors_uses_up_no_attempt(shop: Shop, tmp_path: Path) -> None:
    await roll(shop, tmp_path, [("two", signal.SIGTERM), ("two", signal.SIGKILL)], Random(1))


@pytest.mark.soak
@pytest.mark.timeout(1800)
async def test_deploys_forth_and_back_use_up_no_attempt(shop: Shop, tmp_path: Path) -> None:
    chance = Random(2)
    ways = (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL)
    steps = [(release, chance.choice(ways)) for _ in range(12) for release in ("two", "two", "one", "one")]
    await roll(shop, tmp_path, [*steps, ("two", signal.SIGTERM)], chance)


@pytest.mark.soak
@pytest.mark.timeout(600)
async def test_beside_the_release_before_and_back_nothing_is_stranded(shop: Shop, tmp_path: Path) -> None:
    """What none has yet fails at the release before, and is tried again; at this one it is handed back, or waits."""
    deploy = Deploy(shop, tmp_path, Random(3), RetryPolicy(max_attempts=200, backoff="fixed", initial=0.3, max=0.3))
    try:
        await deploy.start("one", "previous")
        load = asyncio.create_task(deploy.load(), name="load")
        await shop.event(RunSucceeded, count=5)
        await deploy.start("one")
        await deploy.start("two")
        await deploy.stop()  # that of the release before
        await shop.event(RunSucceeded, count=30)
        await deploy.start("one")
        await deploy.stop()
        await deploy.stop()  # nobody has the new ones, and they lie aside
        await aside(shop)
        await deploy.start("two", "previous")
        deploy.over = True
        await load
        await deploy.stop()
        await waiting.until(lambda: ended(shop, deploy.runs), within=BACK_MOST, what="all have ended")
        await deploy.stop()
    finally:
        await deploy.kill()
    await check(shop, deploy.runs)


async def ended(shop: Shop, runs: list[RunId]) -> bool:
    await shop.catch_up()
    return {event.run_id for event in shop.all() if isinstance(event, RunSucceeded)} >= {*runs}


async def aside(shop: Shop) -> None:
    """Wait until runs lie aside."""

    async def some() -> bool:
        return bool((await count_aside(shop.log, 0)).groups)

    await waiting.until(some, within=30, what="runs lie aside")
