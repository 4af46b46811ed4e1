"""Streams of events (SSE): history first, then live, without a hole or a repeat.

`id` is the place, so a client that comes again goes on after the last event it saw. The order is join the hub,
archive, stream, live; everything is freed when the client leaves, when it is too slow, and when the process stops.

It is long: one stream from its beginning to its end, whose steps share its place.
"""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import aclosing

import psycopg
from litestar.types import Receive, Scope, Send
from psycopg_pool import PoolTimeout

from waterclock.log.connection.errors import Halted, LogError, LogUnavailable
from waterclock.model.outcomes import RunStatus
from waterclock.model.positions import Position
from waterclock_api.access.principal import caller_id
from waterclock_api.limits.chunked_response import PIECE
from waterclock_api.limits.memory_budget import Crowded
from waterclock_api.live.connection import Sender, answer_live
from waterclock_api.live.history import Subject, end_before, frames, start_of_live_run
from waterclock_api.live.hub import Hub
from waterclock_api.live.known_positions import settle
from waterclock_api.live.known_positions import told as unknown_places
from waterclock_api.live.lost_tail import check_beyond
from waterclock_api.live.positions import OLDEST, is_through, text_of
from waterclock_api.live.sse import (
    HEARTBEAT,
    Frame,
    end_frame,
    gap_frame,
    place_only,
    placed,
)
from waterclock_api.live.subscriptions import Batch, Question, Shortening, Subscription
from waterclock_api.queries.sources import Sources
from waterclock_api.telemetry.outages import Outages

SHOWN = 2.0  # s that the end of a run waits for the read models to show it, at most

_log = logging.getLogger(__name__)


class EventStream:
    """The answer to a request for a stream of some subjects, one in each partition of their question.

    `after` None: from now, or for a job from its live run; a place None in it: from the first event.
    """

    def __init__(
        self,
        sources: Sources,
        hub: Hub,
        outages: Outages,
        subjects: Sequence[Subject],
        after: Mapping[int, Position | None] | None,
    ) -> None:
        self._sources = sources
        self._hub = hub
        self._outages = outages
        self._subjects = subjects
        self._after = after
        self._who = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._who = caller_id(scope)
        await answer_live(scope, receive, send, self._hub, self._question, self._serve)

    @property
    def _question(self) -> Question:
        return self._subjects[0].question

    async def _serve(self, subscription: Subscription, send: Send) -> None:
        stream = _Sending(send, self._subjects[0], subscription, self._sources)
        await check_beyond(self._sources.log, self._after or {}, subscription.joined_at)
        await stream.begin()
        try:
            await self._tell(subscription, stream)
        except (LogUnavailable, Halted, psycopg.Error, PoolTimeout) as error:
            self._outages.refused(error)
        except Crowded:
            pass  # its client comes again, and goes on where it is
        except LogError as error:
            _log.warning("stream aborted", extra={"subject": self._subjects[0].id, "error": str(error)})
        if subscription.closed_by is not None:
            await stream.close(subscription.closed_by)
        await stream.finish()

    async def _tell(self, subscription: Subscription, stream: _Sending) -> None:
        stream.at = await self._beginning(subscription, stream)
        one = self._subjects[0]
        if one.kind == "run" and (after := stream.at[one.partition]) is not None:
            ended = await end_before(self._sources, one.id, after)
            if ended is not None:
                await stream.end(*ended)
                return
        if one.kind == "log":
            await stream.say_place()
        while True:
            if await self._tell_before(subscription, stream):
                return
            if not subscription.missed:
                break
            subscription.rejoin()
        subscription.live = True
        while not subscription.closed:
            batches = await subscription.take()
            if batches:
                if await stream.send(batches):
                    return
            elif not subscription.closed:
                await stream.beat()

    async def _beginning(self, subscription: Subscription, stream: _Sending) -> dict[int, Position | None]:
        if self._after is not None:
            settled = await settle(self._sources, self._after, subscription.joined_at)
            stream.at = settled.at
            if settled.unknown:
                await stream.say_unknown(self._subjects, self._after)
            else:
                await stream.say_lost([one for one in self._subjects if one.partition in settled.lost])
            return settled.at
        one = self._subjects[0]
        if one.kind == "job":
            return {one.partition: await start_of_live_run(self._sources, one, subscription.joined_at[one.partition])}
        return dict(subscription.joined_at)

    async def _tell_before(self, subscription: Subscription, stream: _Sending) -> bool:
        """Everything up to where the subscription begins; whether nothing follows: its run, or it, has ended."""
        for subject in self._subjects:
            until = subscription.joined_at[subject.partition]
            after = stream.at[subject.partition]
            async with aclosing(frames(self._sources, subject, after, until, who=self._who)) as pages:
                async for page in pages:
                    if subscription.closed_by or await stream.send_own(subject.partition, page) or subscription.closed:
                        return True
                    if subscription.beat:
                        await stream.beat()
            # Beyond where the subscription begins, if the archive is ahead of the hub.
            told = stream.at[subject.partition]
            if until is not None and (told is None or until > told):
                stream.at[subject.partition] = until
        return False


