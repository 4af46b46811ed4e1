"""Cron text, dialect and zone → instants in UTC.

    cron_text → cron_compile → cron_local (with cron_days)   the local times that the text names
                                        cron_zone            when the local clock of a zone shows them

Here both meet. Times of the day (fixed) move out of a gap of the local clock and fire on the first pass of an overlap,
as Debian's cron does; rhythms (`*/15`) follow real time. Instants are milliseconds since the epoch, whole seconds all.
"""

import datetime as dt
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Literal

import msgspec
import tzdata

from waterclock.model.cron.compile import compiled
from waterclock.model.cron.days import KINDS_SPAN
from waterclock.model.cron.describe import words
from waterclock.model.cron.local_times import Local
from waterclock.model.cron.parse import Dialect, Unreadable, is_seeded, resolve, split_zone
from waterclock.model.cron.zones import FIRST, LAST, Stretch, UnknownZone, Zone, zone

TZDATA_VERSION: str = tzdata.IANA_VERSION
"""The tz database in use, such as 2026a: that of the installed package, never the machine's."""

_WIDEST_GAP = 3 * 3600  # a wider one is a change of calendar, not of the clock (man 8 cron, Debian)
_DAY = 86_400
_TWO_DAYS = 2 * _DAY
_FEW = 1_000  # instants that are listed sooner than they are searched for by halves
_NO_LIMIT = 1 << 62
_ALL_KINDS = KINDS_SPAN * 366 * _DAY


