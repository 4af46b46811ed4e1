"""Which days of the calendar an expression names, counted from 1970-01-01. Weekdays run from Sunday = 0."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from datetime import date
from functools import lru_cache

import msgspec

_ORDINAL = date(1970, 1, 1).toordinal()
_LENGTHS = (0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_CYCLE = 400  # years after which the calendar repeats, weekdays included
KINDS_SPAN = 57
"""Years in which each kind of year occurs whole, be it that a century has no leap year: by the weekday that they begin
with, and by their length, there are 14 kinds."""
_FINAL_YEAR = 9_990


class DayRule(msgspec.Struct, frozen=True, kw_only=True):
    """What the fields of day, weekday, month and year say."""

    days: frozenset[int]
    from_end: frozenset[int] = frozenset()  # 0 is L, 3 is L-3
    nearest: frozenset[int] = frozenset()  # 15 is 15W, 0 is LW
    weekdays: frozenset[int]
    nth: frozenset[tuple[int, int]] = frozenset()  # (5, 2) is FRI#2, (5, 0) is FRIL
    both: bool  # the Vixie star rule: day and weekday must match, not either
    months: frozenset[int]
    years: tuple[int, ...] | None  # ascending; None is any

    def in_month(self, first_weekday: int, length: int) -> tuple[int, ...]:
        """The matching days of a month of `length` days that begins on `first_weekday`."""
        near = {_nearest_weekday(day or length, first_weekday, length) for day in self.nearest if day <= length}
        found: list[int] = []
        for day in range(1, length + 1):
            weekday = (first_weekday + day - 1) % 7
            by_day = day in self.days or length - day in self.from_end or day in near
            by_weekday = (
                weekday in self.weekdays
                or (weekday, (day + 6) // 7) in self.nth
                or (day + 7 > length and (weekday, 0) in self.nth)
            )
            if (by_day and by_weekday) if self.both else (by_day or by_weekday):
                found.append(day)
        return tuple(found)


def _nearest_weekday(day: int, first_weekday: int, length: int) -> int:
    """The Monday to Friday closest to `day` without leaving the month."""
    weekday = (first_weekday + day - 1) % 7
    if weekday == 6:
        return day - 1 if day > 1 else 3
    if weekday == 0:
        return day + 1 if day < length else day - 2
    return day


class Calendar:
    """The days a rule names. A month is one of 28 shapes, so each rule is evaluated at most 28 times."""

    __slots__ = ("_months", "_rule", "_shapes")

    def __init__(self, rule: DayRule) -> None:
        self._rule = rule
        self._months = sorted(rule.months)
        self._shapes: dict[int, tuple[int, ...]] = {}

    @property
    def every_year(self) -> bool:
        """Whether a year of one kind is as any other of that kind."""
        return self._rule.years is None

    def at_or_after(self, day: int, before: int | None = None) -> int | None:
        """The first matching day at or after `day`; one that is not before `before` need not be found."""
        for first, days in self._from(day, KINDS_SPAN if self.every_year else _CYCLE):
            if before is not None and first >= before:
                return None
            if days and first + days[-1] > day:
                return first + days[bisect_left(days, day - first + 1)] - 1
        return None

    def within(self, low: int, high: int) -> list[int]:
        """The matching days in [low, high)."""
        found: list[int] = []
        for first, days in self._from(low):
            if first >= high:
                break
            found += [first + day - 1 for day in days if low <= first + day - 1 < high]
        return found

    def count(self, low: int, high: int) -> int:
        """How many days match in [low, high)."""
        total = 0
        for first, days in self._from(low):
            if first >= high:
                break
            total += bisect_left(days, high - first + 1) - bisect_left(days, low - first + 1)
        return total

    def _from(self, day: int, years_most: int = _CYCLE) -> Iterator[tuple[int, tuple[int, ...]]]:
        """First day and matching days of each named month, from the month of `day` on, for so many years at most."""
        start = date.fromordinal(day + _ORDINAL)
        year, months, years = start.year, self._months, self._rule.years
        if start.month in self._rule.months and (years is None or year in years):
            yield day - start.day + 1, self._shape(day - start.day + 1, year, start.month)
        place = bisect_right(months, start.month)
        final = min(year + years_most, _FINAL_YEAR)
        while True:
            if place == len(months):
                year, place = year + 1, 0
            if years is not None and year not in years:
                if year > years[-1]:
                    return
                year, place = years[bisect_left(years, year)], 0
            if year > final:
                return
            first = date(year, months[place], 1).toordinal() - _ORDINAL
            yield first, self._shape(first, year, months[place])
            place += 1

    def _shape(self, first: int, year: int, month: int) -> tuple[int, ...]:
        length = _LENGTHS[month]
        if month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0):
            length = 29
        weekday = (first + 4) % 7  # 1970-01-01 was a Thursday
        days = self._shapes.get(weekday * 32 + length)
        if days is None:
            days = self._shapes[weekday * 32 + length] = self._rule.in_month(weekday, length)
        return days


@lru_cache(maxsize=4096)
def calendar(rule: DayRule) -> Calendar:
    """The calendar of a rule; equal rules share one."""
    return Calendar(rule)
