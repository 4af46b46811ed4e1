"""The notifier at work: partitions shared with others, each followed; messages sent; the file of rules kept in view."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from functools import partial

from waterclock.client.http import AsyncClient
from waterclock.kit.cancellation import apart
from waterclock.kit.clock import Clock
from waterclock.kit.telemetry.log_lines import Outage
from waterclock.log.client import Log
from waterclock.model.positions import Position
from waterclock.store.connection.pool import Connection, Pool, connect_anew
from waterclock.store.connection.statements import statement
from waterclock.store.connection.transient import PASSES
from waterclock.store.locks import NOTIFIERS, Shares
from waterclock.store.notices.origin import Origin
from waterclock.store.readmodels.wait_for_position import Projected
from waterclock_api.consistency.identity import check_installation
from waterclock_api.notifier.breaker import Breaker
from waterclock_api.notifier.delivery.channels import Channel
from waterclock_api.notifier.delivery.outcome import Again, Outcome
from waterclock_api.notifier.dispatch import Dispatcher, Send, Told
from waterclock_api.notifier.follow import BACK_OFF, Follower
from waterclock_api.notifier.installation.memory import Memory
from waterclock_api.notifier.installation.pace import Pace
from waterclock_api.notifier.installation.watching import Watcher
from waterclock_api.notifier.rules_source import RulesSource

LOOK_EVERY = 0.5  # s between two looks at how the partitions are shared
SILENCE = 2.5  # s, after which the server ends the session of a notifier that stands still

_log = logging.getLogger(__name__)


class Notifier:
    """`sharing`: whether it holds the partitions that fall to it. `source`: of its rules. `api`: for the breaker."""

    def __init__(
        self,
        log: Log,
        pool: Pool,
        source: RulesSource,
        send: Send,
        clock: Clock,
        *,
        here: Origin,
        api: AsyncClient | None = None,
        pace: Pace | None = None,
    ) -> None:
        self.sharing = False
        self._log = log
        self._pool = pool
        self.source = source
        self._clock = clock
        self._projected = Projected(pool)
        memory = Memory(self._send_unless_muted, source.channels)
        self._send = send
        self._dispatcher = Dispatcher(pool, source.channels, memory.send_once, here)
        self._breaker = Breaker(pool, api, lambda: self.is_muted is False)
        self._watcher = Watcher(log, pool, source, memory, clock, pace=pace)
        self._tell_ready: Callable[[], None] | None = None
        self._followers: dict[int, Follower] = {}

    @property
    def places(self) -> Mapping[int, Position | None]:
        """How far each partition is judged that is ours."""
        return {partition: follower.place for partition, follower in self._followers.items()}

    @property
    def is_muted(self) -> bool | None:
        """Whether another place sends what is told, and this one nothing; None: not known yet."""
        return self._dispatcher.is_muted

    @property
    def lacking(self) -> str | None:
        """What it lacks to tell whatever happens from now on in the partitions that are its share."""
        if not self.sharing:
            return "shares no partitions yet"
        waiting = [partition for partition, place in self.places.items() if place is None]
        return f"does not judge partition {waiting[0]} yet" if waiting else None

    async def run(self, stop: asyncio.Event, reread: asyncio.Event, ready: Callable[[], None] | None = None) -> None:
        """Until `stop` is set, and messages under way have ended. `ready` is called once, when nothing is lacking."""
        self._tell_ready = ready
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._dispatcher.run(stop), name="send messages")
            tasks.create_task(self._breaker.run(stop), name="disable jobs")
            work = [
                tasks.create_task(self._projected.listen(), name="listen to projectors"),
                tasks.create_task(self.source.keep(reread), name="keep the rules"),
                tasks.create_task(self._share(), name="share the partitions"),
                tasks.create_task(self._watcher.run(), name="watch the installation"),
            ]
            await stop.wait()
            for task in work:
                task.cancel()

    async def _send_unless_muted(self, channel: Channel, told: Told) -> Outcome:
        """What is sent from memory asks no database whether it may: it may if the last look at one said so."""
        if self.is_muted is not False:
            return Again(said="another place sends")
        return await self._send(channel, told)

    async def _share(self) -> None:
        outage = Outage(_log, "no partitions assigned", "partitions assigned again")
        pause = BACK_OFF[0]
        while True:
            try:
                async with await connect_anew(self._pool, work="shares") as connection:
                    await connection.execute(statement("end_when_silent"), {"ms": int(SILENCE * 1000)})
                    pause = BACK_OFF[0]
                    outage.over()
                    await apart(self._follow(connection), name="share the partitions")
            except* PASSES as group:
                outage.failed(" ".join(str(group.exceptions[0]).split()))
            finally:
                self.sharing = False
            await asyncio.sleep(pause)
            pause = min(2 * pause, BACK_OFF[1])

    async def _follow(self, connection: Connection) -> None:
        """Follow as many partitions as fall to us, while `connection` holds their locks."""
        await check_installation(self._log, connection)
        shares = Shares(connection, self._log.partitions, NOTIFIERS)
        await shares.join()
        tasks: dict[int, asyncio.Task[None]] = {}
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    await shares.settle(tasks, partial(self._begin, group), self._given)
                    self.sharing = True
                    await asyncio.sleep(LOOK_EVERY)
                    if self._tell_ready is not None and self.lacking is None:
                        self._tell_ready()
                        self._tell_ready = None
        finally:
            self._followers.clear()

    def _begin(self, group: asyncio.TaskGroup, partition: int) -> asyncio.Task[None]:
        follower = Follower(
            self._log,
            self._pool,
            partition,
            book=self.source.book,
            projected=self._projected,
            clock=self._clock,
        )
        self._followers[partition] = follower
        _log.info("judging", extra={"partition": partition})
        return group.create_task(follower.run(), name=f"judge {partition}")

    def _given(self, partition: int) -> None:
        del self._followers[partition]
        _log.info("handed over", extra={"partition": partition})
