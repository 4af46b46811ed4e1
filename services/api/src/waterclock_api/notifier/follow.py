"""Follow one partition: archived events → the judge → facts, notices and the place, in one transaction.

begin ──► a deadline is due? read the partition's clock: has it jumped?
  ▲       judge what was archived until then; then what is due by that clock ──┐
  └───────────────────────── wait for a projection or a deadline ◄─────────────┘
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Sequence

from waterclock.kit.clock import Clock, wait
from waterclock.kit.telemetry import catalog
from waterclock.kit.telemetry.log_lines import Outage
from waterclock.log.client import Log
from waterclock.log.connection.errors import LogError
from waterclock.log.liveness.leadership import Watch, watch
from waterclock.model.events import JobDisabled
from waterclock.model.notices.draft import Judged
from waterclock.model.notices.inputs import Hole, Input, Reading, Seen
from waterclock.model.notices.judge import drop_outdated, judge_all
from waterclock.model.notices.known import touched
from waterclock.model.notices.reading import tells_of_jump
from waterclock.model.notices.rule_book import RuleBook
from waterclock.model.positions import Position
from waterclock.store.connection.moment import one_moment
from waterclock.store.connection.pool import Connection, Pool
from waterclock.store.connection.statements import statement
from waterclock.store.connection.transient import PASSES
from waterclock.store.notices import archived, facts, outbox, snapshot, trips
from waterclock.store.notices.archived import Archived
from waterclock.store.notices.facts import Overtaken
from waterclock.store.readmodels.wait_for_position import Projected
from waterclock_api.consistency.lag import places_of_all
from waterclock_api.followers.rounds import in_rounds
from waterclock_api.notifier.beginning import begin

AT_ONCE = 2_000  # events in one transaction
LOOK_ANYWAY = 1.0  # s, where nothing wakes us
NO_SOONER = 0.1  # s between two looks
STALLED_MS = 2_500  # within a transaction: others wait for what it holds
READ_AGAIN = 1.0  # s after a clock that could not be read

_log = logging.getLogger(__name__)

Book = Callable[[], RuleBook]
"""The rules in force."""


class Follower:
    """One partition. `place`: how far it is judged; None before it is known."""

    def __init__(self, log: Log, pool: Pool, partition: int, *, book: Book, projected: Projected, clock: Clock) -> None:
        self.partition = partition
        self.place: Position | None = None
        self._log = log
        self._pool = pool
        self._book = book
        self._projected = projected
        self._clock = clock
        self._known_book: RuleBook | None = None
        self._pending: Reading | None = None  # what was archived until then is not judged yet
        self._is_unread = False  # the clock, when it was to be read last
        self._read: tuple[int, float] | None = None  # the partition's clock, and our own when it was read

    async def run(self) -> None:
        """Until cancelled; what is unreachable is waited for."""
        await in_rounds(
            self._pool,
            self._judged,
            work=f"judge {self.partition}",
            passes=(*PASSES, Overtaken),
            failed=self._forget,
            outage=Outage(_log, "judging stopped", "judging resumed"),
        )

    def _forget(self) -> None:
        self.place = self._pending = self._known_book = None

    async def _judged(self, connection: Connection) -> AsyncGenerator[None]:
        """Judge on and on; yields whenever all that is archived is judged."""
        self.place = await begin(connection, self.partition, self._log.partitions, self._book())
        await _end_when_stalled(connection, STALLED_MS)
        with self._projected.hear(self.partition) as heard:
            while True:
                heard.clear()
                await self._close_breaks_of_other_rules(connection)
                if self._pending is None:
                    await self._look_at_the_clock(connection)
                await self._catch_up(connection)
                if self._pending is not None and self._pending.last <= self.place:
                    await self._judge_reading(connection, self._pending)
                    self._pending = None
                yield
                await asyncio.sleep(NO_SOONER)
                await wait(heard, await self._until_due(connection))

    async def _close_breaks_of_other_rules(self, connection: Connection) -> None:
        """Rules have changed since we looked: what those that are no more were told of is over."""
        assert self.place is not None
        book = self._book()
        if book is self._known_book:
            return
        async with connection.transaction():
            await facts.hold(connection, self.place)
            changes = drop_outdated(book, await facts.troubles(connection, self.partition))
            await facts.write(connection, changes, partitions=self._log.partitions)
        self._known_book = book

    async def _catch_up(self, connection: Connection) -> None:
        """Judge what is archived, no further than to where a reading of the clock waits."""
        while True:
            place = self.place
            assert place is not None
            end = await self._end(connection, place)
            if end is None or end <= place:
                return
            found = await archived.read(connection, place, end, limit=AT_ONCE)
            if self._pending is None and await self._passes_deadlines(connection, found):
                await self._look_at_the_clock(connection, anyway=True)
                if self._pending is not None:
                    continue
            if found.given:
                async with connection.transaction():
                    await self._judge(connection, found.given, found.given[-1].position)
            if found.hole is not None:
                await self._pass_hole(connection, *found.hole)

    async def _end(self, connection: Connection, place: Position) -> Position | None:
        """Up to where events may be judged now: what is archived, before a reading, and not before what is older."""
        reached = (await places_of_all(connection, self._partitions)).get(self.partition)
        bounds = [reached, None if self._pending is None else self._pending.last]
        if place.epoch < self._log.restored:
            bounds.append(await archived.end_before(connection, self.partition, self._log.restored))
        return None if reached is None else min(one for one in bounds if one is not None)

    @property
    def _partitions(self) -> int:
        """How many there are; as many as there were, for one that is no more."""
        return max(self._log.partitions, self.partition + 1)

    async def _passes_deadlines(self, connection: Connection, found: Archived) -> bool:
        """Whether events say that a deadline has passed: did the clock run there, or jump?"""
        due = await facts.next_due(connection, self.partition)
        return due is not None and due <= found.latest

    async def _judge(self, connection: Connection, given: Sequence[Input], through: Position) -> Judged:
        """Judge, and write what follows, in the caller's transaction."""
        assert self.place is not None
        await facts.advance(connection, self.place, through)
        judged = await self._judge_in_place(connection, given)
        self.place = through
        return judged

    async def _judge_in_place(self, connection: Connection, given: Sequence[Input]) -> Judged:
        book, known = self._book(), await facts.load(connection, self.partition, touched(given))
        if any(isinstance(one, Seen) and isinstance(one.event, JobDisabled) for one in given):
            book.breakers = await trips.breakers(connection)  # who disabled a job was noted before
        judged = judge_all(book, known, given)
        await facts.write(connection, judged.changes, partitions=self._log.partitions)
        await outbox.record(connection, judged.notices, judged.trips)
        await outbox.record_broken(connection, judged.broken)
        for one in judged.notices:
            catalog.NOTICES.add(1, one.kind)
        return judged

    async def _pass_hole(self, connection: Connection, at: Position, when: int) -> None:
        """Events are missing: what was open is taken anew from the present."""
        assert self.place is not None
        after = self.place
        await _end_when_stalled(connection, 0)  # to take all jobs anew takes its time
        async with one_moment(connection), connection.transaction():
            places = await places_of_all(connection, self._partitions)
            through = places[self.partition]
            assert through is not None
            assert through >= at
            now = await snapshot.read(connection, {self.partition: through}, partitions=self._log.partitions)
            await self._judge(connection, [Hole(after=after, through=through, at=when, snapshot=now)], through)
        await _end_when_stalled(connection, STALLED_MS)
        _log.warning("events missing in the archive", extra={"partition": self.partition, "after": str(after)})

    async def _until_due(self, connection: Connection) -> float:
        """Seconds until a clock may say something, at most until we look anyway."""
        due = await facts.next_due(connection, self.partition)
        if due is None:
            return LOOK_ANYWAY
        if self._read is None:
            return READ_AGAIN if self._is_unread else 0
        clock, when = self._read
        return max(0.0, min(LOOK_ANYWAY, (due - clock) / 1000 - (self._clock.monotonic() - when)))

    async def _look_at_the_clock(self, connection: Connection, *, anyway: bool = False) -> None:
        """Read the partition's clock, if something is due by it, and learn whether it has jumped.

        The reading waits until what was archived before it is judged. There is none where the clock cannot be read.
        """
        assert self.place is not None
        due = await facts.next_due(connection, self.partition)
        expected = None
        if due is None:
            self._read = None
            return
        if self._read is not None:
            clock, when = self._read
            expected = clock + round((self._clock.monotonic() - when) * 1000)
            if expected < due and not anyway:
                return
        told = await self._watch()
        if told is None or told.last == (0, 0):
            return
        self._read = told.now, self._clock.monotonic()
        last = Position(self.partition, *told.last)
        self._pending = Reading(clock=told.now, last=last, partitions=self._log.partitions, expected=expected)
        if last > self.place:
            async with connection.transaction():
                await facts.hold(connection, self.place)
                await self._judge_in_place(connection, [self._pending])

    async def _watch(self) -> Watch | None:
        try:
            told = await watch(self._log, self.partition)
        except LogError as error:
            _log.debug("clock not read", extra={"partition": self.partition, "error": repr(error)})
            self._read, self._is_unread = None, True
            return None
        self._is_unread = False
        return told

    async def _judge_reading(self, connection: Connection, reading: Reading) -> None:
        """Judge by a reading, if all before it is judged; as often as there is something due."""
        assert self.place is not None
        if reading.last != self.place:
            return
        while True:
            async with connection.transaction():
                judged = await self._judge(connection, [reading], reading.last)
                if judged.notices or judged.trips or judged.broken or tells_of_jump(reading):
                    await facts.keep_reading(connection, reading)
            if len(judged.changes) < facts.DUE_AT_ONCE:
                return


async def _end_when_stalled(connection: Connection, ms: int) -> None:
    await connection.execute(statement("end_when_stalled"), {"ms": ms})
