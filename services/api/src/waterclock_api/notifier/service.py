"""The notifier at work: partitions shared with others, each followed; messages sent; the file of rules kept in view."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from waterclock.client.http import AsyncClient
from waterclock.kit.clock import Clock
from waterclock.log.client import Log
from waterclock.model.positions import Position
from waterclock.store.connection.pool import Pool
from waterclock.store.locks import NOTIFIERS
from waterclock.store.notices.origin import Origin
from waterclock.store.notices.presence import Presence
from waterclock.store.readmodels.wait_for_position import Projected
from waterclock_api.followers.shared_partitions import SharedPartitions
from waterclock_api.notifier.breaker import Breaker
from waterclock_api.notifier.delivery.channels import Channel
from waterclock_api.notifier.delivery.outcome import Again, Outcome
from waterclock_api.notifier.dispatch import Dispatcher, Send, Told
from waterclock_api.notifier.follow import Follower
from waterclock_api.notifier.installation.heart import Beat, Heart
from waterclock_api.notifier.installation.memory import Memory
from waterclock_api.notifier.installation.pace import Pace
from waterclock_api.notifier.installation.watching import Watcher
from waterclock_api.notifier.rules_source import RulesSource


class Notifier:
    """`source`: of its rules. `api`: for the breaker. `beat`: without it no heartbeat is sent."""

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
        beat: Beat | None = None,
        pace: Pace | None = None,
    ) -> None:
        self.source = source
        self._projected = Projected(pool)
        self._presence = Presence()
        pace = pace or Pace()
        memory = Memory(self._send_unless_muted, source.channels)
        self._send = send
        self._dispatcher = Dispatcher(pool, source.channels, memory.send_once, here, self._presence)
        self._breaker = Breaker(pool, api, self._may_send, self._presence)
        self.watcher = Watcher(log, pool, source, memory, clock, pace=pace)
        self._heart = None
        if beat is not None:
            self._heart = Heart(
                log,
                pool,
                source,
                beat,
                clock,
                look=lambda: self.watcher.look,
                may_send=self._may_send,
                pace=pace,
            )

        def follower(partition: int) -> Follower:
            return Follower(log, pool, partition, book=source.book, projected=self._projected, clock=clock)

        self._partitions = SharedPartitions(log, pool, NOTIFIERS, follower, verb="judge", presence=self._presence)

    @property
    def places(self) -> Mapping[int, Position | None]:
        """How far each partition is judged that is ours."""
        return self._partitions.places

    @property
    def is_muted(self) -> bool | None:
        """Whether another place sends what is told, and this one nothing; None: not known yet."""
        return self._dispatcher.is_muted

    @property
    def sharing(self) -> bool:
        """Whether it holds the partitions that fall to it."""
        return self._partitions.sharing

    @property
    def dead_channels(self) -> Mapping[str, str] | None:
        """Channels that deliver nothing, and what they said; None: not known."""
        return None if self.watcher.look is None else self.watcher.look.dead

    @property
    def lacking(self) -> str | None:
        """What it lacks to tell whatever happens from now on in the partitions that are its share."""
        return self._partitions.lacking

    async def run(self, stop: asyncio.Event, reread: asyncio.Event, ready: Callable[[], None] | None = None) -> None:
        """Until `stop` is set, and messages under way have ended. `ready` is called once, when nothing is lacking."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._dispatcher.run(stop), name="send messages")
            tasks.create_task(self._breaker.run(stop), name="disable jobs")
            work = [
                tasks.create_task(self._projected.listen(), name="listen to projectors"),
                tasks.create_task(self.source.keep(reread), name="keep the rules"),
                tasks.create_task(self._partitions.run(ready), name="share the partitions"),
                tasks.create_task(self.watcher.run(), name="watch the installation"),
            ]
            if self._heart is not None:
                work.append(tasks.create_task(self._heart.run(), name="send the heartbeat"))
            await stop.wait()
            for task in work:
                task.cancel()

    def _may_send(self) -> bool:
        return self.is_muted is False

    async def _send_unless_muted(self, channel: Channel, told: Told) -> Outcome:
        """What is sent from memory asks no database whether it may: it may if the last look at one said so."""
        if not self._may_send():
            return Again(said="another place sends")
        return await self._send(channel, told)
