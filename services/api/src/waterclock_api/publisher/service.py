"""The publisher at work: partitions shared with others, each published; nothing where the database is a copy."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

from waterclock.kit.telemetry.log_lines import Outage
from waterclock.log.client import Log
from waterclock.model.positions import Position
from waterclock.store.connection.pool import Pool
from waterclock.store.connection.transient import PASSES
from waterclock.store.locks import PUBLISHERS
from waterclock.store.notices import origin
from waterclock.store.notices.origin import Origin
from waterclock.store.readmodels.wait_for_position import Projected
from waterclock_api.followers.shared_partitions import SharedPartitions
from waterclock_api.publisher.follow import Follower, Wanted
from waterclock_api.publisher.target import Target

LOOK_EVERY = 1.0  # s between two looks at whether the database is a copy

_log = logging.getLogger(__name__)


class Publisher:
    """`source`: of the events. `is_muted`: whether the database tells for another place, and nothing is published.

    None: that is not known yet.
    """

    def __init__(self, log: Log, pool: Pool, target: Target, wanted: Wanted, *, here: Origin, source: str) -> None:
        self.is_muted: bool | None = None
        self._pool = pool
        self._here = here
        self._may_publish = asyncio.Event()
        self._projected = projected = Projected(pool)

        def follower(partition: int) -> Follower:
            return Follower(
                pool,
                partition,
                log.partitions,
                projected=projected,
                target=target,
                wanted=wanted,
                source=source,
                may_publish=self._may_publish,
            )

        self._partitions = SharedPartitions(log, pool, PUBLISHERS, follower, verb="publish")

    @property
    def places(self) -> Mapping[int, Position | None]:
        """How far each partition is published that is ours."""
        return self._partitions.places

    @property
    def lacking(self) -> str | None:
        return self._partitions.lacking

    async def run(self, stop: asyncio.Event, ready: Callable[[], None] | None = None) -> None:
        """Until `stop` is set. `ready` is called once, when nothing is lacking."""
        async with asyncio.TaskGroup() as tasks:
            work = [
                tasks.create_task(self._projected.listen(), name="listen to projectors"),
                tasks.create_task(self._look(), name="look whether this is a copy"),
                tasks.create_task(self._partitions.run(ready), name="share the partitions"),
            ]
            await stop.wait()
            for task in work:
                task.cancel()

    async def _look(self) -> None:
        outage = Outage(_log, "origin not known", "origin known again")
        while True:
            try:
                async with self._pool.connection() as connection:
                    self._take_in(is_muted=not await origin.sends(connection, self._here))
                outage.over()
            except PASSES as error:
                outage.failed(error)
            await asyncio.sleep(LOOK_EVERY)

    def _take_in(self, *, is_muted: bool) -> None:
        if is_muted and not self.is_muted:
            _log.warning("publisher muted", extra={"here": str(self._here)})
        self.is_muted = is_muted
        if is_muted:
            self._may_publish.clear()
        else:
            self._may_publish.set()
