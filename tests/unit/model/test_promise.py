"""When promises fall due: durations after the scheduled time, and a time of day through changes of the clock."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from waterclock.model.cron.zones import zone
from waterclock.model.definition import Definition
from waterclock.model.promise import Promise, finish_due, is_sound, start_due, time_of_day

ZONES = ("UTC", "Europe/Berlin", "America/Havana", "America/Sao_Paulo", "Australia/Lord_Howe", "Pacific/Apia")
MINUTE, DAY = 60_000, 86_400_000


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def clock(name: str, at: int) -> datetime:
    """The local clock, as the zone rules that are locked have it."""
    return datetime.fromtimestamp(at / 1000, timezone(timedelta(seconds=zone(name).offset(at // 1000))))


def test_a_start_is_due_so_long_after_the_scheduled_time() -> None:
    nominal = ms("2026-11-30T02:00:00Z")
    assert start_due(Promise(start_within=0.5), nominal) == nominal + 500
    assert start_due(Promise(finish_within=60), nominal) is None


def test_an_end_is_due_at_the_earlier_of_two_moments() -> None:
    nominal = ms("2026-11-30T02:00:00Z")
    half_past_six = ms("2026-11-30T06:30:00Z")
    assert finish_due(Promise(start_within=60), nominal, "UTC") is None
    assert finish_due(Promise(finish_within=3600), nominal, "UTC") == nominal + 3_600_000
    assert finish_due(Promise(finish_within=3600, finish_by="06:30"), nominal, "UTC") == nominal + 3_600_000
    assert finish_due(Promise(finish_within=36_000, finish_by="06:30"), nominal, "UTC") == half_past_six


def test_a_time_of_day_is_of_the_zone_that_the_schedule_names() -> None:
    definition = Definition(job_name="a", invoke_target="b", cron_expression="CRON_TZ=Europe/Berlin 0 2 * * *")
    nominal = ms("2026-07-01T02:00:00+02:00")
    due = finish_due(Promise(finish_by="06:30"), nominal, definition.schedule_zone)
    assert due == ms("2026-07-01T06:30:00+02:00")
    for expression in (None, "0 2 * * *", "not to be read", ""):
        other = msgspec.structs.replace(definition, cron_expression=expression, timezone="Asia/Tokyo")
        assert other.schedule_zone == "Asia/Tokyo"


def test_a_zone_that_is_no_more_has_no_time_of_day() -> None:
    assert finish_due(Promise(finish_by="06:30"), 0, "Europe/Atlantis") is None
    assert finish_due(Promise(finish_by="06:30", finish_within=60), 0, "Europe/Atlantis") == 60_000


@pytest.mark.parametrize(
    ("name", "nominal", "by", "due"),
    [
        ("Europe/Berlin", "2026-07-01T02:00:00+02:00", "06:30", "2026-07-01T06:30:00+02:00"),
        ("Europe/Berlin", "2026-07-01T22:00:00+02:00", "06:30", "2026-07-02T06:30:00+02:00"),  # the next morning
        ("Europe/Berlin", "2026-07-01T06:30:00+02:00", "06:30", "2026-07-02T06:30:00+02:00"),  # after, not at
        ("Europe/Berlin", "2026-03-28T20:00:00+01:00", "06:30", "2026-03-29T06:30:00+02:00"),  # an hour less
        ("Europe/Berlin", "2026-03-29T01:00:00+01:00", "02:30", "2026-03-29T03:00:00+02:00"),  # in a gap: its end
        ("Europe/Berlin", "2026-03-29T03:00:00+02:00", "02:30", "2026-03-30T02:30:00+02:00"),
        ("Europe/Berlin", "2026-10-25T01:00:00+02:00", "02:30", "2026-10-25T02:30:00+02:00"),  # in a fold: the first
        ("Europe/Berlin", "2026-10-25T02:30:00+02:00", "02:30", "2026-10-26T02:30:00+01:00"),  # which has been
        ("Europe/Berlin", "2026-10-25T02:15:00+01:00", "02:30", "2026-10-26T02:30:00+01:00"),
        ("Europe/Berlin", "2026-10-25T02:30:00+01:00", "03:00", "2026-10-25T03:00:00+01:00"),
        ("America/Havana", "2026-03-07T23:00:00-05:00", "00:15", "2026-03-08T01:00:00-04:00"),  # midnight left out
        ("America/Sao_Paulo", "2017-02-18T22:00:00-02:00", "23:30", "2017-02-18T23:30:00-02:00"),
        ("America/Sao_Paulo", "2017-02-18T23:15:00-03:00", "23:30", "2017-02-19T23:30:00-03:00"),
        ("Pacific/Apia", "2011-12-29T12:00:00-10:00", "06:30", "2011-12-31T00:00:00+14:00"),  # the 30th was not
        ("Pacific/Apia", "2011-12-31T00:00:00+14:00", "06:30", "2011-12-31T06:30:00+14:00"),
    ],
)
def test_a_time_of_day_is_the_first_one_after_the_scheduled_time(name: str, nominal: str, by: str, due: str) -> None:
    assert finish_due(Promise(finish_by=by), ms(nominal), name) == ms(due)


@given(
    name=st.sampled_from(ZONES),
    nominal=st.integers(ms("2010-01-01T00:00:00Z"), ms("2030-01-01T00:00:00Z")),
    minute=st.integers(0, 1439),
)
def test_a_time_of_day_is_due_when_the_local_clock_has_reached_it(name: str, nominal: int, minute: int) -> None:
    by = f"{minute // 60:02d}:{minute % 60:02d}"
    due = finish_due(Promise(finish_by=by), nominal, name)
    assert due is not None
    assert due > nominal

    shown, before = clock(name, due), clock(name, due - 1)
    jumped = shown.replace(tzinfo=None) - before.replace(tzinfo=None) > timedelta(milliseconds=1)
    assert shown.strftime("%H:%M") == by or jumped

    for earlier in range(nominal // MINUTE * MINUTE + MINUTE, due, MINUTE):
        if clock(name, earlier).strftime("%H:%M") == by:  # shown sooner, but as the second pass
            assert zone(name).offset(earlier // 1000) < zone(name).offset(earlier // 1000 - 3 * 3600)


@given(name=st.sampled_from(ZONES), nominal=st.integers(ms("2010-01-01T00:00:00Z"), ms("2030-01-01T00:00:00Z")))
def test_a_later_scheduled_time_is_never_due_sooner(name: str, nominal: int) -> None:
    promise = Promise(finish_by="02:30")
    dues = [finish_due(promise, at, name) for at in range(nominal, nominal + 2 * DAY, 15 * MINUTE)]
    assert dues == sorted(due for due in dues if due is not None)


@pytest.mark.parametrize(
    "odd",
    [
        Promise(start_within=0),
        Promise(finish_within=-1),
        Promise(runs_at_most=1e308),
        Promise(success_within=1e11),
        Promise(finish_by="24:00"),
        Promise(disable_after=0),
    ],
)
def test_a_promise_that_nobody_can_have_written_is_not_sound(odd: Promise) -> None:
    assert not is_sound(odd)
    assert is_sound(Promise(start_within=1, success_within=366 * 86_400, finish_by="23:59", disable_after=1000))


@pytest.mark.parametrize(("written", "read"), [("00:00", 0), ("06:30", 23_400), ("23:59", 86_340)])
def test_a_time_of_day_is_hours_and_minutes(written: str, read: int) -> None:
    assert time_of_day(written) == read


@pytest.mark.parametrize(
    "written", ["", "6:30", "06:3", "24:00", "06:60", "0630", "06:30:00", "06.30", "٠٦:٣٠", "-1:30", "06:30\n"]
)
def test_what_is_no_time_of_day_is_none(written: str) -> None:
    assert time_of_day(written) is None
