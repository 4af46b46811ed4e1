"""Who listens, and what waits for them: those who ask the same question are one group, and share what is encoded.

    channel (a partition) ── entries ──► group (a question) ── a batch, encoded once ──► subscriptions (clients)

A subscription holds batches, not copies of them, and what all hold is counted. One that holds too much is cut, or, if
it is still being told what was before, forgets them: it will read them from the log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Iterable, Sequence
from functools import cached_property
from typing import NamedTuple, Protocol

from waterclock.model.positions import Position
from waterclock.wire.envelope import Entry
from waterclock_api.access.credentials import EndOfGrant, GrantEnded
from waterclock_api.limits.memory_budget import Account
from waterclock_api.live.positions import Places, text_of
from waterclock_api.live.sse import Frame, frame_of, tag_of

SEAT_BYTES = 1 << 20  # held for one client
CROWDED_BYTES = 64 << 10  # the same, where all of them hold as much as they may


class Question(NamedTuple):
    """Which events are wanted: of a job or a run (`subject`), or all, or those of some `types` or `jobs`."""

    partitions: tuple[int, ...]
    subject: str | None = None
    types: frozenset[str] = frozenset()  # tags; none: all
    jobs: frozenset[str] = frozenset()

    def admits(self, entry: Entry) -> bool:
        """Of one that is not about a subject."""
        if self.types and tag_of(entry) not in self.types:
            return False
        return not self.jobs or getattr(entry.event, "job_id", None) in self.jobs


class Batch:
    """Frames of one partition, in order; `before`: where the hub was then."""

    def __init__(self, before: Places, frames: Sequence[Frame]) -> None:
        self.before = before
        self.frames = frames
        self.size = sum(len(frame.told) for frame in frames)
        self.ends = any(frame.ends is not None for frame in frames)
        self._holders = 0

    def take(self, held: Account) -> None:
        """One more holds it: it is counted once, however many do."""
        if not self._holders:
            held.add(self.size)
        self._holders += 1

    def let_go(self, held: Account) -> None:
        self._holders -= 1
        if not self._holders:
            held.add(-self.size)

    @cached_property
    def data(self) -> bytes:
        """All of it, joined once for all who get it."""
        return b"".join([frame.data for frame in self.frames])


class Shortening(Batch):
    """In place of frames: what the hub has told of a partition after `end` is lost, and it goes on from there."""

    def __init__(self, before: Places, partition: int, end: Position | None) -> None:
        super().__init__(before, ())
        self.partition = partition
        self.end = end


class Subscription:
    """One client's place: what it has not been sent yet, and where that begins."""

    def __init__(
        self, group: Group, cut: Callable[[], None], far_end: str | None, now: float, ended: GrantEnded
    ) -> None:
        self.joined_at = group.places()
        self.ended = ended
        self.closed_by: EndOfGrant | None = None
        self.closed_at = 0.0  # when it was closed by that
        self.far_end = far_end  # of its connection
        self.closed = False
        self.live = False  # it has been told all that was before it joined
        self.missed = False  # it held too much then
        self.sent_at = now  # when it was last sent something
        self.sending = False
        self.beat = False  # it should be sent something
        self.size = 0
        self._group = group
        self._cut = cut
        self._batches: list[Batch] = []
        self._taken: list[Batch] = []  # and not known to be sent
        self._woken = asyncio.Event()

    async def take(self) -> list[Batch]:
        """All that has come since; nothing at a beat, and once it is closed. What was taken before has been sent."""
        self._let_go(self._taken)
        while not self._batches and not self.closed and not self.beat:
            self._woken.clear()
            await self._woken.wait()
        self._taken, self._batches, self.size = self._batches, [], 0
        return list(self._taken)

    def put(self, batch: Batch) -> None:
        if self.closed or self.missed:
            return
        batch.take(self._group.held)
        self._batches.append(batch)
        self.size += batch.size
        if self.size > (CROWDED_BYTES if self._group.held.full else SEAT_BYTES):
            if self.live:
                self.cut()
            else:
                self.missed = True
                self._forget()
        self._woken.set()

    def rejoin(self) -> None:
        """Begin anew, where the hub is now."""
        self.joined_at, self.missed = self._group.places(), False

    def now_at(self) -> dict[int, Position | None]:
        """Where the hub is; with nothing left to take, that is where the client is."""
        return self._group.places()

    def wake(self) -> None:
        self.beat = True
        self._woken.set()

    def cut(self) -> None:
        self.close()
        self._cut()

    def end(self, why: EndOfGrant, now: float) -> None:
        """Its client would not be let in any more: it is told so, and nothing else."""
        self.closed_by, self.closed_at = why, now
        self.close()

    def close(self) -> None:
        self.closed = True
        self._let_go(self._taken)
        self._forget()
        self._woken.set()

    def _forget(self) -> None:
        self._let_go(self._batches)
        self.size = 0

    def _let_go(self, batches: list[Batch]) -> None:
        for batch in batches:
            batch.let_go(self._group.held)
        batches.clear()


