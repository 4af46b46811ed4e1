"""Moments as people write them, and as they are shown."""

from __future__ import annotations

import re

import click
import hypothesis
import pytest
from click.testing import CliRunner
from hypothesis import strategies as st

from tests.unit.cli.test_command_line import last, typed
from waterclock.cli.options.arguments import at_option, since, times, until
from waterclock.cli.options.moments import moment, retold, seconds, shown, use_zone, zone_named
from waterclock.model.durations import query_moment_ms
from waterclock.model.timestamps import Stamp, millis, stamp

NOW = millis(Stamp("2026-11-28T02:30:00.000Z"))  # 03:30 in Berlin
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Pacific/Apia"])


@pytest.fixture(autouse=True)
def _in_berlin(monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction] - by pytest
    monkeypatch.setenv("TZ", "Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("now", "2026-11-28T02:30:00.000Z"),
        ("1h", "2026-11-28T01:30:00.000Z"),
        ("-8h", "2026-11-27T18:30:00.000Z"),
        ("8h ago", "2026-11-27T18:30:00.000Z"),
        ("2 days ago", "2026-11-26T02:30:00.000Z"),
        ("1h30m", "2026-11-28T01:00:00.000Z"),
        ("90 min", "2026-11-28T01:00:00.000Z"),
        ("0.5s", "2026-11-28T02:29:59.500Z"),
        ("1w", "2026-11-21T02:30:00.000Z"),
        ("+15m", "2026-11-28T02:45:00.000Z"),
        ("today", "2026-11-27T23:00:00.000Z"),
        ("Yesterday", "2026-11-26T23:00:00.000Z"),
        ("yesterday 22:15", "2026-11-27T21:15:00.000Z"),
        ("tomorrow", "2026-11-28T23:00:00.000Z"),
        ("2026-11-28", "2026-11-27T23:00:00.000Z"),
        ("2026-07-01", "2026-06-30T22:00:00.000Z"),
        ("2026-11-28 03:00", "2026-11-28T02:00:00.000Z"),
        ("2026-11-28T03:00:05.250", "2026-11-28T02:00:05.250Z"),
        ("3:00", "2026-11-28T02:00:00.000Z"),
        ("2026-10-25 02:30", "2026-10-25T00:30:00.000Z"),  # the first of two
    ],
)
def test_a_moment_is_read_as_it_is_said(text: str, meant: str) -> None:
    assert moment(text, now_ms=NOW) == meant


@pytest.mark.parametrize("text", ["2026-11-28T03:00:00+01:00", "2026-11-28t02:00:00z", "2026-11-28 02:00:00.123456Z"])
def test_rfc_3339_goes_to_the_api_as_it_is(text: str) -> None:
    assert moment(text, now_ms=NOW) == text


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("yesterday", "2026-11-27T22:59:59.999Z"),
        ("2026-03-29", "2026-03-29T21:59:59.999Z"),  # a day of 23 hours
        ("2026-10-25 02:30", "2026-10-25T01:30:00.000Z"),  # the second of two
        ("1h", "2026-11-28T01:30:00.000Z"),
    ],
)
def test_where_a_range_ends_a_day_is_meant_to_its_end(text: str, meant: str) -> None:
    assert moment(text, end=True, now_ms=NOW) == meant


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("1h", "2026-11-28T03:30:00.000Z"),
        ("-1h", "2026-11-28T01:30:00.000Z"),
        ("1h ago", "2026-11-28T01:30:00.000Z"),
        ("03:00", "2026-11-29T02:00:00.000Z"),
        ("04:00", "2026-11-28T03:00:00.000Z"),
        ("today 03:00", "2026-11-28T02:00:00.000Z"),
    ],
)
def test_of_what_is_to_come_a_span_and_a_time_of_day_lie_ahead(text: str, meant: str) -> None:
    assert moment(text, ahead=True, now_ms=NOW) == meant


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("noon", "is not a time: write 1h, yesterday"),
        ("", "is not a time"),
        ("5", "is not a time"),
        ("+1h ago", "is not a time"),
        ("2026-02-30", "is not a time"),
        ("2026-11-28 25:00", "is not a time"),
        ("1x", "is not a time"),
        ("h" * 100, "is not a time"),
        ("2026-03-29 02:30", "the clock went forward past 02:30 on 2026-03-29"),
        ("9999w 99999999w", "is out of range"),
        ("1900-01-01", "is out of range"),
        ("2026-11-28T03:00:00+99:00", "offset"),
    ],
)
def test_what_is_no_moment_says_how_one_is_written(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=re.escape(why)):
        moment(text, now_ms=NOW)


