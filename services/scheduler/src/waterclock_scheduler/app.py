"""What a scheduler hears and says by FastStream: what may be lost and heard again.

Doorbells of changed jobs, and word of other schedulers. No guarantee rests on them: the walk looks at
its change feed itself, and who hears of nobody leads what nobody leads.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass
from importlib.metadata import version

from faststream import AckPolicy, FastStream
from faststream.redis import RedisBroker, StreamSub
from redis.exceptions import RedisError

from waterclock.kit.clock import wait
from waterclock.log import broker as messages
from waterclock.log.broker import BLOCK_MS
from waterclock.model.ids import JobId
from waterclock.wire.keys import Keys
from waterclock_scheduler.discovery import SAID_EVERY_S
from waterclock_scheduler.scheduler import Scheduler

_TOGETHER = 500  # entries of a change feed in one read


@dataclass(frozen=True)
class JobWritten:
    """A job was created, changed or deleted."""

    job: str


@dataclass(frozen=True)
class SchedulerSpoke:
    """Said by every scheduler once a second, and when it leaves."""

    scheduler: str
    leaving: bool = False


class Messages:
    """The messages of one scheduler."""

    def __init__(self, scheduler: Scheduler, broker: RedisBroker, keys: Keys) -> None:
        self._scheduler = scheduler
        self._broker = broker
        self._keys = keys

    def hear_schedulers(self) -> None:
        self._broker.subscriber(self._keys.schedulers, title="schedulers")(self.spoken)

    def hear_streams(self, partitions: int, *, since_ms: int) -> None:
        """Hear all change feeds, from a moment of the server's clock on."""
        for partition in range(partitions):
            self._hear_doorbell(partition, since_ms)

    def _hear_doorbell(self, partition: int, since_ms: int) -> None:
        async def written(said: JobWritten) -> None:
            """The change feed `changes` of a partition."""
            self._scheduler.changed(partition, JobId(said.job))

        changes = StreamSub(
            self._keys.partition(partition, "changes"),
            last_id=f"{since_ms}-0",
            polling_interval=BLOCK_MS,
            max_records=_TOGETHER,
        )
        title = f"changes of partition {partition}"
        self._broker.subscriber(stream=changes, title=title, ack_policy=AckPolicy.MANUAL)(written)

    async def spoken(self, said: SchedulerSpoke) -> None:
        """Another scheduler is alive, or leaves: how many there are decides how many partitions each leads."""
        if said.leaving:
            self._scheduler.left(said.scheduler)
        else:
            self._scheduler.peers.heard(said.scheduler)

    async def speak(self, handed_over: asyncio.Event) -> None:
        """Say once a second that we are alive, until all is handed over; then that we leave."""
        while not handed_over.is_set():
            await self._say(SchedulerSpoke(scheduler=self._scheduler.name))
            await wait(handed_over, SAID_EVERY_S)
        await self._say(SchedulerSpoke(scheduler=self._scheduler.name, leaving=True))

    async def _say(self, word: SchedulerSpoke) -> None:
        try:
            await self._broker.publish(asdict(word), channel=self._keys.schedulers)
        except (RedisError, OSError) as error:  # said again in a second
            messages.messages_log.debug("not said", extra={"error": repr(error)})


def application(broker: RedisBroker) -> FastStream:
    return messages.application(
        broker,
        title="Waterclock scheduler",
        version=version("waterclock-scheduler"),
        description="What a scheduler hears and says. Its decisions are not messages but events of the log.",
    )
