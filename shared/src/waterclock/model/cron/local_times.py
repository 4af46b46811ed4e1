"""Which local times an expression names, in seconds from 1970-01-01 on the local clock. No zones here."""

from bisect import bisect_left
from collections.abc import Iterator
from functools import lru_cache
from typing import Protocol

from waterclock.model.cron.days import Calendar

DAY = 86_400
_LISTED_MOST = 1_440  # times of a day that are kept as a list: each minute


class Local(Protocol):
    """Local times, ascending, in seconds."""

    @property
    def fixed(self) -> bool:
        """Whether it names times of the day, rather than a rhythm that follows real time."""
        ...

    @property
    def every_year(self) -> bool:
        """Whether it names the same in all years that begin with the same weekday and are of the same length."""
        ...

    def at_or_after(self, local: int) -> int | None:
        """The first time named at or after `local`; None when the years have run out."""
        ...

    def within(self, low: int, high: int, limit: int) -> list[int]:
        """The times in [low, high), the first `limit` of them."""
        ...

    def count(self, low: int, high: int) -> int:
        """How many times lie in [low, high), without listing them."""
        ...


class Times:
    """Times of the day, as the product of hours, minutes and seconds; each ascending and not empty."""

    __slots__ = ("_hours", "_minutes", "_next_hour", "_next_minute", "_next_second", "_seconds", "first", "total")

    def __init__(self, hours: tuple[int, ...], minutes: tuple[int, ...], seconds: tuple[int, ...]) -> None:
        self._hours, self._minutes, self._seconds = hours, minutes, seconds
        self._next_hour, self._next_minute, self._next_second = (
            _following(hours),
            _following(minutes),
            _following(seconds),
        )
        self.first = hours[0] * 3600 + minutes[0] * 60 + seconds[0]
        self.total = len(hours) * len(minutes) * len(seconds)

    def at_or_after(self, time: int) -> int | None:
        """The first time of the day at or after `time`."""
        hour, rest = divmod(time, 3600)
        minute, second = divmod(rest, 60)
        found = self._next_hour[hour]
        if found == hour:
            at = self._next_minute[minute]
            if at == minute:
                exact = self._next_second[second]
                if exact >= 0:
                    return hour * 3600 + minute * 60 + exact
                at = self._next_minute[minute + 1]
            if at >= 0:
                return hour * 3600 + at * 60 + self._seconds[0]
            found = self._next_hour[hour + 1]
        if found < 0:
            return None
        return found * 3600 + self._minutes[0] * 60 + self._seconds[0]

    def before(self, time: int) -> int:
        """How many times of the day lie before `time`."""
        hour, rest = divmod(time, 3600)
        minute, second = divmod(rest, 60)
        total = bisect_left(self._hours, hour) * len(self._minutes) * len(self._seconds)
        if hour in self._hours:
            total += bisect_left(self._minutes, minute) * len(self._seconds)
            if minute in self._minutes:
                total += bisect_left(self._seconds, second)
        return total

    def whole_day(self) -> tuple[int, ...]:
        """All of them; none, where they are too many to be kept."""
        return _of_day(self._hours, self._minutes, self._seconds) if self.total <= _LISTED_MOST else ()

    def within(self, midnight: int, low: int, high: int) -> Iterator[list[int]]:
        """The times in [low, high) of the day that begins at `midnight`, in batches of at most a minute."""
        for hour in self._hours:
            start = midnight + hour * 3600
            if start + 3600 <= low:
                continue
            for minute in self._minutes:
                at = start + minute * 60
                if at + 60 <= low:
                    continue
                if at >= high:
                    return
                if low <= at and at + 60 <= high:
                    yield [at + second for second in self._seconds]
                else:
                    yield [at + second for second in self._seconds if low <= at + second < high]


@lru_cache(maxsize=256)
def _of_day(hours: tuple[int, ...], minutes: tuple[int, ...], seconds: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(hour * 3600 + minute * 60 + second for hour in hours for minute in minutes for second in seconds)


@lru_cache(maxsize=1024)
def _following(values: tuple[int, ...]) -> tuple[int, ...]:
    """At each place the smallest value not below it, or -1; one place beyond the last value of a clock field."""
    index = [bisect_left(values, place) for place in range(61)]
    return tuple(values[i] if i < len(values) else -1 for i in index)


class Pattern:
    """The local times of a cron expression."""

    __slots__ = ("_calendar", "_times", "every_year", "fixed")

    def __init__(self, days: Calendar, times: Times, *, fixed: bool) -> None:
        self._calendar = days
        self._times = times
        self.fixed = fixed
        self.every_year = days.every_year

    def at_or_after(self, local: int) -> int | None:
        day, time = divmod(local, DAY)
        chosen = self._calendar.at_or_after(day)
        if chosen == day:
            found = self._times.at_or_after(time)
            if found is not None:
                return day * DAY + found
            chosen = self._calendar.at_or_after(day + 1)
        return None if chosen is None else chosen * DAY + self._times.first

    def within(self, low: int, high: int, limit: int) -> list[int]:
        found: list[int] = []
        stop = -(-high // DAY)
        day = self._calendar.at_or_after(low // DAY, stop)
        whole = self._times.whole_day() if high - low > DAY else ()  # which is much quicker than hour by hour
        while day is not None and day * DAY < high:
            midnight = day * DAY
            if whole and low <= midnight and midnight + DAY <= high and len(found) + len(whole) <= limit:
                found += [midnight + time for time in whole]
                day = self._calendar.at_or_after(day + 1, stop)
                continue
            for batch in self._times.within(midnight, low, high):
                found += batch
                if len(found) >= limit:
                    return found[:limit]
            day = self._calendar.at_or_after(day + 1, stop)
        return found

    def count(self, low: int, high: int) -> int:
        if high <= low:
            return 0
        (first, early), (last, late) = divmod(low, DAY), divmod(high, DAY)
        whole = self._calendar.count(first, last) * self._times.total
        return whole + self._part(last, late) - self._part(first, early)

    def _part(self, day: int, time: int) -> int:
        return self._times.before(time) if self._calendar.at_or_after(day, day + 1) == day else 0


class Beat:
    """Every `period` seconds, counted from the epoch plus `phase`."""

    __slots__ = ("_period", "_phase", "every_year", "fixed")

    def __init__(self, period: int, phase: int) -> None:
        self._period = period
        self._phase = phase
        self.fixed = False
        self.every_year = True

    def at_or_after(self, local: int) -> int | None:
        return local + (self._phase - local) % self._period

    def within(self, low: int, high: int, limit: int) -> list[int]:
        start = low + (self._phase - low) % self._period
        return list(range(start, min(high, start + limit * self._period), self._period))

    def count(self, low: int, high: int) -> int:
        start = low + (self._phase - low) % self._period
        return len(range(start, high, self._period))
