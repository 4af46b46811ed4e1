"""Live events, from one reader for each partition to all clients of this process.

    join ── the channel of a partition reads its stream from the end it found ──► seats, by job and by run

A client takes a seat before it reads history: what the channel reads from then on waits in the seat, so nothing falls
between. An event is encoded once, whoever gets it. A seat that holds too much is cut: its client comes back and goes on
from the last position it saw.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

import psycopg
from psycopg_pool import PoolTimeout

from waterclock.log import tail
from waterclock.log.client import Log
from waterclock.log.errors import BrokenChain, Halted, LogError
from waterclock.log.gates import gate_of
from waterclock.log.opening import tail_of
from waterclock.log.reader import Reader
from waterclock.model.positions import Position
from waterclock.wire.envelope import Entry
from waterclock_api.frames import Frame, frame_of

SEAT_BYTES = 1 << 20  # held for one client
PAGE = 1_000  # entries read at once
_BACK_OFF = (0.1, 2.0)  # s, first and longest

_log = logging.getLogger(__name__)


class Seat:
    """One client's place: what it has not been sent yet, and where that begins."""

    def __init__(self, joined_at: Position | None, cut: Callable[[], None]) -> None:
        self.joined_at = joined_at
        self.closed = False
        self._cut = cut
        self._frames: list[Frame] = []
        self._size = 0
        self._woken = asyncio.Event()

    async def take(self) -> list[Frame]:
        """All frames that have come since, at least one; none once the hub has closed."""
        while not self._frames and not self.closed:
            self._woken.clear()
            await self._woken.wait()
        frames, self._frames, self._size = self._frames, [], 0
        return frames

    def put(self, frame: Frame) -> None:
        if self.closed:
            return
        self._frames.append(frame)
        self._size += len(frame.data)
        self._woken.set()
        if self._size > SEAT_BYTES:
            self.close()
            self._cut()

    def close(self) -> None:
        self.closed = True
        self._woken.set()


class Channel:
    """The seats of one partition, and how far its stream is read."""

    def __init__(self, partition: int, position: Position | None) -> None:
        self.partition = partition
        self.position = position
        self.seats: dict[str, set[Seat]] = {}
        self.task: asyncio.Task[None] | None = None

    def hand_out(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            self.position = entry.position
            frame: Frame | None = None
            for subject in (getattr(entry.event, "run_id", None), getattr(entry.event, "job_id", None)):
                seats = self.seats.get(subject) if subject is not None else None
                if not seats:
                    continue
                frame = frame or frame_of(entry)
                for seat in tuple(seats):
                    seat.put(frame)

    def cut_all(self) -> None:
        for seats in self.seats.values():
            for seat in seats:
                seat.close()


class Hub:
    def __init__(self, log: Log, cold: tail.Archive) -> None:
        self._log = log
        self._cold = cold
        self._channels: dict[int, Channel] = {}
        self._tasks = asyncio.TaskGroup()
        self._closing = False

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
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
    def seats(self) -> int:
        """How many streams are served now."""
        return sum(len(seats) for channel in self._channels.values() for seats in channel.seats.values())

    def close(self) -> None:
        """End all streams; no more are begun."""
        self._closing = True
        for channel in tuple(self._channels.values()):
            channel.cut_all()
            self._stop(channel)

    @asynccontextmanager
    async def join(self, partition: int, subject: str, cut: Callable[[], None]) -> AsyncGenerator[Seat]:
        """A seat for the events of a job or a run from now on. `cut` is called when the seat is full: stop sending.

        Raises:
            LogUnavailable, Halted: the end of the stream cannot be learnt.
        """
        channel = await self._channel(partition)
        seat = Seat(channel.position, cut)  # no await from here to the set: the position is where its frames begin
        if self._closing:
            seat.close()
        channel.seats.setdefault(subject, set()).add(seat)
        try:
            yield seat
        finally:
            seat.close()
            channel.seats[subject].discard(seat)
            if not channel.seats[subject]:
                del channel.seats[subject]
            if not channel.seats:
                self._stop(channel)

    async def _channel(self, partition: int) -> Channel:
        if partition not in self._channels:
            end = await tail_of(self._log, partition)
            if end is None and not (await gate_of(self._log, partition)).opened:
                raise Halted(f"Partition {partition} is not open: it may have lost its events.")
            if partition not in self._channels:
                channel = Channel(partition, end)
                if self._closing:
                    return channel
                self._channels[partition] = channel
                channel.task = self._tasks.create_task(self._follow(channel), name=f"follow {partition} live")
        return self._channels[partition]

    def _stop(self, channel: Channel) -> None:
        if self._channels.get(channel.partition) is channel:
            del self._channels[channel.partition]
        if channel.task is not None:
            channel.task.cancel()

    async def _follow(self, channel: Channel) -> None:
        reader = self._log.reader()
        pause = _BACK_OFF[0]
        try:
            while True:
                try:
                    channel.hand_out(await self._read(reader, channel))
                    pause = _BACK_OFF[0]
                except BrokenChain as error:
                    _log.error("live events are missing", extra={"partition": channel.partition, "error": str(error)})
                    channel.cut_all()
                    self._stop(channel)
                except (LogError, psycopg.Error, PoolTimeout) as error:
                    _log.warning("live events stopped", extra={"partition": channel.partition, "error": str(error)})
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, _BACK_OFF[1])
        finally:
            async with asyncio.timeout(1):
                await reader.close()

    async def _read(self, reader: Reader, channel: Channel) -> list[Entry]:
        return await tail.read(
            reader, channel.partition, channel.position, count=PAGE, block=reader.longest, archive=self._cold
        )
