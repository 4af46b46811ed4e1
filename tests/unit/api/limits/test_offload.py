from __future__ import annotations

import asyncio
import threading

import pytest

from waterclock.model.errors import TryLater
from waterclock_api.limits import offload
from waterclock_api.limits.offload import ASKED_MOST, AT_ONCE, Offload, TooManyComputations


class Held:
    """A computation that lasts until it is let go."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.free = threading.Event()

    def __call__(self) -> str:
        self.begun.set()
        assert self.free.wait(30)
        return "done"

    async def until_begun(self) -> None:
        assert await asyncio.to_thread(self.begun.wait, 30)


async def test_a_caller_computes_one_after_the_other_and_others_do_not_wait_for_it() -> None:
    lane, first, second = Offload(), Held(), Held()
    async with asyncio.TaskGroup() as tasks:
        one = tasks.create_task(lane.run("a", first))
        await first.until_begun()
        two = tasks.create_task(lane.run("a", second))
        assert await lane.run("b", lambda: 5) == 5
        assert not second.begun.is_set()
        first.free.set()
        assert await one == "done"
        await second.until_begun()
        second.free.set()
        assert await two == "done"


async def test_who_asks_for_more_than_may_wait_is_refused_at_once() -> None:
    lane, held = Offload(), Held()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(lane.run("a", held))
        await held.until_begun()
        waiting = [tasks.create_task(lane.run("a", lambda: 5)) for _ in range(ASKED_MOST - 1)]
        await asyncio.sleep(0)
        with pytest.raises(TooManyComputations):
            await lane.run("a", lambda: 5)
        held.free.set()
        assert [await one for one in waiting] == [5] * (ASKED_MOST - 1)


async def test_who_waits_for_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    lane, held = Offload(), [Held() for _ in range(AT_ONCE)]
    async with asyncio.TaskGroup() as tasks:
        for place, each in enumerate(held):
            tasks.create_task(lane.run(f"caller {place}", each))
            await each.until_begun()
        monkeypatch.setattr(offload, "WAIT", 0)
        monkeypatch.setattr(offload, "PLACE_WAIT", 0)
        with pytest.raises(TooManyComputations):
            await lane.run("caller 0", lambda: 5)
        with pytest.raises(TryLater):
            await lane.run("another", lambda: 5)
        for each in held:
            each.free.set()


async def test_who_leaves_keeps_its_turn_until_the_thread_has_ended() -> None:
    lane, held = Offload(), Held()
    gone = asyncio.ensure_future(lane.run("a", held))
    await held.until_begun()
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    next_one = asyncio.ensure_future(lane.run("a", lambda: 5))
    await asyncio.sleep(0)
    assert not next_one.done()
    held.free.set()
    assert await next_one == 5


async def test_what_a_computation_raises_is_raised_and_its_place_is_free_again() -> None:
    lane = Offload()
    for _ in range(3 * AT_ONCE):
        with pytest.raises(ZeroDivisionError):
            await lane.run("a", lambda: 1 // 0)
    assert await lane.run("a", lambda: 5) == 5
