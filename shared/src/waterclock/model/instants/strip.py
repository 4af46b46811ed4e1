"""A strip: what became of a job's instants, counted in bins, from what the read models hold.

    events of the job ── `stretches_of` ──► how it stood when ──┐                        ┌─► cells
    its runs and decisions, and its mark ── `Told` ─────────────┴── `exact`, `coarse` ───┴─► cracks

The instants that are named are held against those that are told of: one by one (`exact`) or, where there are too many,
by their numbers (`coarse`). A crack is what does not fit: an instant that nothing is told of (missing), that is told of
twice (double), or that is told of and not named (stray). The read models do not hold all that the ledger knows: whoever
shows cracks has it confirm them (`confirmed`).

Moments are milliseconds since the epoch. Bin n holds the instants in [edges[n], edges[n + 1]).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Literal, NamedTuple

from waterclock.model.instants.table import Recorded, State, table
from waterclock.model.instants.timetable import BEGINNING, FOREVER, Timetable

Ending = Literal["succeeded", "failed", "timedOut", "died", "cancelled", "running", "waiting"]
Folded = Literal["skipped", "coalesced"]
Kind = Literal["missing", "double", "stray"]


LISTED = 50
"""Instants of a bin that are listed as quickly as they are counted, about."""


class Stretch(NamedTuple):
    """A part (after, through] of a job's time, how it stood, and what it named then."""

    after: int
    through: int
    state: State
    named: Timetable


class Range(NamedTuple):
    """A decision about `number` instants from `first` to `last`."""

    fate: Folded
    first: int
    last: int
    number: int


class Told(NamedTuple):
    """What the read models tell of a job between the outer edges.

    `fired`: by the ends of their runs, ascending; `mark`: through when it is decided; what is not told of before
    `forgotten_before` may have been forgotten.
    """

    fired: Mapping[Ending, Sequence[int]]
    ranges: Sequence[Range]
    mark: int
    forgotten_before: int = BEGINNING


class Binned(NamedTuple):
    """The same by numbers: `counts` are (outcome, bin, how many); `ranges` are the decisions that are about several."""

    counts: Iterable[tuple[Ending | Folded, int, int]]
    ranges: Sequence[Range]
    mark: int
    forgotten_before: int = BEGINNING


class Crack(NamedTuple):
    kind: Kind
    instant: int


class Strip(NamedTuple):
    """What is counted in each bin, by outcome; `cracks` are counted once they are `confirmed`."""

    bins: list[dict[str, int]]
    cracks: Sequence[Crack] = ()
    oldest_pending: int | None = None


def stretches_of(life: Iterable[Recorded]) -> tuple[Stretch, ...]:
    """How a job stood in all its time, by the events of the job itself; nothing, if it was never defined.

    Raises:
        BadSchedule: a definition cannot be read.
    """
    return tuple(
        Stretch(row.after, row.through, row.standing.state, row.standing.named) for row in table(life, now=BEGINNING)
    )


def count_named(stretches: Iterable[Stretch], edges: Sequence[int]) -> int:
    """How many instants there are between the outer edges."""
    return sum(stretch.named.count_between(low, high) for stretch, low, high in _within(stretches, edges))


