"""Values of lifespans in a worker: opened by the first run that asks, used by all, left at the end of the drain."""

from __future__ import annotations

import pytest

from tests.integration.worker import valued
from tests.integration.worker.shop import Shop
from waterclock.model.events import RunRetryScheduled, RunSucceeded
from waterclock.model.retry import RetryPolicy


@pytest.fixture(autouse=True)
def _fresh() -> None:
    valued.told.clear()
    valued.faults.left = 0


@pytest.mark.parametrize(("target", "name"), [("v.sail", "harbour"), ("v.grind", "mill")])
async def test_all_runs_use_one_value_that_is_left_when_the_worker_has_drained(
    shop: Shop, target: str, name: str
) -> None:
    async with shop.worker(valued.sail, valued.grind):
        runs = [await shop.run(target) for _ in range(3)]
        counts = {(await shop.event(RunSucceeded, run)).result for run in runs}
        assert counts == {1, 2, 3}
        assert valued.told == [f"{name} opened"]
    assert valued.told == [f"{name} opened", f"{name} left"]


async def test_one_that_fails_to_open_fails_the_attempt_and_the_next_opens_it(shop: Shop) -> None:
    valued.faults.left = 1
    async with shop.worker(valued.sail):
        run = await shop.run("v.sail", retry=RetryPolicy(max_attempts=2, initial=0.01))
        again = await shop.event(RunRetryScheduled, run)
        ended = await shop.event(RunSucceeded, run)
    assert (again.error.type, again.error.message) == ("ConnectionRefusedError", "the harbour is closed")
    assert ended.attempt == 2
    assert valued.told == ["harbour opened", "harbour left"]


async def test_a_child_opens_its_own_and_leaves_it_at_its_end(shop: Shop) -> None:
    async with shop.worker(valued.grind_child):
        first, second = [await shop.run("v.grind_child") for _ in range(2)]
        assert [(await shop.event(RunSucceeded, run)).result for run in (first, second)] == [1, 1]
        assert await shop.lines(first) == ["grinding", "mill left"]
    assert valued.told == []


async def test_what_a_thread_that_goes_on_uses_is_not_left_under_it(shop: Shop) -> None:
    async with shop.worker(valued.grind, valued.deaf, drain_timeout=0.0):
        await shop.event(RunSucceeded, await shop.run("v.grind"))
        await shop.run("v.deaf")
        await valued.hears()
    assert valued.told == ["mill opened"]
    valued.ring()