class BadSchedule(ValueError):
    """The schedule is refused. `field` is the API's name of what to change, `message` says why."""

    def __init__(self, field: Literal["cronExpression", "timezone", "cronDialect"], message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


def check_letters(expression: str) -> None:
    """Refuse what is read for a letter or digit of an expression and is none: `FRı` is no Friday.

    Asked where an expression is written. Stored ones with such letters fire on.

    Raises:
        BadSchedule: names the first.
    """
    for sign in expression if not expression.isascii() else ():
        if not sign.isascii():
            told = f"U+{ord(sign):04X} {unicodedata.name(sign, '')}".rstrip()
            said = f"holds {sign!a} ({told}); an expression is plain ASCII"
            raise BadSchedule("cronExpression", said)


class Schedule(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What names a job's instants. Made by `parse`; equal ones are equal in every answer."""

    expression: str  # resolved: no alias, no H, no CRON_TZ
    timezone: str
    dialect: Dialect
    gap: Literal["shift", "skip"]
    fold: Literal["first", "both"]
    local: Local
    zone: Zone
    silent_from: list[int] = msgspec.field(default_factory=list)
    """Where it is known: the second from which on nothing is named. A schedule that never fires is searched once."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Schedule) and self.identity == other.identity

    def __hash__(self) -> int:
        return hash(
            (self.expression, self.timezone)
        )  # what mostly tells them apart: the scheduler asks for each decision

    @property
    def identity(self) -> tuple[str, str, str, str, str]:
        """All that decides the instants."""
        return (self.expression, self.timezone, self.dialect, self.gap, self.fold)

    def after(self, instant_ms: int) -> int | None:
        """The first instant strictly after; None when nothing more is named.

        Instants are looked for from 1900 to 9990. What no kind of year names, once the zone follows a rule, none will.
        """
        begin = second = max(instant_ms // 1000 + 1, FIRST)
        if self.silent_from and second >= self.silent_from[0]:
            return None
        last = min(LAST, max(second, self.zone.settled) + _ALL_KINDS) if self.local.every_year else LAST
        while second < last:
            stretch = self.zone.stretch(second)
            start, end, offset, before = stretch
            floor = second + offset
            if offset != before:
                if second == start and self._lands(stretch):
                    return start * 1000
                floor = self._unrepeated(stretch, floor)
            local = self.local.at_or_after(floor)
            if local is not None and local - offset < end:
                return (local - offset) * 1000
            if end - second <= _DAY:  # the clock may go back to what is named before `floor`
                second = end
            elif local is None:
                break
            else:
                second = max(end, local - offset - _TWO_DAYS)  # nothing is named before, whatever the offset becomes
        self.silent_from[:] = [min([begin, *self.silent_from])]
        return None

    def between(self, after_ms: int, through_ms: int, limit: int | None = None) -> list[int]:
        """The instants in (after, through], ascending, the first `limit` of them."""
        room = _NO_LIMIT if limit is None else limit
        found: list[int] = []
        for stretch, low, high, lands in self._ranges(after_ms, through_ms):
            if room <= len(found):
                break
            if lands:
                found.append(stretch.start * 1000)
                low = max(low, stretch.start + stretch.offset + 1)
            locals_ = self.local.within(low, high, room - len(found))
            found += [(local - stretch.offset) * 1000 for local in locals_]
        return found

    def count_between(self, after_ms: int, through_ms: int) -> int:
        """How many instants lie in (after, through]; its cost grows with months, not with instants."""
        total = 0
        for stretch, low, high, lands in self._ranges(after_ms, through_ms):
            if lands:
                total += 1
                low = max(low, stretch.start + stretch.offset + 1)
            total += self.local.count(low, high)
        return total

    def last_between(self, after_ms: int, through_ms: int, limit: int) -> list[int]:
        """The newest `limit` instants in (after, through], ascending."""
        return self.between(self.before_newest(after_ms, through_ms, limit), through_ms)

    def before_newest(self, after_ms: int, through_ms: int, limit: int) -> int:
        """The moment from which on (after, through] holds only its newest `limit` instants; `after`, if no more."""
        surplus = self.count_between(after_ms, through_ms) - limit
        if surplus <= 0:
            return after_ms
        if surplus <= _FEW:
            return self.between(after_ms, through_ms, surplus)[-1]
        many, few = after_ms // 1000, through_ms // 1000  # more than `limit` lie in (many, through], not in (few, …]
        while few - many > 1:
            middle = (many + few) // 2
            if self.count_between(middle * 1000, through_ms) > limit:
                many = middle
            else:
                few = middle
        return few * 1000

    def _ranges(self, after_ms: int, through_ms: int) -> Iterator[tuple[Stretch, int, int, bool]]:
        """The stretches of (after, through]: local seconds [low, high), and whether a gap lands on their start."""
        second, stop = max(after_ms // 1000 + 1, FIRST), min(through_ms // 1000 + 1, LAST)
        while second < stop:
            stretch = self.zone.stretch(second)
            low, high = second + stretch.offset, min(stretch.end, stop) + stretch.offset
            lands = second == stretch.start and self._lands(stretch)
            yield stretch, self._unrepeated(stretch, low), high, lands
            second = stretch.end

    def _lands(self, stretch: Stretch) -> bool:
        """Whether a fixed time inside the gap before this stretch moves to its start."""
        if not 0 < stretch.offset - stretch.before <= _WIDEST_GAP or not self.local.fixed or self.gap == "skip":
            return False
        missing = self.local.at_or_after(stretch.start + stretch.before)
        return missing is not None and missing < stretch.start + stretch.offset

    def _unrepeated(self, stretch: Stretch, floor: int) -> int:
        """`floor`, beyond the local times that this stretch repeats if they fire on their first pass only."""
        if self.local.fixed and self.fold == "first":
            return max(floor, stretch.start + stretch.before)
        return floor


def parse(
    expression: str,
    *,
    timezone: str = "UTC",
    dialect: Dialect | None = None,
    gap: Literal["shift", "skip"] = "shift",
    fold: Literal["first", "both"] = "first",
    seed: str = "",
) -> Schedule:
    """The schedule that a job's fields describe; equal ones share one object while it is cached.

    `seed` is the job's id: `H` and the phase of `@every` depend on it. Whether anything is still to come is not asked
    here, for there is no clock: a year field may have run out (`after(now) is None`).

    Raises:
        BadSchedule: names the field to change.
    """
    return _parse(expression, timezone, dialect, gap, fold, seed if is_seeded(expression) else "")


def described(schedule: Schedule) -> str:
    """The schedule in words, such as "at 02:30 every day, Europe/Berlin"."""
    return f"{words(schedule.expression, schedule.dialect)}, {schedule.timezone}"


def local_time(schedule: Schedule, instant_ms: int) -> str:
    """The instant on the schedule's own clock, ISO 8601 with its offset: 2026-03-29T03:00:00+02:00."""
    ahead = schedule.zone.offset(instant_ms // 1000)
    moment = dt.datetime.fromtimestamp(instant_ms / 1000, dt.timezone(dt.timedelta(seconds=ahead)))
    return moment.isoformat(timespec="seconds")


def shift_note(schedule: Schedule, instant_ms: int) -> str | None:
    """What a change of the local clock did to an instant of the schedule, in words; None on any other day."""
    second = instant_ms // 1000
    start, _, offset, before = schedule.zone.stretch(second)
    local = second + offset
    if second == start and offset > before:
        named = schedule.local.at_or_after(local) == local
        return "the first moment after the clock went forward" if named else "moved: the clock went forward"
    if offset < before and local < start + before:
        return "second pass: the clock went back"
    _, end, offset, _ = schedule.zone.stretch(second)
    back = offset - schedule.zone.offset(end) if end < LAST else 0
    return "first pass: the clock is about to go back" if back > 0 and end - back <= second else None


@lru_cache(maxsize=16_384)
def _parse(
    expression: str,
    timezone: str,
    dialect: Dialect | None,
    gap: Literal["shift", "skip"],
    fold: Literal["first", "both"],
    seed: str,
) -> Schedule:
    if dialect not in (None, "unix", "quartz"):
        raise BadSchedule("cronDialect", f"{dialect!r} is neither unix nor quartz")
    try:
        prefix, body = split_zone(expression)
        resolved = resolve(body, seed)
        local = compiled(resolved, dialect)
    except Unreadable as error:
        raise BadSchedule("cronExpression", str(error)) from error
    if prefix is not None and timezone != "UTC":
        raise BadSchedule("cronExpression", "CRON_TZ= and timezone both set a zone; keep one of them")
    try:
        rules = zone(timezone if prefix is None else prefix)
    except UnknownZone as error:
        raise BadSchedule("timezone" if prefix is None else "cronExpression", str(error)) from error
    return Schedule(
        expression=resolved,
        timezone=rules.name,
        dialect=dialect or "unix",
        gap=gap,
        fold=fold,
        local=local,
        zone=rules,
    )