class Group:
    """The subscriptions of those who ask the same."""

    def __init__(self, question: Question, channels: Sequence[Channel], held: Account) -> None:
        self.question = question
        self.held = held
        self.channels = channels
        self.subscriptions: set[Subscription] = set()

    def places(self) -> dict[int, Position | None]:
        return {channel.partition: channel.position for channel in self.channels}

    def placed(self, frame: Frame) -> Frame:
        """With the place in all partitions of the question."""
        if len(self.channels) == 1:
            return frame
        return frame._replace(place=text_of(channel.position for channel in self.channels))

    def hand_out(self, batch: Batch) -> None:
        for subscription in tuple(self.subscriptions):
            subscription.put(batch)

    def close(self) -> None:
        for subscription in self.subscriptions:
            subscription.close()


class Tap(Protocol):
    """Hears all entries of the partitions, decoded, and encoded for nobody."""

    def begin(self, partition: int, end: Position | None) -> None:
        """It hears what comes after."""
        ...

    def hear(self, entries: Sequence[Entry]) -> None: ...

    def lose(self) -> None:
        """Some were not heard, or what was heard is lost."""
        ...


class Channel:
    """One partition: how far its stream is read, and who wants what it holds."""

    def __init__(self, partition: int, position: Position | None) -> None:
        self.partition = partition
        self.position = position
        self.users = 0
        self.task: asyncio.Task[None] | None = None
        self._of_subject: dict[str, Group] = {}
        self._of_all: set[Group] = set()
        self.taps: set[Tap] = set()

    @property
    def groups(self) -> Iterable[Group]:
        return (*self._of_subject.values(), *self._of_all)

    @property
    def listeners(self) -> int:
        return sum(len(group.subscriptions) for group in self.groups)

    def add(self, group: Group) -> None:
        if group.question.subject is None:
            self._of_all.add(group)
        else:
            self._of_subject[group.question.subject] = group

    def remove(self, group: Group) -> None:
        self._of_all.discard(group)
        if group.question.subject is not None:
            self._of_subject.pop(group.question.subject, None)

    def hand_out(self, entries: Sequence[Entry]) -> None:
        before = {group: group.places() for group in self.groups}
        found: dict[Group, list[Frame]] = {}
        for entry in entries:
            self.position = entry.position
            frame: Frame | None = None
            for group in self._concerned(entry):
                frame = frame or frame_of(entry)
                found.setdefault(group, []).append(group.placed(frame))
        for group, frames in found.items():
            group.hand_out(Batch(before[group], frames))
        for tap in self.taps:
            tap.hear(entries)

    def shorten(self, end: Position | None) -> None:
        """Go on from `end`: what was told after it is lost."""
        before = {group: group.places() for group in self.groups}
        self.position = end
        for group, places in before.items():
            group.hand_out(Shortening(places, self.partition, end))
        for tap in self.taps:
            tap.lose()

    def cut_all(self) -> None:
        for group in self.groups:
            group.close()

    def _concerned(self, entry: Entry) -> Generator[Group]:
        if self._of_subject:
            for subject in (getattr(entry.event, "run_id", None), getattr(entry.event, "job_id", None)):
                if subject is not None and (group := self._of_subject.get(subject)) is not None:
                    yield group
        for group in self._of_all:
            if group.question.admits(entry):
                yield group
