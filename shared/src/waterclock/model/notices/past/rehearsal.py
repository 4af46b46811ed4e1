"""What rules would have told of a stretch of one partition: the judge over its archived events.

    snapshot ──► facts ──► events in their order, readings between them ──► notices

A deadline that no event answers is judged by a reading that a notifier has stored. Where none follows within an hour,
the clock is taken to be where the latest event was: what was due before is broken. At the end it is where the stretch
ends.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable

from waterclock.model.notices.facts import Changes
from waterclock.model.notices.inputs import Hole, Input, Passed, Reading, Seen, Snapshot, Unread
from waterclock.model.notices.judge import judge
from waterclock.model.notices.known import Facts
from waterclock.model.notices.notice import Notice
from waterclock.model.notices.rule_book import RuleBook
from waterclock.model.notices.snapshots import begin
from waterclock.model.positions import Position

AWAITED_MS = 3_600_000
"""A deadline is left to a stored reading that is not later than that: whoever judged then had stood still."""


class Rehearsal:
    """One partition, from its snapshot on. `place`: how far it is judged; what is told is `taken`."""

    def __init__(self, book: RuleBook, snapshot: Snapshot) -> None:
        [self.place] = snapshot.positions
        self._book = book
        self._partitions = snapshot.partitions
        self._facts = Facts()
        self._dues: list[tuple[int, str]] = []  # a heap; some are over
        self._readings: deque[Reading] = deque()
        self._latest = 0
        self._told: list[Notice] = []
        self._apply(begin(book, snapshot).changes)

    def expect(self, readings: Iterable[Reading]) -> None:
        """Readings that are stored, in the order of their places and clocks, after those that were given before."""
        self._readings.extend(readings)

    def go_on(self, given: Iterable[Seen | Unread | Passed]) -> None:
        """Judge what comes next."""
        for one in given:
            self._read_before(one.position)
            self._judge(one)
            if not isinstance(one, Passed):
                self._latest = max(self._latest, one.at)
            self._clock_ran()

    def pass_hole(self, hole: Hole) -> None:
        """Events are lost: go on from a snapshot behind them."""
        self._judge(hole)

    def end(self, clock: int) -> None:
        """The stretch ends here: all is judged that was due by then."""
        self._read_before(None)
        self._judge(Reading(clock=clock, last=self.place, partitions=self._partitions))

    def taken(self) -> list[Notice]:
        """What was told since this was asked last, in the order in which it was."""
        told, self._told = self._told, []
        return told

    def _read_before(self, position: Position | None) -> None:
        """Judge by the stored readings that were taken before the event at a position; None: by all that are left."""
        while self._readings and (position is None or self._readings[0].last < position):
            reading = self._readings.popleft()
            if reading.last > self.place:
                self._judge(Passed(position=reading.last))
            self._judge(reading)

    def _clock_ran(self) -> None:
        """Judge what was due before the latest event, unless a stored reading is soon to."""
        due = self._next_due()
        if due is None or due >= self._latest:
            return
        coming = next((one.clock for one in self._readings if one.clock > due), None)
        if coming is not None and coming <= due + AWAITED_MS:
            return
        self._judge(Reading(clock=self._latest, last=self.place, partitions=self._partitions))

    def _judge(self, given: Input) -> None:
        judged = judge(self._book, self._facts, given)
        self._told += judged.notices
        self._apply(judged.changes)
        match given:
            case Seen(position=position) | Unread(position=position) | Passed(position=position):
                self.place = max(self.place, position)
            case Hole(through=position):
                self.place = max(self.place, position)
            case Reading():
                pass

    def _apply(self, changes: Changes) -> None:
        self._facts.apply(changes)
        for key, fact in changes.items():
            if fact is not None and fact.due is not None:
                heapq.heappush(self._dues, (fact.due, key))

    def _next_due(self) -> int | None:
        """The earliest moment at which a clock may say something."""
        while self._dues:
            due, key = self._dues[0]
            fact = self._facts.get(key)
            if fact is not None and fact.due == due:
                return due
            heapq.heappop(self._dues)
        return None
