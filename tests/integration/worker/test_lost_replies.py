"""Each call of a worker is executed and its answer lost, once: nothing happens twice, and nothing is left undone."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from msgspec.structs import replace

from tests.integration.worker import samples
from tests.integration.worker.shop import PATIENCE, Shop
from tests.support.wire import Loss, Wire, lossy
from waterclock.log.connection.scripts import Script
from waterclock.log.liveness.sessions import join
from waterclock.model.events import RunStarted, RunSucceeded, WorkerLeft

CALLS = ("join", "claim", "record", "renew", "end", "promote", "sweep", "leave")


async def load_scripts(shop: Shop) -> None:
    """So that a call is executed at once, and not sent again with its source."""
    key = shop.log.keys.partition(0, "meta")
    for name in CALLS:
        await shop.log.execute(key, "SCRIPT", "LOAD", Script(name, object).source.text)


class Losses:
    def __init__(self, wire: Wire, loss: Loss) -> None:
        self._wire = wire
        self._loss: Loss = loss

    def next(self, call: str) -> None:
        """Lose the answer to the next call of this script."""
        self._wire.swallowed.clear()
        self._wire.lose(self._loss, after=Script(call, object).source.sha)

    async def happened(self) -> None:
        async with asyncio.timeout(PATIENCE):
            await self._wire.swallowed.wait()


@pytest.mark.parametrize("loss", ["cut", "silence"])
async def test_a_lost_answer_costs_nothing(shop: Shop, loss: Loss) -> None:
    await load_scripts(shop)
    async with lossy(shop.settings.url) as wire:
        losses = Losses(wire, loss)
        through = Shop(shop.log, replace(shop.settings, url=wire.url, timeout=0.5))
        losses.next("join")
        async with through.worker(samples.waits):
            await losses.happened()
            losses.next("claim")
            held = await shop.run("t.waits")
            await losses.happened()
            await shop.event(RunStarted, held)
            losses.next("record")
            samples.go_on(other := await shop.run("t.waits"))
            await losses.happened()
            losses.next("renew")
            await losses.happened()
            losses.next("end")
            samples.go_on(held)
            await losses.happened()
            losses.next("promote")
            samples.go_on(delayed := await shop.run("t.waits", delay_ms=100))
            await losses.happened()
            await join(shop.log, "dead-1", body=None)
            losses.next("sweep")
            await losses.happened()
            for run in (held, other, delayed):
                await shop.event(RunSucceeded, run)
            await shop.event(WorkerLeft, session="dead-1")
            losses.next("leave")
        await losses.happened()
        assert wire.lost == len(CALLS)
    await shop.catch_up()
    tags = Counter(str(event.__struct_config__.tag) for event in shop.all())
    assert tags == {
        "epoch.began": 1, "worker.joined": 1, "worker.left": 2, "run.requested": 3, "run.started": 3, "step.log": 3,
        "run.succeeded": 3,
    }  # fmt: skip
