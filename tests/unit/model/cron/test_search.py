"""How far a search for the next instant goes, and that what it leaves out holds nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import resources

import pytest

from waterclock.model.cron.days import Calendar, DayRule
from waterclock.model.cron.schedule import parse
from waterclock.model.cron.zones import DAY, Zone, zone

NOW = int(datetime(2026, 11, 28, tzinfo=UTC).timestamp()) * 1000
ZONES = resources.files("tzdata").joinpath("zones").read_text(encoding="ascii").split()
NEVER = [
    ("0 30 2 ? 3 SUNL", "Europe/Berlin"),
    ("0-59 30 2 ? 3 SUNL", "Europe/Berlin"),
    ("0 * 2 ? 3 SUNL", "Europe/Berlin"),
    ("0 30 2 ? 3 SUNL 2027-2099", "Europe/Berlin"),
    ("0 30 2 ? 3 SUN#2", "America/New_York"),
    ("0 30 2 ? 10 SUN#1", "Australia/Sydney"),
    ("0 30 0 ? 3 SUNL", "Asia/Beirut"),
]


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Each stretch of a zone that is looked at."""
    seen: list[int] = []
    look = Zone.stretch

    def counted(self: Zone, second: int) -> object:
        seen.append(second)
        return look(self, second)

    monkeypatch.setattr(Zone, "stretch", counted)
    return seen


@pytest.mark.parametrize(("expression", "name"), NEVER)
def test_a_schedule_that_never_fires_is_told_after_few_years_and_then_at_once(
    expression: str, name: str, looks: list[int]
) -> None:
    seen = looks
    schedule = parse(expression, timezone=name, dialect="quartz", gap="skip")
    assert schedule.after(NOW) is None
    assert len(seen) < 500
    seen.clear()
    assert [schedule.after(NOW + later * 86_400_000) for later in range(1000)] == [None] * 1000
    assert seen == []


def test_what_fired_once_and_never_again_is_still_found_where_it_did() -> None:
    schedule = parse("0 30 2 ? 3 SUNL", timezone="Europe/Berlin", dialect="quartz", gap="skip")
    assert schedule.after(NOW) is None
    found = schedule.after(0)
    assert found is not None
    assert found < NOW
    assert schedule.after(NOW) is None


def test_a_year_far_away_is_found_though_nothing_is_named_before() -> None:
    schedule = parse("0 30 2 ? 3 SUNL 2098", timezone="Europe/Berlin", dialect="quartz")
    assert schedule.after(NOW) == int(datetime(2098, 3, 30, 1, tzinfo=UTC).timestamp()) * 1000


def test_every_rule_that_names_a_day_names_one_within_the_span_of_all_kinds_of_year() -> None:
    none: frozenset[int] = frozenset()
    rare = DayRule(
        days=frozenset({29}), weekdays=none, nth=frozenset({(1, 5)}), both=True, months=frozenset({2}), years=None
    )
    calendar = Calendar(rare)
    days = [calendar.at_or_after(day) for day in range(0, 400 * 366, 97)]
    assert None not in days
    assert max(found - day for day, found in zip(range(0, 400 * 366, 97), days, strict=True) if found) < 41 * 366


@pytest.mark.parametrize("year", [2100, 2396])
def test_a_year_by_the_rule_of_a_zone_is_as_the_database_reckons_it(year: int) -> None:
    first = int(datetime(year, 1, 1, tzinfo=UTC).timestamp())
    for name in ZONES:
        here = zone(name)
        for second in range(first, first + 365 * DAY, 5 * DAY + 7_919):
            stretch = here.stretch(second)
            assert stretch.start <= second < stretch.end
            assert stretch.offset == here.offset(second) == here.offset(stretch.end - 1), (name, second)
            assert stretch.before == here.offset(stretch.start - 1), (name, second)
