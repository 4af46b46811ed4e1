"""Where judging begins: at the present; of a partition that is new where others are judged, at its first entry."""

from __future__ import annotations

from waterclock.model.notices.rule_book import RuleBook
from waterclock.model.notices.snapshots import begin as begin_with
from waterclock.model.positions import Position
from waterclock.store.connection.moment import one_moment
from waterclock.store.connection.pool import Connection
from waterclock.store.notices import facts, snapshot
from waterclock.store.partitioning import most
from waterclock_api.consistency.lag import places_of_all


async def begin(connection: Connection, partition: int, partitions: int, book: RuleBook) -> Position:
    """The place after which to judge on. Where nobody has begun, all partitions are begun at one moment."""
    place = await facts.judged(connection, partition)
    if place is not None:
        return place
    async with one_moment(connection), connection.transaction():
        begun = await facts.all_judged(connection)
        places = await places_of_all(connection, max(partitions, await most(connection)))
        at = {one: place or Position(one, 0, 0) for one, place in places.items()}
        if begun and partition >= partitions:  # nobody had begun when the log was restored into fewer partitions
            await facts.begin(connection, at[partition])
        elif begun:  # it was restored into more: this one is judged from its beginning
            await facts.begin(connection, Position(partition, 0, 0))
        else:
            there = {one: place for one, place in at.items() if one < partitions}
            now = await snapshot.read(connection, there, partitions=partitions)
            begun_here = [await facts.begin(connection, place) for place in at.values()]
            if all(begun_here):
                await facts.write(connection, begin_with(book, now).changes, partitions=partitions)
    return await begin(connection, partition, partitions, book)
