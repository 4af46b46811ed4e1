"""An IANA zone as stretches of constant offset, in whole seconds since the epoch.

    1900 ─── changes that the database lists, one by one ─── the last ─── the same rule in every year ─── 9990
                     each year is surveyed                      each of the 14 kinds of year is surveyed

Zones are read from the `tzdata` package and never from the machine, so that every process that runs the same lock file
names the same instants.
"""

import struct
from datetime import date, datetime
from difflib import get_close_matches
from functools import lru_cache
from importlib import resources
from io import BytesIO
from typing import NamedTuple
from zoneinfo import ZoneInfo

DAY = 86_400
FIRST = -2_208_988_800  # 1900-01-01: before it clocks were set by the sun
LAST = 253_086_163_200  # 9990-01-01: `datetime` ends soon after

_ORDINAL = date(1970, 1, 1).toordinal()
_STRIDE = 1 << 18  # three days: in tzdata no offset has held for less than 6.9 days since 1900
_YEARS = 64  # kept
_LOOK_BACK = 2 * DAY  # a survey begins early, so that it knows of an overlap that the year begins inside
_MODELS = {(date(year, 1, 1).weekday(), year % 4 == 0): year for year in range(2101, 2129)}
"""A year of each of the 14 kinds: what it begins with, and whether it is a leap year."""
_LONGEST_NAME = 48  # characters, of zones some more than 30; to compare longer texts takes long
_HEADER = struct.Struct(">4s1s15x6l")  # of TZif, RFC 9636


class UnknownZone(ValueError):
    """No zone of the tz database has that name."""


class Stretch(NamedTuple):
    """Seconds `start <= t < end` in which local time is `t + offset`; just before them it was `t + before`."""

    start: int
    end: int
    offset: int
    before: int


class Zone:
    """One zone; equal names share one object."""

    __slots__ = ("_models", "_rules", "_settled_year", "_years", "name", "settled")

    def __init__(self, name: str, rules: ZoneInfo, last_listed: int) -> None:
        """`last_listed`: the second of the last change that is listed; later ones follow from a rule."""
        self.name = name
        self._rules = rules
        settled = _year_of(max(last_listed, FIRST) + _LOOK_BACK) + 1  # and no survey of it looks back at the change
        self._settled_year = settled if settled <= min(_MODELS.values()) else _year_of(LAST)
        self.settled = _beginning(self._settled_year)
        self._years: dict[int, tuple[Stretch, ...]] = {}
        self._models: dict[int, tuple[Stretch, ...]] = {}

    def stretch(self, second: int) -> Stretch:
        """The stretch that holds `second`, which lies in [FIRST, LAST). It may end before the offset changes."""
        year = _year_of(second)
        for stretch in self._years.get(year) or self._stretches(year):
            if second < stretch.end:
                return stretch
        raise AssertionError(f"no stretch of {self.name} holds {second}")

    def offset(self, second: int) -> int:
        """Seconds that local time is ahead of UTC."""
        ahead = datetime.fromtimestamp(second, self._rules).utcoffset()
        assert ahead is not None
        return ahead.days * DAY + ahead.seconds

    def _stretches(self, year: int) -> tuple[Stretch, ...]:
        """Those that lie in a year, be it in part."""
        if len(self._years) >= _YEARS:
            self._years.clear()
        if year < self._settled_year:
            found = self._survey(year)
        else:
            model = _MODELS[date(year, 1, 1).weekday(), _beginning(year + 1) - _beginning(year) == 366 * DAY]
            surveyed = self._models.get(model)
            if surveyed is None:
                surveyed = self._models[model] = self._survey(model)
            later = _beginning(year) - _beginning(model)
            found = tuple(Stretch(one.start + later, one.end + later, one.offset, one.before) for one in surveyed)
        self._years[year] = found
        return found

    def _survey(self, year: int) -> tuple[Stretch, ...]:
        begin, stop = _beginning(year), _beginning(year + 1)
        start = begin - _LOOK_BACK
        offset = before = self.offset(start)
        found: list[Stretch] = []
        for change in self._changes(start, stop):
            found.append(Stretch(start, change, offset, before))
            start, before, offset = change, offset, self.offset(change)
        found.append(Stretch(start, stop, offset, before))
        return tuple(stretch for stretch in found if stretch.end > begin)

    def _changes(self, start: int, stop: int) -> list[int]:
        """The first second of each new offset in (start, stop)."""
        found: list[int] = []
        low = start
        while low < stop - 1:
            high = min(low + _STRIDE, stop - 1)
            if self.offset(low) == self.offset(high):
                low = high
                continue
            held, late = low, high
            while late - held > 1:
                middle = (held + late) // 2
                if self.offset(middle) == self.offset(low):
                    held = middle
                else:
                    late = middle
            found.append(late)
            low = late
        return found


@lru_cache(maxsize=1024)
def zone(name: str) -> Zone:
    """The zone of that name.

    Raises:
        UnknownZone: with the closest names.
    """
    if name not in _names():
        close = get_close_matches(name, _names(), n=3) if len(name) <= _LONGEST_NAME else []
        hint = f"; did you mean {', '.join(close)}?" if close else ", such as Europe/Berlin"
        raise UnknownZone(f"{name!r} is not a time zone of the IANA database{hint}")
    folder = resources.files("tzdata").joinpath("zoneinfo")
    stored = folder.joinpath(*name.split("/")).read_bytes()
    return Zone(name, ZoneInfo.from_file(BytesIO(stored), key=name), _last_listed(stored))


def _last_listed(stored: bytes) -> int:
    """The second of the last change that a file in the format TZif lists; 0, if it lists none."""
    _, _, *counts = _HEADER.unpack_from(stored)
    ut, standard, leaps, changes, kinds, letters = counts
    second = _HEADER.size + changes * 5 + kinds * 6 + letters + leaps * 8 + standard + ut
    changes = _HEADER.unpack_from(stored, second)[5]
    if not changes:
        return 0
    (last,) = struct.unpack_from(">q", stored, second + _HEADER.size + 8 * (changes - 1))
    return last


def _year_of(second: int) -> int:
    return date.fromordinal(second // DAY + _ORDINAL).year


@lru_cache(maxsize=1024)
def _beginning(year: int) -> int:
    return (date(year, 1, 1).toordinal() - _ORDINAL) * DAY


@lru_cache(maxsize=1)
def _names() -> frozenset[str]:
    return frozenset(resources.files("tzdata").joinpath("zones").read_text(encoding="ascii").split())