@hypothesis.given(text=st.text(max_size=30) | st.from_regex(r"\A[0-9 :smhdwTago+-]{0,20}\Z"))
def test_any_text_is_a_moment_or_refused(text: str) -> None:
    for end in (False, True):
        try:
            found = moment(text, end=end, ahead=not end, now_ms=NOW)
        except ValueError:
            continue
        assert query_moment_ms(found) >= 0


@hypothesis.given(ms=st.integers(0, 4_000_000_000_000), zone=ZONES)
def test_what_is_shown_says_its_zone_and_may_be_given_back(ms: int, zone: str) -> None:
    context = click.Context(click.Command("x"))
    with context:
        use_zone(context, zone_named(zone))
        said = shown(stamp(ms), exact=True)
        assert said is not None
        assert query_moment_ms(moment(said, now_ms=NOW)) == ms


def test_moments_are_shown_in_the_readers_zone() -> None:
    assert shown("2026-11-28T02:00:00.250Z") == "2026-11-28T03:00:00.250+01:00"
    assert shown("2026-11-28T02:00:00.250Z", exact=False) == "2026-11-28T03:00:00+01:00"
    assert shown("2026-11-28T02:00:00.000Z") == "2026-11-28T03:00:00+01:00"
    assert shown("2026-11-28T02:00:00.000Z", exact=True) == "2026-11-28T03:00:00.000+01:00"
    assert shown(None) is None
    assert shown("some day") == "some day"
    said = "Not due; the nearest are 2026-07-01T02:00:00.000Z and 2026-11-28T02:00:00.001Z, of 2026-11-28."
    wanted = "Not due; the nearest are 2026-07-01T04:00:00+02:00 and 2026-11-28T03:00:00.001+01:00, of 2026-11-28."
    assert retold(said) == wanted


@pytest.mark.parametrize("zone", ["Nowhere/Else", "CET-1CEST,M3.5.0,M10.5.0/3"])
def test_a_zone_that_only_the_machine_knows_is_left_to_it(monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    monkeypatch.setenv("TZ", zone)
    said = shown("2026-11-28T02:00:00.000Z")
    assert said is not None
    assert query_moment_ms(said) == millis(Stamp("2026-11-28T02:00:00.000Z"))


def test_a_span_is_a_duration() -> None:
    assert [seconds(text) for text in ("1h30m", "2 min", "-1h", "1h ago", "PT1H", "x")] == [5400, 120, *[None] * 4]


@click.command()
@since("…")
@until("…")
@at_option
@times
def verb(from_: str | None, to: str | None, run_at: str | None) -> None:
    click.echo(" ".join(filter(None, (from_, to, run_at, shown("2026-11-28T02:00:00.000Z")))))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "2026-11-28T03:00:00+01:00"),
        (("--utc",), "2026-11-28T02:00:00Z"),
        (("--since", "2026-11-28", "--utc"), "2026-11-28T00:00:00.000Z 2026-11-28T02:00:00Z"),
        (("--until=2026-11-28", "--zone", "Asia/Tokyo"), "2026-11-28T14:59:59.999Z 2026-11-28T11:00:00+09:00"),
    ],
)
def test_a_verb_reads_and_shows_in_the_zone_that_it_is_given(arguments: tuple[str, ...], said: str) -> None:
    done = CliRunner().invoke(verb, list(arguments))
    assert done.output == f"{said}\n", done.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("explain", "a/b", "--at", "noon"), "Invalid value for '--at': 'noon' is not a time: write 1h, yesterday"),
        (("run", "list", "--since", "noon"), "Invalid value for '--from' / '--since': 'noon' is not a time"),
        (("run", "list", "--zone", "Berlin"), "'Berlin' is not a time zone of the IANA database; did you mean"),
        (("job", "trigger", "a/b", "--at", "soon"), "'soon' is not a time"),
        (("run", "list", "--utc", "--zone", "Europe/Berlin"), "--utc and --zone cannot be combined: give one of them"),
    ],
)
def test_what_is_no_moment_or_zone_is_refused_before_anybody_is_asked(arguments: tuple[str, ...], said: str) -> None:
    code, told = typed(*arguments)
    assert (code, said in last(told)) == (2, True), told