def exact(stretches: Iterable[Stretch], told: Told, edges: Sequence[int], *, now: int) -> Strip:
    """Each instant is looked at, is in exactly one bin, and is counted there once."""
    bins: list[dict[str, int]] = [{} for _ in edges[1:]]
    cracks: list[Crack] = []
    owed, ahead, idle = _sorted_out(stretches, told.mark, edges)
    for ending, instants in told.fired.items():
        _spread(bins, edges, ending, instants)
    every = sorted(chain.from_iterable(told.fired.values()))
    open_, beyond = list[int](), set[int]()
    if told.ranges or every != owed:  # mostly they are the same
        decided = set(every)
        for fate, instants in _folded(told.ranges, owed, edges, cracks):
            twice = decided.intersection(instants)
            cracks += [Crack("double", instant) for instant in twice]
            _spread(bins, edges, fate, _without(instants, twice))
            decided.update(instants)
        open_, beyond = [one for one in owed if one not in decided], decided.difference(owed)
    for state, instants in idle:
        _spread(bins, edges, state, _without(instants, beyond))
    kept = bisect_left(open_, told.forgotten_before)
    _spread(bins, edges, "forgotten", open_[:kept])
    ahead, early = _without(ahead, beyond), ahead  # what is told of may be newer than the mark
    due = bisect_right(ahead, now)
    _spread(bins, edges, "pending", ahead[:due])
    _spread(bins, edges, "future", ahead[due:])
    cracks += [Crack("missing", instant) for instant in open_[kept:]]
    cracks += [Crack("stray", instant) for instant in beyond.difference(early)]
    return Strip(bins, sorted(cracks, key=lambda crack: crack.instant), ahead[0] if due else None)


def confirmed(
    strip: Strip, edges: Sequence[int], breaches: Iterable[tuple[int, int]] | None, *, forgotten_before: int = BEGINNING
) -> Strip:
    """The same, with those cracks counted that lie in a breach (after, through] of the ledger; None: with all.

    `forgotten_before`: before then what was decided may be known, and its run forgotten.
    """
    lows, highs = ([BEGINNING], [FOREVER]) if breaches is None else _merged(breaches)
    kept: list[Crack] = []
    for crack in strip.cracks:
        kind, instant = crack
        counts = strip.bins[bisect_right(edges, instant) - 1]
        place = bisect_left(lows, instant)
        in_breach = place > 0 and instant <= highs[place - 1]
        if kind == "missing" and instant < forgotten_before and not (in_breach and breaches is not None):
            _add(counts, "forgotten", 1)
        elif in_breach:
            _add(counts, kind, 1)
            kept.append(crack)
    return strip._replace(cracks=kept)


def coarse(stretches: Sequence[Stretch], told: Binned, edges: Sequence[int], *, now: int) -> Strip:
    """Instants are counted and not looked at: of a bin as many are missing as are named there and not decided."""
    bins: list[dict[str, int]] = [{} for _ in edges[1:]]
    owed, oldest = [0] * len(bins), None

    def add(name: str, named: Timetable, low: int, high: int, sign: int = 0) -> None:
        for place, count in _counted(named, low, high, edges):
            _add(bins[place], name, count)
            owed[place] += sign * count

    for fate, place, count in told.counts:
        _add(bins[place], fate, count)
        owed[place] -= count
    for stretch, low, high in _within(stretches, edges):
        named = stretch.named
        if stretch.state != "enabled":
            add(stretch.state, named, low, high)
            continue
        for fate, first, last, _ in told.ranges:
            add(fate, named, max(low, first - 1), min(high, last), -1)
        line = max(low, _line(stretch, told.mark))
        for place, count in _counted(named, low, min(high, line), edges):
            owed[place] += count
        add("pending", named, line, min(high, now))
        add("future", named, max(line, now), high)
        first = named.after(line) if line < min(high, now) else None
        if oldest is None and first is not None and first <= min(high, now):
            oldest = first
    for place, missing in enumerate(owed):
        if missing > 0:
            _add(bins[place], "forgotten" if edges[place] < told.forgotten_before else "missing", missing)
    return Strip(bins, (), oldest)


def _within(stretches: Iterable[Stretch], edges: Sequence[int]) -> Iterator[tuple[Stretch, int, int]]:
    """Those that reach between the outer edges, with what of them does: (low, high]."""
    for stretch in stretches:
        low, high = max(stretch.after, edges[0] - 1), min(stretch.through, edges[-1] - 1)
        if low < high:
            yield stretch, low, high


