"""An IANA zone as stretches of constant offset, in whole seconds since the epoch.

Zones are read from the `tzdata` package and never from the machine, so that every process that runs the same lock file
names the same instants.
"""

from datetime import datetime
from difflib import get_close_matches
from functools import lru_cache
from importlib import resources
from typing import NamedTuple
from zoneinfo import ZoneInfo

DAY = 86_400
FIRST = -2_208_988_800  # 1900-01-01: before it clocks were set by the sun
LAST = 253_086_163_200  # 9990-01-01: `datetime` ends soon after

_PIECE = 25  # a piece of the survey is 2**25 s, about a year
_STRIDE = 1 << 18  # three days: in tzdata no offset has held for less than 6.9 days since 1900
_PIECES = 64
_LOOK_BACK = 2 * DAY  # a piece begins early, so that it knows of an overlap it begins inside


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

    __slots__ = ("_pieces", "_rules", "name")

    def __init__(self, name: str, rules: ZoneInfo) -> None:
        self.name = name
        self._rules = rules
        self._pieces: dict[int, tuple[Stretch, ...]] = {}

    def stretch(self, second: int) -> Stretch:
        """The stretch that holds `second`, which lies in [FIRST, LAST). It may end before the offset changes."""
        pieces = self._pieces.get(second >> _PIECE) or self._survey(second >> _PIECE)
        for stretch in pieces:
            if second < stretch.end:
                return stretch
        raise AssertionError(f"no stretch of {self.name} holds {second}")

    def offset(self, second: int) -> int:
        """Seconds that local time is ahead of UTC."""
        ahead = datetime.fromtimestamp(second, self._rules).utcoffset()
        assert ahead is not None
        return ahead.days * DAY + ahead.seconds

    def _survey(self, piece: int) -> tuple[Stretch, ...]:
        begin, stop = piece << _PIECE, (piece + 1) << _PIECE
        start = begin - _LOOK_BACK
        offset = before = self.offset(start)
        found: list[Stretch] = []
        for change in self._changes(start, stop):
            found.append(Stretch(start, change, offset, before))
            start, before, offset = change, offset, self.offset(change)
        found.append(Stretch(start, stop, offset, before))
        if len(self._pieces) >= _PIECES:
            self._pieces.clear()
        self._pieces[piece] = kept = tuple(stretch for stretch in found if stretch.end > begin)
        return kept

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
        close = get_close_matches(name, _names(), n=3)
        hint = f"; did you mean {', '.join(close)}?" if close else ", such as Europe/Berlin"
        raise UnknownZone(f"{name!r} is not a zone of the IANA tz database{hint}")
    folder = resources.files("tzdata").joinpath("zoneinfo")
    with folder.joinpath(*name.split("/")).open("rb") as rules:
        return Zone(name, ZoneInfo.from_file(rules, key=name))


@lru_cache(maxsize=1)
def _names() -> frozenset[str]:
    return frozenset(resources.files("tzdata").joinpath("zones").read_text(encoding="ascii").split())
