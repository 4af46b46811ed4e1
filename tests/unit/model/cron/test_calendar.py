"""Parts of a calendar: whole hours, days, weeks and months of a zone, with its changes of the clock."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from waterclock.model.cron.calendar import By, calendar_edges
from waterclock.model.cron.zones import zone

HOUR, DAY = 3_600_000, 86_400_000
MOST = 100
ZONES = ("UTC", "Europe/Berlin", "America/Havana", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu")
BYS: tuple[By, ...] = ("hour", "day", "week", "month")


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def local_time(name: str, second: int) -> datetime:
    """By the rules that are locked: those of the machine may be older."""
    return datetime.fromtimestamp(second, timezone(timedelta(seconds=zone(name).offset(second))))


def edges(name: str, by: By, low: str, high: str) -> list[int]:
    return calendar_edges(zone(name), by, ms(low), ms(high), MOST)


def hours(found: list[int]) -> list[float]:
    return [(later - earlier) / HOUR for earlier, later in pairwise(found)]


@pytest.mark.parametrize(
    ("name", "low", "high", "expected"),
    [
        ("Europe/Berlin", "2026-03-28T12:00:00+01:00", "2026-03-30T12:00:00+02:00", [24, 23, 24]),
        ("Europe/Berlin", "2026-10-24T00:00:00+02:00", "2026-10-27T00:00:00+01:00", [24, 25, 24]),
        ("Australia/Lord_Howe", "2026-04-04T12:00:00+11:00", "2026-04-06T12:00:00+10:30", [24, 24.5, 24]),
        ("America/Havana", "2026-03-07T12:00:00-05:00", "2026-03-09T12:00:00-04:00", [24, 23, 24]),  # 00:00 is not
        ("America/Havana", "2025-11-01T12:00:00-04:00", "2025-11-03T12:00:00-05:00", [24, 25, 24]),  # and is twice
        ("Pacific/Apia", "2011-12-29T12:00:00-10:00", "2011-12-31T12:00:00+14:00", [24, 24]),  # the 30th was not
        ("America/Sao_Paulo", "2017-02-18T12:00:00-02:00", "2017-02-19T12:00:00-03:00", [25, 24]),  # back to 23:00
    ],
)
def test_a_day_is_as_long_as_its_clock_makes_it(name: str, low: str, high: str, expected: list[float]) -> None:
    assert hours(edges(name, "day", low, high)) == expected


def test_hours_that_the_clock_repeats_are_there_twice() -> None:
    found = edges("Europe/Berlin", "hour", "2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00")
    assert (len(found), set(hours(found))) == (26, {1.0})
    found = edges("Europe/Berlin", "hour", "2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00")
    assert (len(found), set(hours(found))) == (24, {1.0})


def test_hours_begin_by_the_local_clock() -> None:
    (first, second) = edges("Asia/Kathmandu", "hour", "2026-05-01T10:20:00+05:45", "2026-05-01T10:40:00+05:45")
    assert (first, second) == (ms("2026-05-01T10:00:00+05:45"), ms("2026-05-01T11:00:00+05:45"))
    changed = edges("Australia/Lord_Howe", "hour", "2026-04-05T01:00:00+11:00", "2026-04-05T03:00:00+10:30")
    assert hours(changed) == [1.5, 1]


def test_weeks_begin_on_monday_and_months_on_their_first() -> None:
    found = edges("Europe/Berlin", "week", "2026-10-21T12:00:00Z", "2026-11-02T12:00:00Z")
    assert [datetime.fromtimestamp(one / 1000, ZoneInfo("Europe/Berlin")).strftime("%a %d %H:%M") for one in found] == [
        "Mon 19 00:00",
        "Mon 26 00:00",
        "Mon 02 00:00",
        "Mon 09 00:00",
    ]
    found = edges("Europe/Berlin", "month", "2026-01-31T23:30:00Z", "2026-04-01T00:00:00+02:00")
    assert [datetime.fromtimestamp(one / 1000, ZoneInfo("Europe/Berlin")).isoformat() for one in found] == [
        "2026-02-01T00:00:00+01:00",
        "2026-03-01T00:00:00+01:00",
        "2026-04-01T00:00:00+02:00",
    ]


def test_no_more_edges_are_made_than_are_wanted() -> None:
    assert len(calendar_edges(zone("UTC"), "hour", 0, 10_000 * DAY, 2_000)) == 2_002


@settings(max_examples=300, deadline=None)
@given(
    name=st.sampled_from(ZONES),
    by=st.sampled_from(BYS),
    low=st.integers(ms("2005-01-01T00:00:00Z"), ms("2040-01-01T00:00:00Z")),
    length=st.integers(1, 60 * DAY),
)
def test_parts_hold_the_range_and_each_begins_where_the_calendar_says(name: str, by: By, low: int, length: int) -> None:
    found = calendar_edges(zone(name), by, low, low + length, 2_000)

    assert found[0] <= low < found[1]
    assert found[-2] < low + length <= found[-1]
    assert found == sorted({*found})
    for edge in found:
        local, before = local_time(name, edge // 1000), local_time(name, edge // 1000 - 1)
        assert local.minute == local.second == 0
        if by == "hour":
            continue
        assert before.date() < local.date()
        if by == "month":
            assert local.day == 1
        if by == "week":
            assert local.weekday() == 0
