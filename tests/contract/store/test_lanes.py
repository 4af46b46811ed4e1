"""The lanes of a pool: who waits for whom, and who does not."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress

import psycopg
import pytest
from psycopg import sql

from waterclock.store.connection.lanes import (
    Lane,
    LaneFull,
    Lanes,
    ShareTaken,
    lanes_of,
    statement_seconds,
)
from waterclock.store.connection.pool import Pool, open_pool

AT_ONCE = 0.0
LONG = 30.0


def test_a_pool_is_shared_out_whole_whatever_its_size(migrated_postgres_url: str) -> None:
    for most in range(1, 24):
        lanes = lanes_of(_unopened(migrated_postgres_url, most))
        assert sum(lane.places for lane in set(lanes)) == most if most >= 4 else len(set(lanes)) == most
        assert all(lane.places for lane in lanes)
        if most > 1:
            assert lanes.searches not in (lanes.own, lanes.reads)
        if most > 4:
            assert len(set(lanes)) == len(Lanes._fields)


def test_where_all_share_one_connection_a_statement_is_short() -> None:
    assert (statement_seconds(1, 10), statement_seconds(1, 0.5), statement_seconds(2, 10)) == (1, 0.5, 10)


async def test_a_full_lane_holds_up_no_other(pool: Pool) -> None:
    lanes = lanes_of(pool)
    async with AsyncExitStack() as held:
        for _ in range(lanes.searches.places):
            await held.enter_async_context(lanes.searches.connection())
        with pytest.raises(LaneFull):
            async with lanes.searches.connection(AT_ONCE):
                pass
        for lane in (lanes.own, lanes.reads, lanes.streams, lanes.lists):
            async with lane.connection(LONG) as connection:
                await connection.execute("SELECT 1")


async def test_one_caller_never_holds_all_places_and_others_overtake_it(pool: Pool) -> None:
    lane = Lane(pool, 2, line=32)
    order: list[str] = []

    async def read(who: str) -> None:
        async with lane.connection(LONG, who=who):
            order.append(who)

    async with asyncio.TaskGroup() as tasks, lane.connection(who="greedy"):
        more = tasks.create_task(read("greedy"))
        await asyncio.sleep(0)
        async with asyncio.timeout(LONG):
            await read("modest")
        assert not more.done()
    assert order == ["modest", "greedy"]


async def test_a_place_goes_to_the_first_that_is_below_its_share(pool: Pool) -> None:
    lane = Lane(pool, 2, line=32)
    order: list[str] = []

    async def read(who: str) -> None:
        async with lane.connection(LONG, who=who):
            order.append(who)

    async with asyncio.TaskGroup() as tasks, lane.connection(who="a"):
        waiting: dict[str, asyncio.Task[None]] = {}
        async with lane.connection(who="b"):
            for who in ("a", "c", "b"):
                waiting[who] = tasks.create_task(read(who))
                await asyncio.sleep(0)
        async with asyncio.timeout(LONG):
            await waiting["b"]
        assert order == ["c", "b"]


async def test_the_line_is_bounded_and_a_caller_has_half_of_it(pool: Pool) -> None:
    lane = Lane(pool, 1, line=4)

    async def read(who: str) -> None:
        async with lane.connection(LONG, who=who):
            pass

    async with asyncio.TaskGroup() as tasks, lane.connection(who="a"):
        for who in ("a", "a", "b"):
            tasks.create_task(read(who))
            await asyncio.sleep(0)
        with pytest.raises(ShareTaken):
            await read("a")
        tasks.create_task(read("c"))
        await asyncio.sleep(0)
        with pytest.raises(LaneFull):
            await read("d")


async def test_who_gives_up_leaves_no_place_taken(pool: Pool) -> None:
    """Cancelled while waiting, and in the very moment in which the place is given."""
    lane = Lane(pool, 1)

    async def read() -> None:
        async with lane.connection(LONG, who="a"):
            pass

    for given in (False, True):
        async with lane.connection(who="a"):
            waiting = asyncio.create_task(read())
            await asyncio.sleep(0)
            if not given:
                waiting.cancel()
        waiting.cancel()
        with suppress(asyncio.CancelledError):
            await waiting
        async with lane.connection(LONG, who="a"):
            pass


async def test_a_lane_without_postgres_is_not_full(migrated_postgres_url: str) -> None:
    lane = Lane(_unopened(migrated_postgres_url, 1), 1)
    for _ in range(2):
        with pytest.raises(psycopg.OperationalError) as caught:
            async with lane.connection(AT_ONCE):
                pass
        assert not isinstance(caught.value, LaneFull)


@pytest.mark.parametrize(("of_role", "ours", "holds"), [("0", 5, "5s"), ("200ms", 5, "200ms"), ("30s", 5, "5s")])
async def test_a_statement_has_the_least_of_the_times_that_are_set(
    migrated_postgres_url: str, of_role: str, ours: float, holds: str
) -> None:
    with psycopg.connect(migrated_postgres_url, autocommit=True) as owner:
        name = sql.Identifier(owner.info.dbname)
        owner.execute(sql.SQL("ALTER DATABASE {} SET statement_timeout = {}").format(name, sql.Literal(of_role)))
    async with await open_pool(migrated_postgres_url, name="test", max_size=1, statement_timeout=ours) as own:
        async with own.connection() as connection:
            row = await (await connection.execute("SHOW statement_timeout")).fetchone()
        assert row == (holds,)


def _unopened(url: str, most: int) -> Pool:
    return Pool(url, min_size=1, max_size=most, open=False)
