"""What rules would have told of a range: the archive, judged partition by partition.

range ──► how much there is ──► of each partition: snapshot ──► events and readings, in parts ──► notices, counted
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from waterclock.model.errors import Flaw, Invalid
from waterclock.model.notices.inputs import Hole
from waterclock.model.notices.kinds import Kind
from waterclock.model.notices.notice import Notice
from waterclock.model.notices.past.rehearsal import Rehearsal
from waterclock.model.notices.rule_book import RuleBook
from waterclock.store.connection.moment import one_moment
from waterclock.store.notices import archived, past
from waterclock.store.notices.archived import Archived
from waterclock.store.notices.past import Stretch
from waterclock_api.limits.memory_budget import Hold
from waterclock_api.queries.pages import make_room
from waterclock_api.queries.sources import Reading, Sources

EVENTS_MOST = 200_000
"""That are judged in one rehearsal: some ten seconds of a thread."""
AT_ONCE = 2_000
_FACT = 512  # bytes of a job or run that is known, about


class Range(NamedTuple):
    """From `from_ms` until before `to_ms`."""

    from_ms: int
    to_ms: int


class Rehearsed(NamedTuple):
    """`first`: the notices that were told first; `counts`: how many there are in all, by rule and kind."""

    events: int
    counts: Counter[tuple[str, Kind]]
    first: list[Notice]


class _Told:
    """The first notices of all partitions, and how many there were."""

    def __init__(self, most: int) -> None:
        self.counts: Counter[tuple[str, Kind]] = Counter()
        self._most = most
        self._found: list[Notice] = []

    def add(self, notices: Iterable[Notice]) -> None:
        for one in notices:
            self.counts[one.rule, one.kind] += 1
            self._found.append(one)
        if len(self._found) > 4 * self._most:
            self._found = self.first()

    def first(self) -> list[Notice]:
        return sorted(self._found, key=lambda one: one.at)[: self._most]


async def rehearse(sources: Sources, of: Reading, book: RuleBook, within: Range, most: int, hold: Hold) -> Rehearsed:
    """
    Raises:
        Invalid: there are more events in the range than are judged at once.
    """
    stretches = await _stretches(sources, of, within)
    events = sum(one.events for one in stretches)
    if events > EVENTS_MOST:
        text = f"the range holds {events} events, and at most {EVENTS_MOST} are judged at once: shorten it"
        raise Invalid(Flaw("/to", text))
    told = _Told(most)
    for over in stretches:
        await _partition(sources, of, book, within, over, told, hold)
    return Rehearsed(events, told.counts, told.first())


async def _stretches(sources: Sources, of: Reading, within: Range) -> list[Stretch]:
    found: list[Stretch] = []
    for partition in range(sources.log.partitions):
        async with sources.reading(of) as connection:
            over = await past.stretch(connection, partition, within.from_ms, within.to_ms)
        if over is not None:
            found.append(over)
    return found


async def _partition(
    sources: Sources, of: Reading, book: RuleBook, within: Range, over: Stretch, told: _Told, hold: Hold
) -> None:
    partitions = sources.log.partitions
    async with sources.reading(of) as connection, one_moment(connection), connection.transaction():
        known = await past.snapshot_then(connection, over.after, within.from_ms, partitions=partitions)
        readings = await past.readings(connection, over, within.to_ms, limit=EVENTS_MOST)
    make_room(hold, _FACT * (len(known.jobs) + len(known.runs) + len(readings)))
    rehearsal = await sources.offload.run(of.who, Rehearsal, book, known)
    rehearsal.expect(readings)
    while rehearsal.place < over.through:
        async with sources.reading(of) as connection:
            found = await archived.read(connection, rehearsal.place, over.through, limit=AT_ONCE)
        await sources.offload.run(of.who, rehearsal.go_on, found.given)
        if found.hole is not None:
            await _pass_hole(sources, of, rehearsal, found)
        told.add(rehearsal.taken())
    await sources.offload.run(of.who, rehearsal.end, within.to_ms)
    told.add(rehearsal.taken())


async def _pass_hole(sources: Sources, of: Reading, rehearsal: Rehearsal, found: Archived) -> None:
    """Events are lost: what is open is taken anew from how it was behind them."""
    assert found.hole is not None
    position, at = found.hole
    async with sources.reading(of) as connection, one_moment(connection), connection.transaction():
        now = await past.snapshot_then(connection, position, at, partitions=sources.log.partitions)
    hole = Hole(after=rehearsal.place, through=position, at=at, snapshot=now)
    await sources.offload.run(of.who, rehearsal.pass_hole, hole)
