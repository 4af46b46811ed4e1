"""Laws of the walk, and a comparison with a slow one that looks at every minute."""

import string
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from importlib import resources
from itertools import pairwise
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import HealthCheck, example, given, reject, settings
from hypothesis import strategies as st

from waterclock.model.cron.schedule import BadSchedule, Schedule, parse
from waterclock.model.cron.zones import zone

MINUTE = 60_000
DAY = 86_400_000

CHANGES = [  # a zone and a moment near which its clock changes
    ("Europe/Berlin", "2026-03-29T01:00Z"),
    ("Europe/Berlin", "2026-10-25T01:00Z"),
    ("America/New_York", "2026-03-08T07:00Z"),
    ("Australia/Lord_Howe", "2026-10-03T15:30Z"),
    ("Australia/Lord_Howe", "2026-04-04T15:00Z"),
    ("Asia/Tehran", "2022-03-21T20:30Z"),
    ("Africa/Casablanca", "2026-02-15T02:00Z"),
    ("Africa/Cairo", "2026-04-23T22:00Z"),
    ("Antarctica/Troll", "2026-10-25T01:00Z"),
    ("Pacific/Apia", "2011-12-30T10:00Z"),
    ("Asia/Gaza", "2026-03-28T00:00Z"),
    ("UTC", "2026-01-01T00:00Z"),
]
ZONES = sorted({name for name, _ in CHANGES})


class Column(msgspec.Struct, frozen=True):
    """A field's text and, told apart from it, what it names."""

    text: str
    values: frozenset[int]

    @property
    def starred(self) -> bool:
        return self.text.startswith("*")


@st.composite
def columns(draw: st.DrawFn, low: int, high: int) -> Column:
    kind = draw(st.sampled_from(["every", "step", "list", "range"]))
    if kind == "every":
        return Column("*", frozenset(range(low, high + 1)))
    if kind == "step":
        step = draw(st.integers(1, high - low + 1))
        return Column(f"*/{step}", frozenset(range(low, high + 1, step)))
    if kind == "range":
        first, last = sorted((draw(st.integers(low, high)), draw(st.integers(low, high))))
        step = draw(st.integers(1, 3))
        return Column(f"{first}-{last}/{step}", frozenset(range(first, last + 1, step)))
    values = draw(st.sets(st.integers(low, high), min_size=1, max_size=4))
    return Column(",".join(str(value) for value in values), frozenset(values))


def rules(name: str) -> ZoneInfo:
    with resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as data:
        return ZoneInfo.from_file(data, key=name)


def offset(moment: datetime) -> timedelta:
    ahead = moment.utcoffset()
    assert ahead is not None
    return ahead


def millis(moment: datetime) -> int:
    return round(moment.timestamp()) * 1000


