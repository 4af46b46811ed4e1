"""How soon runs start that every worker has the executor of: with no deploy, and while one is under way."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random  # noqa: TID251  a campaign that its seed repeats
from statistics import quantiles

import pytest

from tests.integration.worker.shop import Shop
from tests.integration.worker.test_rolling_executors import Deploy, check
from waterclock.log.tail import read
from waterclock.model.events import RunRequested, RunStarted
from waterclock.model.ids import RunId
from waterclock.model.retry import RetryPolicy

ROUNDS = 3
STILL = 60.0  # s of a load without a deploy
CAMPAIGN = {
    "no deploy": ("two", ()),
    "deploy of the same": ("two", ("two", "two", "two", "two")),
    "deploy of others": ("one", ("two", "two", "one", "one")),
}
"""What the workers have at first, and what those have that come in their place, one after the other."""


@pytest.mark.soak
@pytest.mark.timeout(1800)
async def test_others_start_while_a_deploy_is_under_way(shop: Shop, tmp_path: Path) -> None:
    """Figures and no verdict: they are the machine's as well."""
    took: dict[str, list[int]] = {name: [] for name in CAMPAIGN}
    asked: list[RunId] = []
    for number in range(ROUNDS):
        for name, (first, then) in CAMPAIGN.items():
            runs = await under_load(shop, tmp_path, first, then, Random(number))
            took[name] += await pick_ups(shop, runs)
            asked += runs
    await check(shop, asked)
    for name, found in took.items():
        hundredths = quantiles(found, n=100, method="inclusive")
        told = f"{len(found)} runs, p50 {hundredths[49]:.0f}, p90 {hundredths[89]:.0f}, p99 {hundredths[98]:.0f} ms"
        sys.stdout.write(f"{name}: {told}\n")


async def under_load(shop: Shop, folder: Path, first: str, then: Sequence[str], chance: Random) -> list[RunId]:
    """The runs that were requested meanwhile; all of them have ended."""
    deploy = Deploy(shop, folder, chance, RetryPolicy(max_attempts=1))
    try:
        for _ in range(2):
            await deploy.start(first)
        load = asyncio.create_task(deploy.load(), name="load")
        for has in then:
            await deploy.start(has)
            await deploy.stop()
        if not then:
            await asyncio.sleep(STILL)
        deploy.over = True
        await load
        if then and then[-1] == "one":
            await deploy.start("two")  # who has what was set aside
            await deploy.stop()
        await shop.settled(deploy.runs)
        for _ in range(2):
            await deploy.stop(signal.SIGTERM)
    finally:
        await deploy.kill()
    return deploy.runs


async def pick_ups(shop: Shop, runs: Sequence[RunId]) -> list[int]:
    """ms from request to start, of those of these runs that all workers have the executor of."""
    requested: dict[RunId, int] = {}
    found: list[int] = []
    ours = {*runs}
    for entry in await read(shop.log, 0, None, count=1_000_000, block=None, archive=None):
        event = entry.event
        if isinstance(event, RunRequested) and event.invoke_target == "roll.kept" and event.run_id in ours:
            requested[event.run_id] = entry.at
        elif isinstance(event, RunStarted) and event.attempt == 1 and event.run_id in requested:
            found.append(entry.at - requested[event.run_id])
    return found