class _Sending(Sender):
    """What goes out: each event once, many in one write."""

    def __init__(self, send: Send, subject: Subject, subscription: Subscription, sources: Sources) -> None:
        super().__init__(send, subscription, sources.clock)
        self.at: dict[int, Position | None] = {}  # what has been told
        self._shared = False  # the hub is where the client is, and its places are the client's
        self._run = subject.id if subject.kind == "run" else None
        self._wide = subject.kind == "log"
        self._about = subject.told
        self._projected = sources.projected

    async def send(self, batches: Sequence[Batch]) -> bool:
        """Send what is not sent yet; whether that was the end of the run."""
        left = list(batches)
        while left:
            first = left[0]
            if isinstance(first, Shortening):
                await self.say_shortened(first)
                left = left[1:]
                continue
            self._shared = self._shared or is_through(first.before, self.at)
            if self._shared:
                count = next((place for place, one in enumerate(left) if isinstance(one, Shortening)), len(left))
                ended = await self._send_shared(left[:count])
            else:
                count = 1
                ended = await self.send_own(first.frames[0].position.partition, first.frames)
            if ended:
                return True
            left = left[count:]
        return False

    async def _send_shared(self, batches: Sequence[Batch]) -> bool:
        for part in _joined([batch.data for batch in batches]):
            await self.write(part)
        return await self._end_of(frame for batch in batches if batch.ends for frame in batch.frames)

    async def send_own(self, partition: int, found: Sequence[Frame]) -> bool:
        """The same, frame by frame, with the client's own places."""
        at = self.at[partition]
        fresh = [frame for frame in found if at is None or frame.position > at]
        if not fresh:
            return False
        parts: list[bytes] = []
        for frame in fresh:
            self.at[partition] = frame.position
            place = text_of(self.at.values()) if self._wide and frame.place else frame.place
            parts.append(placed(place, frame.told))
        data = b"".join(parts)
        parts.clear()
        await self.write(data)
        return await self._end_of(fresh)

    async def _end_of(self, found: Iterable[Frame]) -> bool:
        """Say that the run has ended, if it has; whether it has."""
        if self._run is None:
            return False
        for frame in found:
            if frame.ends is not None:
                await self.end(frame.ends, frame.position)
                return True
        return False

    async def end(self, status: RunStatus, position: Position) -> None:
        """Say that the run has ended, as soon as reads say so, too: who has followed it reads it next."""
        assert self._run is not None
        await self._projected.shows(position, SHOWN)
        await self.write(end_frame(self._run, status))

    async def say_unknown(self, subjects: Sequence[Subject], named: Mapping[int, Position | None]) -> None:
        """This log never had the place that the client has named: it goes on from another."""
        told = unknown_places(named, self.at)
        if len(subjects) == 1:
            told = {**subjects[0].told, **told}
        await self.write(gap_frame(text_of(self.at.values()), told))

    async def say_lost(self, subjects: Sequence[Subject]) -> None:
        """What stood at the place that the client has named is lost: it goes on with what stands after it."""
        for one in subjects:
            await self.write(gap_frame(b"", {**one.told, "reason": "placeLost"}))

    async def say_shortened(self, found: Shortening) -> None:
        """What the client was told after the end is lost: it goes on from there."""
        if self._shared:
            self.at, self._shared = dict(found.before), False
        place = self.at[found.partition]
        if place is None or (found.end is not None and place <= found.end):
            return
        self.at[found.partition] = found.end
        told = {"reason": "placeLost", "after": str(place), "from": str(found.end or OLDEST)}
        about = {"partition": found.partition} if self._wide else self._about
        await self.write(gap_frame(text_of(self.at.values()), {**about, **told}))

    async def beat(self) -> None:
        """Nothing waits to be sent: the client is where the hub is."""
        if self._wide:
            now = self._subscription.now_at()
            if self._subscription.live and is_through(now, self.at):
                self.at = now
            await self.say_place()
        else:
            await self.write(HEARTBEAT)

    async def say_place(self) -> None:
        """So that a client which nothing is told goes on from here, and does not read all that was not for it again."""
        await self.write(place_only(text_of(self.at.values())))


def _joined(parts: Sequence[bytes]) -> Generator[bytes]:
    """The same in fewer parts: small ones are joined; a large one stays as it is, for it is shared."""
    small: list[bytes] = []
    size = 0
    for part in parts:
        if small and size + len(part) > PIECE:
            yield small[0] if len(small) == 1 else b"".join(small)
            small, size = [], 0
        small.append(part)
        size += len(part)
    if small:
        yield small[0] if len(small) == 1 else b"".join(small)
