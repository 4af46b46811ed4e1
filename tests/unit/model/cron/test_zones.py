"""Every zone of the tz database, for five years, against a walk that looks at each real minute.

The walk knows what the local clock shows at each minute, not the rules of the zone, nor `fold`. A clock
that jumps forward has left minutes out; one that jumps back shows them again until it has caught up.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import resources
from itertools import product
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from waterclock.model.cron.schedule import Schedule, parse

MINUTE = 60_000
DAY = 86_400_000
BEGIN = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000)
END = int(datetime(2031, 1, 1, tzinfo=UTC).timestamp() * 1000)
WIDEST_GAP = 180  # minutes; a wider one is a change of calendar
ZONES = resources.files("tzdata").joinpath("zones").read_text(encoding="ascii").split()


class Case(NamedTuple):
    """An expression of minutes and hours; the same told as the minutes of a day that match."""

    expression: str
    matches: frozenset[int]
    fixed: bool
    gap: Literal["shift", "skip"] = "shift"
    fold: Literal["first", "both"] = "first"

    def schedule(self, zone: str) -> Schedule:
        return parse(self.expression, timezone=zone, gap=self.gap, fold=self.fold)


def of_day(hours: range | tuple[int, ...], minutes: range | tuple[int, ...]) -> frozenset[int]:
    return frozenset(hour * 60 + minute for hour in hours for minute in minutes)


OPTIONS = list(product(("shift", "skip"), ("first", "both")))
FIXED = [
    ("30 2 * * *", of_day((2,), (30,))),
    ("0 0 * * *", of_day((0,), (0,))),
    ("15,45 0,1,2,3 * * *", of_day((0, 1, 2, 3), (15, 45))),
    ("59 23 * * *", of_day((23,), (59,))),
]
CASES = [
    *(
        Case(expression, matches, fixed=True, gap=gap, fold=fold)
        for expression, matches in FIXED
        for gap, fold in OPTIONS
    ),
    Case("0 * * * *", of_day(range(24), (0,)), fixed=False),
    Case("*/20 1-3 * * *", of_day((1, 2, 3), (0, 20, 40)), fixed=False),
    Case("7 */5 * * *", of_day(range(0, 24, 5), (7,)), fixed=False),
]


OF_INTEREST = frozenset[int]().union(*(case.matches for case in CASES))


def rules(name: str) -> ZoneInfo:
    with resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as data:
        return ZoneInfo.from_file(data, key=name)


class Shown(NamedTuple):
    instant: int  # ms
    minute: int  # of the local day
    missing: tuple[int, ...] = ()  # minutes of the local day that the clock left out just before
    repeated: bool = False


def walk(clock: ZoneInfo, after: int, through: int) -> Iterator[Shown]:
    """What the local clock shows at each real minute in (after, through] that a case may match.

    A day is seen before, to know of repeats.
    """
    highest = before = None
    for instant in range(after - DAY, through + 1, MINUTE):
        local = datetime.fromtimestamp(instant // 1000, clock)
        total = local.toordinal() * 1440 + local.hour * 60 + local.minute
        missing: tuple[int, ...] = ()
        if before is not None and 1 < total - before <= WIDEST_GAP + 1:
            missing = tuple(one % 1440 for one in range(before + 1, total) if one > (highest or 0))
        repeated = highest is not None and total <= highest
        before, highest = total, max(total, highest or total)
        if instant > after and (missing or total % 1440 in OF_INTEREST):
            yield Shown(instant, total % 1440, missing, repeated)


def expected(case: Case, minutes: list[Shown]) -> list[int]:
    found: list[int] = []
    for one in minutes:
        if not case.fixed:
            fires = one.minute in case.matches
        else:
            fires = one.minute in case.matches and (case.fold == "both" or not one.repeated)
            fires = fires or (case.gap == "shift" and any(minute in case.matches for minute in one.missing))
        if fires:
            found.append(one.instant)
    return found


def check(name: str, after: int, through: int, cases: list[Case]) -> None:
    minutes = list(walk(rules(name), after, through))
    for case in cases:
        schedule = case.schedule(name)
        wanted = expected(case, minutes)
        assert schedule.between(after, through) == wanted, (name, case)
        assert schedule.count_between(after, through) == len(wanted), (name, case)
        assert schedule.after(after) == (wanted[0] if wanted else schedule.after(through)), (name, case)


def changes(clock: ZoneInfo) -> list[int]:
    """Days on which the offset is another than the day before."""
    days = range(BEGIN, END, DAY)
    offsets = [datetime.fromtimestamp(day // 1000, clock).utcoffset() for day in days]
    return [day for day, before, now in zip(days[1:], offsets, offsets[1:], strict=False) if before != now]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(name=st.sampled_from(ZONES), pick=st.integers(0, 10**6), case=st.sampled_from(CASES))
def test_a_zone_near_a_change_of_its_clock_is_walked_as_its_clock_shows(name: str, pick: int, case: Case) -> None:
    changed = changes(rules(name)) or [BEGIN + pick % 1800 * DAY]
    day = changed[pick % len(changed)]

    check(name, day - 2 * DAY, day + DAY, [case, *CASES[-3:]])


@pytest.mark.parametrize("name", ["Europe/Dublin", "Asia/Gaza", "Africa/Casablanca", "Antarctica/Troll"])
def test_a_zone_of_odd_rules_is_walked_as_its_clock_shows(name: str) -> None:
    for day in changes(rules(name))[:6]:
        check(name, day - 2 * DAY, day + DAY, CASES)


def distinct() -> list[str]:
    """Zones of which no two have the same rules: the others are names of these."""
    names: dict[bytes, str] = {}
    for name in ZONES:
        names.setdefault(resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes(), name)
    return list(names.values())


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", distinct())
def test_a_zone_is_walked_for_five_years_as_its_clock_shows(name: str) -> None:
    year = (END - BEGIN) // 5
    for number in range(5):
        check(name, BEGIN + number * year, BEGIN + (number + 1) * year, CASES)