def every_minute(after: int, through: int) -> Iterator[int]:
    return (minute * MINUTE for minute in range(after // MINUTE + 1, through // MINUTE + 1))


def slow_rhythm(minute: Column, hour: Column, clock: ZoneInfo, after: int, through: int) -> list[int]:
    """Each real minute whose local clock matches."""
    found: list[int] = []
    for instant in every_minute(after, through):
        local = datetime.fromtimestamp(instant / 1000, clock)
        if local.second == 0 and local.minute in minute.values and local.hour in hour.values:
            found.append(instant)
    return found


def slow_fixed(
    minute: Column, hour: Column, clock: ZoneInfo, after: int, through: int, *, gap: str, fold: str
) -> list[int]:
    """Each local minute that matches, carried into real time one by one."""
    found: set[int] = set()
    for instant in every_minute(after - 2 * DAY, through + 2 * DAY):
        naive = datetime.fromtimestamp(instant / 1000, UTC).replace(tzinfo=None)
        if naive.minute not in minute.values or naive.hour not in hour.values:
            continue
        early, late = naive.replace(tzinfo=clock), naive.replace(tzinfo=clock, fold=1)
        missing = offset(late) - offset(early)
        if missing <= timedelta():
            found.add(millis(early))
            if fold == "both":
                found.add(millis(late))
        elif gap == "shift" and missing <= timedelta(hours=3):
            moment = millis(late)  # the later offset puts a missing time before the change
            while offset(datetime.fromtimestamp(moment / 1000, clock)) != offset(late):
                moment += MINUTE
            found.add(moment)
    return sorted(instant for instant in found if after < instant <= through)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    change=st.sampled_from(CHANGES),
    minute=columns(0, 59),
    hour=columns(0, 23),
    gap=st.sampled_from(["shift", "skip"]),
    fold=st.sampled_from(["first", "both"]),
    before=st.integers(0, 30 * 60),
)
def test_the_walk_finds_what_a_look_at_every_minute_finds(
    change: tuple[str, str], minute: Column, hour: Column, gap: str, fold: str, before: int
) -> None:
    name, moment = change
    clock = rules(name)
    after = millis(datetime.fromisoformat(moment)) - before * MINUTE
    through = after + int(1.5 * DAY)
    if minute.starred or hour.starred:
        expected = slow_rhythm(minute, hour, clock, after, through)
    else:
        expected = slow_fixed(minute, hour, clock, after, through, gap=gap, fold=fold)

    schedule = parse(f"{minute.text} {hour.text} * * *", timezone=name, gap=gap, fold=fold)  # pyright: ignore[reportArgumentType]

    assert schedule.between(after, through) == expected
    assert schedule.count_between(after, through) == len(expected)


@settings(max_examples=60, deadline=None)
@given(
    day=columns(1, 31),
    month=columns(1, 12),
    weekday=columns(0, 6),
    year=st.integers(1990, 2090),
    span=st.integers(1, 4),
)
def test_the_days_are_those_that_a_look_at_every_day_finds(
    day: Column, month: Column, weekday: Column, year: int, span: int
) -> None:
    both = day.starred or weekday.starred
    expected: list[date] = []
    today = date(year, 1, 1)
    while today.year < year + span:
        matches = (today.day in day.values, today.isoweekday() % 7 in weekday.values)
        if today.month in month.values and (all(matches) if both else any(matches)):
            expected.append(today)
        today += timedelta(days=1)
    after, through = (millis(datetime(y, 1, 1, tzinfo=UTC)) - 1 for y in (year, year + span))

    try:
        schedule = parse(f"0 0 {day.text} {month.text} {weekday.text}")
    except BadSchedule:
        assert expected == []
        return

    assert [datetime.fromtimestamp(i / 1000, UTC).date() for i in schedule.between(after, through)] == expected
    assert schedule.count_between(after, through) == len(expected)


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    parts = [
        draw(columns(0, 59)),
        draw(columns(0, 59)),
        draw(columns(0, 23)),
        draw(columns(1, 28)),
        draw(columns(1, 12)),
    ]
    weekday = draw(st.sampled_from(["?", "*", "MON-FRI", "SUN", "FRI#2", "SATL"]))
    try:
        return parse(
            " ".join([*(part.text for part in parts), weekday]),
            timezone=draw(st.sampled_from(ZONES)),
            gap=draw(st.sampled_from(["shift", "skip"])),
            fold=draw(st.sampled_from(["first", "both"])),
        )
    except BadSchedule:  # a second Friday is never a 29th
        reject()


MOMENTS = st.integers(millis(datetime(1971, 1, 1, tzinfo=UTC)), millis(datetime(2090, 1, 1, tzinfo=UTC)))


@settings(max_examples=150, deadline=None)
@given(schedule=schedules(), start=MOMENTS)
def test_instants_ascend_and_between_is_after_repeated(schedule: Schedule, start: int) -> None:
    found: list[int] = []
    instant = start
    for _ in range(30):
        following = schedule.after(instant)
        assert following is not None
        assert following > instant
        assert following % 1000 == 0
        found.append(following)
        instant = following

    assert schedule.between(start, instant, 30) == found
    assert schedule.between(start, instant) == found
    assert schedule.between(start, instant, 7) == found[:7]
    assert schedule.count_between(start, instant) == 30
    assert schedule.last_between(start, instant, 4) == found[-4:]
    assert schedule.last_between(start, instant, 99) == found


@settings(max_examples=100, deadline=None)
@given(schedule=schedules(), start=MOMENTS, cuts=st.lists(st.integers(0, 3 * DAY), min_size=1, max_size=5))
def test_a_range_cut_anywhere_holds_the_same_instants(schedule: Schedule, start: int, cuts: list[int]) -> None:
    edges = [start, *sorted(start + cut for cut in cuts), start + 3 * DAY]
    parts = [schedule.between(a, b, 20_000) for a, b in pairwise(edges)]
    if all(len(part) < 20_000 for part in parts):
        assert [instant for part in parts for instant in part] == schedule.between(start, start + 3 * DAY)
    assert sum(schedule.count_between(a, b) for a, b in pairwise(edges)) == schedule.count_between(
        start, start + 3 * DAY
    )


@settings(max_examples=100, deadline=None)
@given(name=st.sampled_from(ZONES), minute=columns(0, 59), start=MOMENTS)
def test_an_instant_of_a_rhythm_is_shown_by_the_local_clock(name: str, minute: Column, start: int) -> None:
    clock = rules(name)
    for instant in parse(f"{minute.text} * * * *", timezone=name).between(start, start + DAY, 50):
        assert datetime.fromtimestamp(instant / 1000, clock).minute in minute.values


ALL_ZONES = resources.files("tzdata").joinpath("zones").read_text(encoding="ascii").split()


@settings(max_examples=300, deadline=None)
@given(name=st.sampled_from(ALL_ZONES), second=st.integers(-2_000_000_000, 5_000_000_000))
@example(name="Indian/Maldives", second=-283_996_801)  # whose last change came hours before a year's end
def test_a_stretch_has_the_offset_of_its_zone(name: str, second: int) -> None:
    here = zone(name)
    stretch = here.stretch(second)

    assert stretch.start <= second < stretch.end
    assert stretch.offset == here.offset(stretch.start) == here.offset(second) == here.offset(stretch.end - 1)
    assert stretch.before == here.offset(stretch.start - 1) or stretch.before == stretch.offset
    assert stretch.offset == offset(datetime.fromtimestamp(second, rules(name))).total_seconds()


@settings(max_examples=400, deadline=None)
@given(text=st.text(string.digits + "*/-,?LWHR#() @=\tJANFEBSUNMONeverysCRON_TZ", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        schedule = parse(text, seed="a")
    except BadSchedule:
        return
    found = schedule.between(0, 400 * DAY, 5)
    assert found == sorted(set(found))
