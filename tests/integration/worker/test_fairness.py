"""Whose turn it is: partitions in turn, queues by weight or in strict order, and only those that were named."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.integration.worker import samples
from tests.integration.worker.shop import Shop, opened
from waterclock.model.events import RunStarted, RunSucceeded
from waterclock.model.ids import RunId

PARTITIONS = 4


async def fill(shop: Shop, *, each: int, queues: tuple[str, ...] = ("default",)) -> dict[RunId, tuple[int, str]]:
    """So many runs in each queue of each partition; where each is."""
    places: dict[RunId, tuple[int, str]] = {}
    for queue in queues:
        counts: Counter[int] = Counter()
        while any(counts[partition] < each for partition in range(shop.log.partitions)):
            run = shop.some_run_id()
            partition = shop.log.partition_of(run)
            if counts[partition] < each:
                counts[partition] += 1
                places[await shop.run("t.order", run_id=run, queue=queue)] = partition, queue
    return places


async def started(shop: Shop, places: dict[RunId, tuple[int, str]], **settings: Any) -> list[tuple[int, str]]:
    """Where the runs are that a worker starts, in the order in which it does."""
    async with shop.worker(samples.notes_order, **settings):
        await shop.settled(places)
    return [places[run] for run in samples.order if run in places]


@pytest.mark.parametrize("slots", [1, 5])
async def test_no_partition_waits_for_another_to_be_empty(redis_url: str, key_prefix: str, slots: int) -> None:
    async with opened(redis_url, key_prefix, partitions=PARTITIONS) as shop:
        places = await fill(shop, each=30)
        order = await started(shop, places, slots=slots)
    assert len(order) == 30 * PARTITIONS
    for begun in (20, 40, 60):
        shares = Counter(partition for partition, _ in order[: begun * PARTITIONS // 2])
        assert all(abs(shares[partition] - begun // 2) <= 2 * slots for partition in range(PARTITIONS)), shares


async def test_weights_hold_within_each_partition(redis_url: str, key_prefix: str) -> None:
    async with opened(redis_url, key_prefix, partitions=2) as shop:
        places = await fill(shop, each=30, queues=("critical", "default", "low"))
        order = await started(shop, places, slots=1)
    for partition in range(2):
        shares = Counter([queue for number, queue in order if number == partition][:40])
        assert shares == {"critical": 24, "default": 12, "low": 4}


async def test_in_strict_order_the_heaviest_queue_goes_first(shop: Shop) -> None:
    places = await fill(shop, each=12, queues=("low", "critical", "default"))
    order = [queue for _, queue in await started(shop, places, slots=1, strict=True)]
    assert order == ["critical"] * 12 + ["default"] * 12 + ["low"] * 12


async def test_named_queues_in_strict_order_go_as_they_are_named(shop: Shop) -> None:
    places = await fill(shop, each=6, queues=("critical", "low"))
    order = [queue for _, queue in await started(shop, places, slots=1, strict=True, queues=("low", "critical"))]
    assert order == ["low"] * 6 + ["critical"] * 6


async def test_a_queue_that_a_worker_does_not_serve_is_left_to_others(shop: Shop) -> None:
    async with shop.worker(samples.notes_order, queues=("low",)):
        other = await shop.run("t.order", queue="critical")
        await shop.event(RunSucceeded, await shop.run("t.order", queue="low"))
    assert shop.story(other) == ["run.requested"]
    async with shop.worker(samples.notes_order, queues=("critical",)):
        await shop.event(RunStarted, other)
