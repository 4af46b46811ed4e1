"""`ctx.use`: values opened once, left once, and what holds when that fails."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Iterator

import pytest

from waterclock import GiveUp, RunContext, lifespan
from waterclock.executors.lifespans import LoopValues, ThreadValues
from waterclock.testing.run_executor import Told, run_executor


async def test_a_value_is_opened_on_first_use_and_left_last_first() -> None:
    told: list[str] = []

    @lifespan
    async def one() -> AsyncIterator[str]:
        told.append("one opened")
        yield "one"
        told.append("one left")

    @lifespan
    async def two() -> AsyncIterator[str]:
        told.append("two opened")
        yield "two"
        told.append("two left")

    async with asyncio.timeout(15), LoopValues() as values:
        assert told == []
        assert [await values.use(each) for each in (one, two, one)] == ["one", "two", "one"]
    assert told == ["one opened", "two opened", "two left", "one left"]


async def test_who_asks_while_it_opens_waits_for_the_same_and_a_cancel_reaches_the_waiter_alone() -> None:
    opened, go_on = 0, asyncio.Event()

    @lifespan
    async def slow() -> AsyncIterator[int]:
        nonlocal opened
        opened += 1
        await go_on.wait()
        yield opened

    async with asyncio.timeout(15), LoopValues() as values:
        first = asyncio.ensure_future(values.use(slow))
        second = asyncio.ensure_future(values.use(slow))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.wait([first])
        go_on.set()
        assert (first.cancelled(), await second, opened) == (True, 1, 1)


@pytest.mark.parametrize("error", [OSError("no route"), GiveUp("no such shop")])
async def test_what_fails_to_open_fails_who_asks_with_its_own_error_and_is_tried_again(error: Exception) -> None:
    fails = True

    @lifespan
    async def shop() -> AsyncIterator[str]:
        if fails:
            raise error
        yield "open"

    async with asyncio.timeout(15), LoopValues() as values:
        for _ in range(2):
            with pytest.raises(type(error), match="no") as raised:
                await values.use(shop)
            assert raised.value is error
        fails = False
        assert await values.use(shop) == "open"


@pytest.mark.parametrize("error", [SystemExit(3), asyncio.CancelledError()])
async def test_what_would_end_a_loop_ends_only_the_attempt_that_asks(error: BaseException) -> None:
    @lifespan
    async def exits() -> AsyncIterator[None]:
        raise error
        yield

    async with asyncio.timeout(15), LoopValues() as values:
        with pytest.raises(RuntimeError, match=f"exits ended with {type(error).__name__}"):
            await values.use(exits)


async def test_what_never_opens_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("waterclock.executors.lifespans.OPENING_MOST", 0.01)

    @lifespan
    async def never() -> AsyncIterator[None]:
        await asyncio.Event().wait()
        yield

    async with asyncio.timeout(15), LoopValues() as values:
        with pytest.raises(TimeoutError, match="never was not open after"):
            await values.use(never)


async def test_a_value_that_ends_while_it_is_used_is_told_and_opened_anew(caplog: pytest.LogCaptureFixture) -> None:
    opened, breaks = 0, asyncio.Event()

    @lifespan
    async def connection() -> AsyncIterator[int]:
        nonlocal opened
        opened += 1
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(reading())
            yield opened
            breaks.set()

    async def reading() -> None:
        await breaks.wait()
        if opened == 1:
            raise OSError("connection lost")

    async with asyncio.timeout(15), LoopValues() as values:
        assert await values.use(connection) == 1
        breaks.set()
        while not caplog.records:  # noqa: ASYNC110 - it has no other way to tell
            await asyncio.sleep(0)
        assert await values.use(connection) == 2
    assert [record.getMessage() for record in caplog.records] == ["lifespan failed"]


async def test_one_that_fails_to_be_left_is_told_and_the_others_are_left(caplog: pytest.LogCaptureFixture) -> None:
    left: list[str] = []

    @lifespan
    async def good() -> AsyncIterator[None]:
        yield
        left.append("good")

    @lifespan
    async def bad() -> AsyncIterator[None]:
        yield
        raise OSError("will not close")

    with caplog.at_level(logging.ERROR):
        async with asyncio.timeout(15), LoopValues() as values:
            await values.use(good)
            await values.use(bad)
    assert left == ["good"]
    assert "will not close" in caplog.text


async def test_threads_share_one_value_which_the_first_opens() -> None:
    opened: list[str] = []

    @lifespan
    def pool() -> Iterator[list[int]]:
        opened.append(threading.current_thread().name)
        yield []
        opened.append("left")

    with ThreadValues() as values:
        used = [asyncio.to_thread(values.use, pool) for _ in range(8)]
        async with asyncio.timeout(15), asyncio.TaskGroup() as tasks:
            found = [tasks.create_task(each) for each in used]
        assert len({id(one.result()) for one in found}) == 1
        assert len(opened) == 1
    assert opened[1:] == ["left"]


async def test_a_plain_one_that_fails_is_tried_again_by_the_next() -> None:
    attempts: list[int] = []

    @lifespan
    def pool() -> Iterator[str]:
        attempts.append(1)
        if len(attempts) == 1:
            raise OSError("not yet")
        yield "pool"

    with ThreadValues() as values:
        with pytest.raises(OSError, match="not yet"):
            values.use(pool)
        assert values.use(pool) == "pool"


async def test_kinds_are_not_mixed() -> None:
    @lifespan
    def plain() -> Iterator[None]:
        yield

    @lifespan
    async def on_a_loop() -> AsyncIterator[None]:
        yield

    with pytest.raises(TypeError, match="plain: an `async def` executor needs"):
        LoopValues().use(plain)
    with pytest.raises(TypeError, match="on_a_loop: a plain `def` executor needs"):
        ThreadValues().use(on_a_loop)


async def test_a_function_of_another_shape_is_refused_when_it_is_declared() -> None:
    def returns() -> Iterator[int]:
        return iter([1])

    def takes(port: int) -> Iterator[int]:
        yield port

    for function in (returns, takes):
        with pytest.raises(TypeError, match="without parameters that yields once"):
            lifespan(function)  # pyright: ignore[reportCallIssue, reportArgumentType, reportUnknownVariableType]


@lifespan
async def shop() -> AsyncIterator[list[str]]:
    orders: list[str] = []
    yield orders
    orders.append("closed")


@lifespan
def ledger() -> Iterator[list[str]]:
    rows: list[str] = []
    yield rows
    rows.append("closed")


async def buy(ctx: RunContext) -> list[str]:
    orders = await ctx.use(shop)
    orders.append(ctx.run_id)
    return orders


def book(ctx: RunContext) -> list[str]:
    rows = ctx.use(ledger)
    rows.append(ctx.run_id)
    return rows


@pytest.mark.parametrize("executor", [buy, book])
async def test_a_test_opens_them_for_its_run_and_leaves_them_after(executor: object) -> None:
    told = await run_executor(executor)  # pyright: ignore[reportArgumentType]
    assert told.result == ["test-run", "closed"]


async def test_a_test_may_stand_in_for_one() -> None:
    told = await run_executor(buy, values={shop: ["pretence"]})
    assert told.result == ["pretence", "test-run"]


async def test_they_are_left_when_the_executor_fails_too() -> None:
    seen: list[list[str]] = []

    async def fails(ctx: RunContext) -> None:
        seen.append(await ctx.use(shop))
        raise ValueError("no stock")

    with pytest.raises(ValueError, match="no stock"):
        await run_executor(fails, told=Told())
    assert seen == [["closed"]]
