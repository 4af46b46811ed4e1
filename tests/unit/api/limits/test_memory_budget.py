"""What callers make the process hold is counted, and bounded for all and for each."""

from __future__ import annotations

import asyncio

import pytest

from waterclock_api.limits.memory_budget import Account, Budget, Crowded
from waterclock_api.live.subscriptions import Batch


async def test_who_comes_when_all_is_held_waits_until_some_is_given_back() -> None:
    account = Account(100)
    with account.hold("a") as first, account.hold("b") as second:
        await first.wait(50)
        await second.wait(50)
        third = account.hold("c")
        waiting = asyncio.ensure_future(third.wait(40))
        await asyncio.sleep(0)
        assert not waiting.done()
        second.resize(10)
        await waiting
        assert (account.held, third.size) == (100, 40)
        third.resize(0)
    assert account.held == 0


async def test_who_waits_too_long_is_refused_and_holds_nothing() -> None:
    account = Account(100)
    with account.hold("a") as first, account.hold("b") as second:
        await first.wait(50)
        await second.wait(50)
        with pytest.raises(Crowded):
            await account.hold("c").wait(1, patience=0.0)
    assert account.held == 0


async def test_a_caller_has_half_at_most_and_others_need_not_wait_for_it() -> None:
    account = Account(100)
    with account.hold("a") as first, account.hold("a") as second:
        await first.wait(50)
        waiting = asyncio.ensure_future(second.wait(10))
        await asyncio.sleep(0)
        with account.hold("b") as other:
            await other.wait(40)
            assert not waiting.done()
        first.resize(30)
        await waiting


async def test_who_holds_nothing_gets_more_than_there_is() -> None:
    account = Account(100)
    with account.hold("a") as large:
        await large.wait(1_000)
        large.check()
        with pytest.raises(Crowded):
            await account.hold("b").wait(1, patience=0.0)
        second = account.hold("a")
        second.resize(1)
        with pytest.raises(Crowded):
            second.check()
        second.resize(0)


async def test_who_leaves_while_waiting_takes_nothing_along() -> None:
    account = Account(100)
    with account.hold("a") as first:
        await first.wait(100)
        second, third = account.hold("b"), account.hold("c")
        leaving, staying = asyncio.ensure_future(second.wait(60)), asyncio.ensure_future(third.wait(60))
        await asyncio.sleep(0)
        first.resize(0)
        leaving.cancel()  # when it was its turn already
        await asyncio.wait([leaving])
        await staying
        assert (account.held, third.size) == (60, 60)
        third.resize(0)
    assert account.held == 0


def test_a_batch_is_counted_once_however_many_wait_for_it() -> None:
    account, batch = Account(100), Batch({}, [])
    batch.size = 10
    batch.take(account)
    batch.take(account)
    assert account.held == 10
    batch.let_go(account)
    assert account.held == 10
    batch.let_go(account)
    assert account.held == 0


def test_each_kind_has_a_third() -> None:
    budget = Budget(300)
    assert [budget.bodies.most, budget.answers.most, budget.streams.most] == [100, 100, 100]
