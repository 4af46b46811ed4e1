"""Live events, from one reader for each partition to all clients of this process.

    join ── the channel of a partition reads its stream from the end it found ──► groups ──► subscriptions

A client takes a subscription before it reads history: what the channels read from then on waits in the subscription,
so nothing falls between. Where many listen, a channel rests a moment after each batch: what comes meanwhile goes out in
one write.

It is long: one reader of a partition and its clients, whose state is one.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from types import TracebackType
from typing import Self

import psycopg
from psycopg_pool import PoolTimeout

from waterclock.kit.clock import Clock
from waterclock.kit.telemetry.log_lines import Outage
from waterclock.log import tail
from waterclock.log.batches import portions
from waterclock.log.client import Log
from waterclock.log.connection.errors import BrokenChain, LogError
from waterclock.log.reader import Reader
from waterclock.log.tail import tail_of
from waterclock.model.positions import Position, at_entry
from waterclock.wire.envelope import Entry
from waterclock_api.access.credentials import EndOfGrant, GrantEnded
from waterclock_api.http.problems import StreamsFull, TooManyStreams
from waterclock_api.limits.memory_budget import HELD_BYTES, Account
from waterclock_api.limits.peer_state import connected
from waterclock_api.limits.thread_turns import in_thread
from waterclock_api.live.lost_tail import check_latest, is_lost
from waterclock_api.live.sse import Frame
from waterclock_api.live.subscriptions import SEAT_BYTES, Batch, Channel, Group, Question, Subscription, Tap

PAGE = 200  # entries read at once, of some 100 kB at most
HEARTBEAT_EVERY = 15.0  # s
STUCK_AFTER = 30.0  # s that a client may leave a write untaken
LAST_WORD = 2.0  # s that a client has to take what it is being sent, once it may not listen any more
LOOK_EVERY = 15.0  # s, at the connections of clients
STREAMS, STREAMS_PER_CLIENT = 2_000, 500
_TEND_EVERY = 1.0  # s
_PORTION = SEAT_BYTES // 4  # bytes handed out before clients get a chance to take them
_REST = (50e-6, 0.05)  # s, for each listener and at most
_DRAIN = 0.01  # s, where somebody's subscription is half full
_BACK_OFF = (0.1, 2.0)  # s, first and longest
_NOWHERE = Position(0, 0, 0)

_log = logging.getLogger(__name__)


class Hub:
    def __init__(
        self,
        log: Log,
        cold: tail.Archive,
        clock: Clock,
        *,
        most: int = STREAMS,
        most_per_client: int = STREAMS_PER_CLIENT,
        held: Account | None = None,
    ) -> None:
        self._log = log
        self._cold = cold
        self._clock = clock
        self._most = most
        self.most_per_client = most_per_client
        self._held = held or Account(HELD_BYTES // 3)
        self._channels: dict[int, Channel] = {}
        self._groups: dict[Question, Group] = {}
        self._clients: Counter[str] = Counter()
        self._tasks = asyncio.TaskGroup()
        self._tending: asyncio.Task[None] | None = None
        self._closing = False

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        self._tending = self._tasks.create_task(self._tend(), name="tend streams")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        await self._tasks.__aexit__(kind, error, trace)

    @property
    def readers(self) -> int:
        """How many partitions are read now."""
        return len(self._channels)

    @property
    def subscriptions(self) -> int:
        """How many streams are served now."""
        return sum(len(group.subscriptions) for group in self._groups.values())

    @property
    def clients(self) -> int:
        """How many callers have streams."""
        return len(self._clients)

    def close(self) -> None:
        """End all streams; no more are begun."""
        self._closing = True
        if self._tending is not None:
            self._tending.cancel()
        for channel in tuple(self._channels.values()):
            channel.cut_all()
            self._stop(channel)
        for group in self._groups.values():  # also what no channel feeds
            group.close()

    @asynccontextmanager
    async def join(
        self,
        question: Question,
        cut: Callable[[], None],
        *,
        client: str = "",
        end: str | None = None,
        ended: GrantEnded = lambda: None,
    ) -> AsyncGenerator[Subscription]:
        """A subscription for what the question asks for, from now on. `cut` is called when it is lost: stop sending.

        `client` is who asks, as `caller_id` has it; `end` the far end of the connection; `ended` is asked each second.

        Raises:
            StreamsFull, TooManyStreams: no more are served, or none to that client.
            LogUnavailable, Halted: the end of a stream cannot be learnt; Superseded: this server is not to be asked.
        """
        with self._admitted(client):
            channels: list[Channel] = []
            try:
                for partition in question.partitions:
                    channels.append(await self._channel(partition))
                    channels[-1].users += 1
                with self._seated(question, channels, cut, end, ended) as subscription:
                    yield subscription
            finally:
                for channel in channels:
                    self._leave(channel)

    @asynccontextmanager
    async def tap(self, tap: Tap) -> AsyncGenerator[Callable[[], bool]]:
        """Have `tap` hear all partitions from now on; what is given tells whether it hears all of them still.

        Raises:
            LogError: the end of a stream cannot be learnt.
        """
        channels: list[Channel] = []
        try:
            for partition in range(self._log.partitions):
                channels.append(await self._channel(partition))
                channels[-1].users += 1
                channels[-1].taps.add(tap)
                tap.begin(partition, channels[-1].position)
            yield lambda: all(self._channels.get(one.partition) is one for one in channels)
        finally:
            for channel in channels:
                channel.taps.discard(tap)
                self._leave(channel)

    def tell(self, question: Question, data: bytes) -> None:
        """Send those who ask this what is no event of a partition."""
        if (group := self._groups.get(question)) is not None:
            group.hand_out(Batch({}, (Frame(_NOWHERE, b"", data, None),)))

    @contextmanager
    def _admitted(self, client: str) -> Generator[None]:
        if self._clients.total() >= self._most:
            raise StreamsFull(f"All {self._most} streams of this process are in use.")
        if self._clients[client] >= self.most_per_client:
            raise TooManyStreams(f"{client} has {self.most_per_client} streams open, which is the limit.")
        self._clients[client] += 1
        try:
            yield
        finally:
            self._clients[client] -= 1
            if not self._clients[client]:
                del self._clients[client]

    @contextmanager
    def _seated(
        self,
        question: Question,
        channels: Sequence[Channel],
        cut: Callable[[], None],
        end: str | None,
        ended: GrantEnded,
    ) -> Generator[Subscription]:
        group = self._groups.get(question)
        if group is None or list(group.channels) != channels:  # those it had were stopped
            group = self._groups[question] = Group(question, channels, self._held)
            for channel in channels:
                channel.add(group)
        # no await up to the set: its place is where its frames begin
        subscription = Subscription(group, cut, end, self._clock.monotonic(), ended)
        if self._closing or any(self._channels.get(one.partition) is not one for one in channels):
            subscription.close()
        group.subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            subscription.close()
            group.subscriptions.discard(subscription)
            if not group.subscriptions:
                for channel in channels:
                    channel.remove(group)
                if self._groups.get(question) is group:
                    del self._groups[question]

    async def _channel(self, partition: int) -> Channel:
        if partition not in self._channels:
            end = await tail_of(self._log, partition)
            await check_latest(self._log, partition, opened=end is None)
            if partition not in self._channels:
                channel = Channel(partition, end)
                if self._closing:
                    return channel
                self._channels[partition] = channel
                channel.task = self._tasks.create_task(self._follow(channel), name=f"follow {partition} live")
        return self._channels[partition]

    def _leave(self, channel: Channel) -> None:
        channel.users -= 1
        if channel.users == 0:
            self._stop(channel)

    def _stop(self, channel: Channel) -> None:
        if self._channels.get(channel.partition) is channel:
            del self._channels[channel.partition]
        if channel.task is not None:
            channel.task.cancel()

    async def _follow(self, channel: Channel) -> None:
        reader = self._log.reader()
        outage = Outage(_log, "live events stopped", "live events resumed", partition=channel.partition)
        pause = _BACK_OFF[0]
        try:
            while True:
                try:
                    for portion in portions(await self._read_on(reader, channel), _PORTION):
                        channel.hand_out(portion)
                        await asyncio.sleep(_rest(channel))
                    pause = _BACK_OFF[0]
                    outage.over()
                except BrokenChain as error:
                    _log.error("live events missing", extra={"partition": channel.partition, "error": str(error)})
                    channel.cut_all()
                    self._stop(channel)
                except (LogError, psycopg.Error, PoolTimeout) as error:
                    outage.failed(error)
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, _BACK_OFF[1])
        finally:
            async with asyncio.timeout(1):
                await reader.close()

    async def _read_on(self, reader: Reader, channel: Channel) -> list[Entry]:
        """What comes next. Where what was read is lost, the channel goes on from the end that is left (`beyond.py`)."""
        try:
            found = await self._read(reader, channel)
        except BrokenChain as error:
            if channel.position is None or error.after != channel.position.entry:
                raise
            found = await tail.entries_from(
                self._log, channel.partition, at_entry(channel.partition, error.found), count=1
            )
            if not found or not await self._shortened(channel, found[0].before):
                raise
            return []
        if found:
            self._log.ends.heard(channel.partition, found[-1].position[1:])
        else:
            await self._shortened(channel, await tail_of(self._log, channel.partition))
        return found

    async def _shortened(self, channel: Channel, end: Position | None) -> bool:
        """Whether the channel was beyond `end`, and what it had told after that is lost."""
        place = channel.position
        if place is None or not await is_lost(self._log, self._cold, place, end):
            return False
        _log.warning("live events lost", extra={"partition": channel.partition, "after": str(end), "told": str(place)})
        channel.shorten(end)
        return True

    async def _read(self, reader: Reader, channel: Channel) -> list[Entry]:
        return await tail.read(
            reader, channel.partition, channel.position, count=PAGE, block=reader.longest, archive=self._cold
        )

    async def _tend(self) -> None:
        """Have quiet clients sent a heartbeat, cut those that take nothing, and end those that may not listen any more.

        One clock for all of them.
        """
        looked_at = self._clock.monotonic()
        while True:
            await asyncio.sleep(_TEND_EVERY)
            now = self._clock.monotonic()
            if now - looked_at >= LOOK_EVERY and self._groups:
                await self._cut_gone()
                looked_at = now
            self._end_ungranted(now)
            for group in tuple(self._groups.values()):
                for subscription in tuple(group.subscriptions):
                    if subscription.sending and now - subscription.sent_at > STUCK_AFTER:
                        subscription.cut()
                    elif now - subscription.sent_at >= HEARTBEAT_EVERY - _TEND_EVERY:
                        subscription.wake()

    def _end_ungranted(self, now: float) -> None:
        ended: Counter[EndOfGrant] = Counter()
        for subscription in [subscription for group in self._groups.values() for subscription in group.subscriptions]:
            if subscription.closed_by is not None:
                if now - subscription.closed_at > (LAST_WORD if subscription.sending else STUCK_AFTER):
                    subscription.cut()
            elif not subscription.closed and (why := subscription.ended()) is not None:
                subscription.end(why, now)
                ended[why] += 1
        for why, count in ended.items():
            _log.info("streams closed", extra={"reason": why, "streams": count})

    async def _cut_gone(self) -> None:
        """Cut those whose connections are no more."""
        gone = [
            subscription
            for group in self._groups.values()
            for subscription in group.subscriptions
            if subscription.far_end is not None
        ]
        for _ in range(2):  # while others come and go, a look may miss one that is there
            if gone:
                there = await in_thread(connected)
                gone = [
                    subscription for subscription in gone if there is not None and subscription.far_end not in there
                ]
        for subscription in gone:
            subscription.cut()


def _rest(channel: Channel) -> float:
    """How long until the next portion; a reader that is alone waits for nothing."""
    rest = min(_REST[1], _REST[0] * (channel.listeners - 1))
    if any(subscription.size > SEAT_BYTES // 2 for group in channel.groups for subscription in group.subscriptions):
        rest = max(rest, _DRAIN)
    return max(0.0, rest)
