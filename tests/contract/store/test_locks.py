"""Projectors share the partitions among those that live."""

import asyncio

from waterclock.store.connection.pool import Pool, connect_anew
from waterclock.store.connection.statements import statement
from waterclock.store.locks import PROJECTORS, Shares
from waterclock.wire.level import LEVEL

DEADLINE = 20.0  # s


async def test_a_partition_is_taken_by_one_and_free_again_when_that_one_dies(pool: Pool) -> None:
    first, second = await connect_anew(pool), await connect_anew(pool)
    one, other = Shares(first, 4), Shares(second, 4)

    assert await one.take(3)
    assert not await other.take(3)
    assert await other.take(2)

    await first.close()
    async with asyncio.timeout(DEADLINE):
        while not await other.take(3):
            pass  # asked again and again: the server needs a moment to see that the session is gone
    await second.close()


async def test_a_partition_that_was_given_back_is_free(pool: Pool) -> None:
    async with pool.connection() as first, pool.connection() as second:
        one, other = Shares(first, 1), Shares(second, 1)
        assert await one.take(0)

        await one.give(0)

        assert await other.take(0)
        await other.give(0)


async def test_the_share_of_each_shrinks_as_others_join(pool: Pool) -> None:
    async with await connect_anew(pool) as first, await connect_anew(pool) as second:
        one, other = Shares(first, 5), Shares(second, 5)
        await one.join()
        assert await one.fair() == 5

        await other.join()

        assert await one.fair() == await other.fair() == 3


async def test_a_projector_of_an_earlier_release_is_told_from_those_of_this_one(pool: Pool) -> None:
    async with await connect_anew(pool) as first, await connect_anew(pool) as second:
        one, other = Shares(first, 5), Shares(second, 5)
        await one.join()
        await other.join()
        assert (await one.older(), await other.older()) == (0, 0)

        older = await connect_anew(pool)
        await older.execute(statement("join_sharers"), {"sharers": PROJECTORS.all})  # all that it says of itself

        assert (await one.older(), await other.older()) == (1, 1)
        await older.close()
        async with asyncio.timeout(DEADLINE):
            while await one.older():
                pass  # asked again and again: the server needs a moment to see that the session is gone


async def test_a_projector_of_a_later_level_is_no_earlier_one(pool: Pool) -> None:
    async with await connect_anew(pool) as first, await connect_anew(pool) as second:
        one = Shares(first, 5)
        await one.join()
        await second.execute(statement("join_level"), {"level": LEVEL + 1})
        await second.execute(statement("join_sharers"), {"sharers": PROJECTORS.all})
        assert await one.older() == 0
