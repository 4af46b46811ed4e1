"""The parts of time that a calendar names: hours, days, weeks and months of a zone, however long each of them is.

    day      begins when the local date does: it has 23 or 25 hours where the clock changes; a date left out has none
    week     begins with its Monday, month with its first day
    hour     begins at each full hour of the local clock; those that the clock repeats are there twice

Moments are milliseconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Literal

from waterclock.model.cron.zones import DAY, Zone

By = Literal["hour", "day", "week", "month"]

_HOUR = 3_600
_ORDINAL = date(1970, 1, 1).toordinal()
_MONDAY = 3  # days from the Monday before 1970-01-01, a Thursday


def calendar_edges(zone: Zone, by: By, from_ms: int, to_ms: int, most: int) -> list[int]:
    """Where the parts that hold [from, to) begin, and where the last of them ends; no more than `most` + 2 edges.

    The first edge is `from` or lies before it, the last is `to` or lies after it, if there are enough of them.
    """
    found: list[int] = []
    for second in _beginnings(zone, by, from_ms // 1000):
        edge = second * 1000
        if edge <= from_ms:
            found = [edge]
        elif edge > found[-1]:
            found.append(edge)
        if edge >= to_ms or len(found) == most + 2:
            break
    return found


def _beginnings(zone: Zone, by: By, second: int) -> Iterator[int]:
    """Seconds at which parts begin, from one before `second` on; a part that is left out begins with the next."""
    if by == "hour":
        yield from _full_hours(zone, second - 3 * _HOUR)
        return
    day = (second + zone.offset(second)) // DAY
    before, following = _STEPS[by]
    day = before(before(day) - 1)
    while True:
        yield reached(zone, day * DAY)
        day = following(day)


def _full_hours(zone: Zone, second: int) -> Iterator[int]:
    while True:
        stretch = zone.stretch(second)
        second += -(second + stretch.offset) % _HOUR
        while second < stretch.end:
            yield second
            second += _HOUR
        second = stretch.end


def reached(zone: Zone, local: int) -> int:
    """The first second at which the local clock has reached `local`, and was not set back behind it at that second."""
    second = local - 2 * DAY
    while True:
        stretch = zone.stretch(second)
        found = max(local - stretch.offset, stretch.start)
        if found < stretch.end:
            return found
        second = stretch.end


def _first_of_month(day: int) -> int:
    return date.fromordinal(day + _ORDINAL).replace(day=1).toordinal() - _ORDINAL


def _monday(day: int) -> int:
    return day - (day + _MONDAY) % 7


_STEPS: Mapping[By, tuple[Callable[[int], int], Callable[[int], int]]] = {
    "day": (lambda day: day, lambda day: day + 1),
    "week": (_monday, lambda day: day + 7),
    "month": (_first_of_month, lambda day: _first_of_month(day + 31)),
}
"""Of a day: the first day of its part; and of a first day that of the next."""
