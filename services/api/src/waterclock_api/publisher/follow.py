"""Publish one partition: archived events → CloudEvents → the stream of others; then the place moves on.

A publisher that ends between the two publishes some events again: at least once, in the order of the partition.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Collection, Sequence
from typing import NamedTuple

from waterclock.kit.clock import wait
from waterclock.kit.telemetry import catalog
from waterclock.kit.telemetry.log_lines import Outage
from waterclock.model.positions import Position
from waterclock.store import publishing
from waterclock.store.connection.moment import one_moment
from waterclock.store.connection.pool import Connection, Pool
from waterclock.store.connection.transient import PASSES
from waterclock.store.partitioning import most
from waterclock.store.publishing import Overtaken, Publishable
from waterclock.store.readmodels.wait_for_position import Projected
from waterclock_api.consistency.lag import places_of_all
from waterclock_api.followers.rounds import in_rounds
from waterclock_api.publisher.cloud_event import cloud_event
from waterclock_api.publisher.target import AWAY, Target

AT_ONCE = 100  # events: the largest of them are a megabyte
LOOK_ANYWAY = 1.0  # s, where nothing wakes us
LOST = "archive.lost"
"""The type of the event that says that others are missing: published whatever was asked for."""

_log = logging.getLogger(__name__)


class Wanted(NamedTuple):
    """Which events are published: `types` are tags, `groups` of jobs; no groups: all, and what is of no job."""

    types: Sequence[str]
    groups: Collection[str] = ()

    def fits(self, one: Publishable) -> bool:
        return not self.groups or one.entry.type == LOST or one.group in self.groups


class Follower:
    """One partition. `place`: how far it is published; None before it is known. It waits for `may_publish`."""

    def __init__(
        self,
        pool: Pool,
        partition: int,
        partitions: int,
        *,
        projected: Projected,
        target: Target,
        wanted: Wanted,
        source: str,
        may_publish: asyncio.Event,
    ) -> None:
        self.partition = partition
        self.place: Position | None = None
        self._pool = pool
        self._partitions = partitions
        self._projected = projected
        self._target = target
        self._wanted = wanted
        self._source = source
        self._may_publish = may_publish

    async def run(self) -> None:
        """Until cancelled; what is unreachable is waited for."""
        await in_rounds(
            self._pool,
            self._published,
            work=f"publish {self.partition}",
            passes=(*PASSES, *AWAY, Overtaken),
            failed=self._forget,
            outage=Outage(_log, "publishing stopped", "publishing resumed"),
        )

    def _forget(self) -> None:
        self.place = None

    async def _published(self, connection: Connection) -> AsyncGenerator[None]:
        """Publish on and on; yields whenever all that is archived is published."""
        self.place = await begin(connection, self.partition, self._partitions)
        with self._projected.hear(self.partition) as heard:
            while True:
                heard.clear()
                await self._may_publish.wait()
                while await self._publish_some(connection):
                    pass
                yield
                await wait(heard, LOOK_ANYWAY)

    async def _publish_some(self, connection: Connection) -> bool:
        """Publish the next events; whether there may be more."""
        place = self.place
        assert place is not None
        end = (await places_of_all(connection, max(self._partitions, self.partition + 1))).get(self.partition)
        if end is None or end <= place:
            return False
        found = await publishing.read(connection, place, end, self._wanted.types, limit=AT_ONCE)
        documents = [cloud_event(one, self._source) for one in found if self._wanted.fits(one)]
        if documents:
            await self._target.publish(documents)
            catalog.PUBLISHED.add(len(documents))
        through = found[-1].entry.position if len(found) == AT_ONCE else end
        await publishing.advance(connection, place, through)
        self.place = through
        if found:
            catalog.PUBLISHED_AT.set(found[-1].entry.at / 1000, str(self.partition))
        return True


async def begin(connection: Connection, partition: int, partitions: int) -> Position:
    """The place after which to publish: the present; of a partition that is new where others are published, none."""
    known = await publishing.published(connection)
    if partition in known:
        return known[partition]
    async with one_moment(connection), connection.transaction():
        known = await publishing.published(connection)
        places = await places_of_all(connection, max(partitions, await most(connection)))
        present = {one: place or Position(one, 0, 0) for one, place in places.items()}
        if not known:
            for place in present.values():
                await publishing.begin(connection, place)
        elif partition >= partitions and partition not in known:  # the log had been restored into fewer before
            await publishing.begin(connection, present[partition])
        elif partition not in known:
            await publishing.begin(connection, Position(partition, 0, 0))
    return (await publishing.published(connection))[partition]
