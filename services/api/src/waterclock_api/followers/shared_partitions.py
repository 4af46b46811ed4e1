"""The partitions that fall to one process of several that share them, each followed by a task of its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Generic, Protocol, TypeVar

from waterclock.kit.cancellation import apart
from waterclock.kit.telemetry.log_lines import Outage
from waterclock.log.client import Log
from waterclock.model.positions import Position
from waterclock.store.connection.pool import Connection, Pool, connect_anew
from waterclock.store.connection.statements import statement
from waterclock.store.connection.transient import PASSES
from waterclock.store.locks import Sharers, Shares
from waterclock.store.partitioning import most
from waterclock_api.consistency.identity import check_installation
from waterclock_api.followers.rounds import BACK_OFF

LOOK_EVERY = 0.5  # s between two looks at how the partitions are shared
SILENCE = 2.5  # s, after which the server ends the session of a process that stands still

_log = logging.getLogger(__name__)


class Follows(Protocol):
    """What follows one partition. `place`: how far it is; None before it is known."""

    @property
    def place(self) -> Position | None: ...

    async def run(self) -> None:
        """Until cancelled."""
        ...


class Presence(Protocol):
    """What is to last as long as the session that holds the locks."""

    async def appear(self, connection: Connection) -> None: ...

    def vanish(self) -> None: ...


F = TypeVar("F", bound=Follows)


class SharedPartitions(Generic[F]):
    """`make`: what is to follow a partition, made when it falls to us. `verb`: what it does with it, for the log.

    `sharing`: whether the partitions are held that fall to us.
    """

    def __init__(
        self,
        log: Log,
        pool: Pool,
        sharers: Sharers,
        make: Callable[[int], F],
        *,
        verb: str,
        presence: Presence | None = None,
    ) -> None:
        self.sharing = False
        self.followers: dict[int, F] = {}
        self._log = log
        self._pool = pool
        self._sharers = sharers
        self._make = make
        self._verb = verb
        self._presence = presence

    @property
    def places(self) -> Mapping[int, Position | None]:
        """How far each partition is that is ours."""
        return {partition: follower.place for partition, follower in self.followers.items()}

    @property
    def lacking(self) -> str | None:
        """What it lacks to follow all partitions that are its share."""
        if not self.sharing:
            return "shares no partitions yet"
        waiting = [partition for partition, place in self.places.items() if place is None]
        return f"waits to begin with partition {waiting[0]}" if waiting else None

    async def run(self, ready: Callable[[], None] | None = None) -> None:
        """Until cancelled. `ready` is called once, when nothing is lacking.

        Raises:
            OtherInstallation: the database is not that of the log.
        """
        outage = Outage(_log, "no partitions assigned", "partitions assigned again")
        pause = BACK_OFF[0]
        is_told = ready is None

        def settled() -> None:
            nonlocal is_told
            if not is_told and ready is not None and self.lacking is None:
                is_told = True
                ready()

        while True:
            try:
                async with await connect_anew(self._pool, work="shares") as connection:
                    await connection.execute(statement("end_when_silent"), {"ms": int(SILENCE * 1000)})
                    pause = BACK_OFF[0]
                    outage.over()
                    await apart(self._follow(connection, settled), name="share the partitions")
            except* PASSES as group:
                outage.failed(" ".join(str(group.exceptions[0]).split()))
            finally:
                self.sharing = False
                if self._presence is not None:
                    self._presence.vanish()
            await asyncio.sleep(pause)
            pause = min(2 * pause, BACK_OFF[1])

    async def _follow(self, connection: Connection, settled: Callable[[], None]) -> None:
        """Follow as many partitions as fall to us, while `connection` holds their locks."""
        await check_installation(self._log, connection)
        count = max(self._log.partitions, await most(connection))  # those, too, that a restore has left behind
        shares = Shares(connection, count, self._sharers)
        await shares.join()
        if self._presence is not None:
            await self._presence.appear(connection)
        tasks: dict[int, asyncio.Task[None]] = {}
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    await shares.settle(tasks, partial(self._begin, group), self._given)
                    self.sharing = True
                    await asyncio.sleep(LOOK_EVERY)
                    settled()
        finally:
            self.followers.clear()

    def _begin(self, group: asyncio.TaskGroup, partition: int) -> asyncio.Task[None]:
        follower = self.followers[partition] = self._make(partition)
        _log.info("partition taken", extra={"partition": partition, "for": self._verb})
        return group.create_task(follower.run(), name=f"{self._verb} {partition}")

    def _given(self, partition: int) -> None:
        del self.followers[partition]
        _log.info("partition handed over", extra={"partition": partition, "for": self._verb})