def _line(stretch: Stretch, mark: int) -> int:
    """Through when an enabled job is to be decided: all of what is over, of the present stretch up to the mark."""
    return stretch.through if stretch.through < FOREVER else max(mark, stretch.after)


def _sorted_out(
    stretches: Iterable[Stretch], mark: int, edges: Sequence[int]
) -> tuple[list[int], list[int], list[tuple[State, list[int]]]]:
    """The instants that are to be decided; those that need not be yet; and those of when the job was not enabled."""
    owed: list[int] = []
    ahead: list[int] = []
    idle: list[tuple[State, list[int]]] = []
    for stretch, low, high in _within(stretches, edges):
        named = stretch.named.between(low, high)
        if stretch.state != "enabled":
            idle.append((stretch.state, named))
            continue
        place = bisect_right(named, _line(stretch, mark))
        owed += named[:place]
        ahead += named[place:]
    return owed, ahead, idle


def _folded(
    ranges: Iterable[Range], owed: Sequence[int], edges: Sequence[int], cracks: list[Crack]
) -> Iterator[tuple[Folded, Sequence[int]]]:
    """The instants that decisions are about, between the outer edges; those that stand alone are given together."""
    single: dict[Folded, Counter[int]] = {}
    for fate, first, last, number in ranges:
        if first == last:
            if edges[0] <= first < edges[-1]:
                single.setdefault(fate, Counter())[first] += 1
            continue
        within = owed[bisect_left(owed, max(first, edges[0])) : bisect_right(owed, min(last, edges[-1] - 1))]
        ends = [one for one in (first, last) if edges[0] <= one < edges[-1]]
        if len(ends) == 2 and len(within) != number:
            cracks.append(Crack("missing" if len(within) > number else "stray", last))
        yield fate, sorted({*within, *ends})
    for fate, instants in single.items():
        yield fate, sorted(instants)
        if again := [instant for instant, times in instants.items() if times > 1]:
            yield fate, sorted(again)


def _without(instants: Sequence[int], some: set[int]) -> Sequence[int]:
    return [one for one in instants if one not in some] if some else instants


def _spread(bins: list[dict[str, int]], edges: Sequence[int], name: str, instants: Sequence[int]) -> None:
    """Count instants, ascending, in their bins: each is sought among the edges, or they are among many instants."""
    if len(instants) <= len(bins):
        for instant in instants:
            counts = bins[bisect_right(edges, instant) - 1]
            counts[name] = counts.get(name, 0) + 1
        return
    begin = 0
    for place, counts in enumerate(bins):
        end = bisect_left(instants, edges[place + 1], begin)
        if end > begin:
            _add(counts, name, end - begin)
            begin = end


def _counted(named: Timetable, low: int, high: int, edges: Sequence[int]) -> Iterator[tuple[int, int]]:
    """How many instants of (low, high] lie in each bin that has any; they are listed where that is cheaper."""
    if low >= high:
        return
    first, last = bisect_right(edges, low + 1) - 1, bisect_right(edges, high) - 1
    if named.count_between(low, high) <= LISTED * (last - first + 1):
        found = Counter(bisect_right(edges, instant) - 1 for instant in named.between(low, high))
        yield from found.items()
        return
    for place in range(first, last + 1):
        if count := named.count_between(max(low, edges[place] - 1), min(high, edges[place + 1] - 1)):
            yield place, count


def _merged(breaches: Iterable[tuple[int, int]]) -> tuple[list[int], list[int]]:
    """The parts (low, high] that some cover, apart from each other and ascending: where they begin, and end."""
    lows: list[int] = []
    highs: list[int] = []
    for low, high in sorted(breaches):
        if highs and low <= highs[-1]:
            highs[-1] = max(highs[-1], high)
        else:
            lows.append(low)
            highs.append(high)
    return lows, highs


def _add(counts: dict[str, int], name: str, count: int) -> None:
    counts[name] = counts.get(name, 0) + count
