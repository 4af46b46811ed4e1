"""The golden vectors of the schedule language, its zones and its refusals."""

import json
import re
import time
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Literal

import pytest
import tzdata

from tests.support.repository import GOLDEN
from waterclock.model.cron.schedule import (
    TZDATA_VERSION,
    BadSchedule,
    check_letters,
    described,
    local_time,
    parse,
    shift_note,
)

VECTORS = GOLDEN / "cron"


def vectors(name: str) -> list[dict[str, Any]]:
    return json.loads((VECTORS / name).read_text(encoding="utf-8"))


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def shown(instants: list[int]) -> list[str]:
    return [datetime.fromtimestamp(instant / 1000, UTC).isoformat() for instant in instants]


@pytest.mark.parametrize("vector", vectors("zones.json"), ids=lambda vector: vector["name"])
def test_a_change_of_the_local_clock_keeps_its_golden_vector(vector: dict[str, Any]) -> None:
    schedule = parse(
        vector["expression"],
        timezone=vector["timezone"],
        gap=vector.get("gap", "shift"),
        fold=vector.get("fold", "first"),
    )
    expected = [ms(text) for text in vector["instants"]]

    found = schedule.between(ms(vector["after"]), ms(vector["through"]))

    assert shown(found) == shown(expected), vector["says"]
    assert schedule.count_between(ms(vector["after"]), ms(vector["through"])) == len(expected)
    assert schedule.after(ms(vector["after"])) == expected[0]


@pytest.mark.parametrize("vector", vectors("language.json"), ids=lambda vector: vector["says"])
def test_an_expression_keeps_its_golden_vector(vector: dict[str, Any]) -> None:
    schedule = parse(vector["expression"], dialect=vector.get("dialect"))
    expected = [ms(text) for text in vector["instants"]]

    assert shown(schedule.between(ms(vector["after"]), expected[-1])) == shown(expected)


@pytest.mark.parametrize("vector", vectors("refused.json"), ids=lambda vector: vector["expression"])
def test_an_expression_is_refused_with_its_reason(vector: dict[str, Any]) -> None:
    with pytest.raises(BadSchedule) as refusal:
        parse(vector["expression"], dialect=vector.get("dialect"))

    assert refusal.value.field == "cronExpression"
    assert vector["says"] in refusal.value.message


def test_a_text_over_256_characters_is_refused_unread() -> None:
    started = time.process_time()
    with pytest.raises(BadSchedule, match="256 characters"):
        parse("9" * 100_000)
    assert time.process_time() - started < 0.05


def test_a_list_of_57_kb_is_refused_unread() -> None:
    started = time.process_time()
    with pytest.raises(BadSchedule, match="256 characters"):
        parse(",".join(["0"] * 28_500) + " * * * *")
    assert time.process_time() - started < 0.05


def test_the_worst_expression_is_read_in_good_time() -> None:
    wide = "0 0 0 29 2 ? " + ",".join(str(year) for year in range(1970, 2018))
    started = time.process_time()
    parse(wide[:256].rpartition(",")[0])
    assert time.process_time() - started < 0.05


def test_an_unknown_zone_is_refused_with_its_closest_names() -> None:
    with pytest.raises(BadSchedule, match=r"did you mean .*Europe/Berlin") as refusal:
        parse("0 0 * * *", timezone="Europe/Berln")
    assert refusal.value.field == "timezone"


@pytest.mark.parametrize("name", ["", "localtime", "posixrules", "../UTC", "/etc/localtime", "europe/berlin", "zones"])
def test_a_zone_is_one_of_the_names_of_the_database(name: str) -> None:
    with pytest.raises(BadSchedule):
        parse("0 0 * * *", timezone=name)


def test_two_zones_at_once_are_refused() -> None:
    with pytest.raises(BadSchedule, match="both set a zone"):
        parse("CRON_TZ=Europe/Berlin 0 0 * * *", timezone="Europe/Paris")


def test_an_unknown_dialect_is_refused() -> None:
    with pytest.raises(BadSchedule) as refusal:
        parse("0 0 * * *", dialect="aws")  # pyright: ignore[reportArgumentType]
    assert refusal.value.field == "cronDialect"


def test_a_year_field_runs_out() -> None:
    schedule = parse("0 0 0 1 1 ? 2025")
    assert schedule.after(ms("2024-06-01T00:00Z")) == ms("2025-01-01T00:00Z")
    assert schedule.after(ms("2025-01-01T00:00Z")) is None
    assert schedule.between(ms("2025-01-01T00:00Z"), ms("2030-01-01T00:00Z")) == []


def test_the_calendar_has_an_end_and_a_beginning() -> None:
    daily = parse("0 0 * * *", timezone="Europe/Berlin")
    assert daily.after(ms("9990-01-01T00:00Z")) is None
    assert daily.after(-(10**18)) is not None
    assert parse("@yearly").between(ms("9988-06-01T00:00Z"), ms("9999-01-01T00:00Z")) == [ms("9989-01-01T00:00Z")]


def test_equal_schedules_share_one_object() -> None:
    one = parse("*/5 * * * *", timezone="Europe/Berlin", seed="job-1")
    assert parse("*/5 * * * *", timezone="Europe/Berlin", seed="job-2") is one
    assert parse("*/5  *  * * *", timezone="Europe/Berlin") == one
    assert parse("*/5 * * * *", timezone="Europe/Paris") != one


def test_h_depends_on_the_job_and_on_nothing_else() -> None:
    picked = {seed: parse("H H(0-5) H * *", seed=seed).expression for seed in ("a", "b", "c")}
    assert picked == {"a": "1 0 11 * *", "b": "11 0 5 * *", "c": "6 4 12 * *"}


def test_h_spreads_jobs_over_all_values() -> None:
    minutes = {parse("H * * * *", seed=f"job-{n}").expression.split()[0] for n in range(1000)}
    assert {int(minute) for minute in minutes} == set(range(60))


def test_h_with_a_step_keeps_the_step() -> None:
    for n in range(50):
        minutes = [int(m) for m in parse("H/15 * * * *", seed=f"job-{n}").expression.split()[0].split(",")]
        assert [b - a for a, b in pairwise(minutes)] == [15, 15, 15]


def test_h_as_a_weekday_is_clear_in_every_dialect() -> None:
    resolved = {parse("0 0 0 ? * H", seed=f"job-{n}").expression.split()[5] for n in range(200)}
    assert resolved == {"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}


def test_a_phase_moves_every_but_not_its_period() -> None:
    schedule = parse("@every 90s", seed="job-1")
    found = schedule.between(0, 1_000_000)
    assert {b - a for a, b in pairwise(found)} == {90_000}
    assert parse("@every 90s", seed="job-1") == schedule
    assert len({parse("@every 90s", seed=f"job-{n}").expression for n in range(2000)}) == 90


def test_a_spring_gap_is_told_on_the_local_clock() -> None:
    schedule = parse("30 2 * * *", timezone="Europe/Berlin")
    moved = ms("2026-03-29T01:00Z")
    assert local_time(schedule, moved) == "2026-03-29T03:00:00+02:00"
    assert shift_note(schedule, moved) == "moved: the clock went forward"
    assert shift_note(schedule, moved + 86_400_000) is None


def test_an_autumn_overlap_is_told_pass_by_pass() -> None:
    schedule = parse("*/30 * * * *", timezone="Europe/Berlin")
    notes = [shift_note(schedule, at) for at in schedule.between(ms("2026-10-24T23:30Z"), ms("2026-10-25T02:00Z"))]
    first, second = "first pass: the clock is about to go back", "second pass: the clock went back"
    assert notes == [first, first, second, second, None]


@pytest.mark.parametrize("expression", ["0 */20 2 ? * SUN", "0 */20 2 25 10 ?", "0 */20 2 25 10 ? 2026"])
def test_the_second_pass_of_an_hour_is_next_however_far_the_one_after_it_is(expression: str) -> None:
    schedule = parse(expression, timezone="Europe/Berlin", dialect="unix")
    first = ms("2026-10-25T00:40:00Z")  # 02:40, twenty minutes before the clock goes back to 02:00

    following = schedule.after(first)

    assert following == ms("2026-10-25T01:00:00Z")
    assert schedule.between(first, ms("2026-10-25T01:00:00Z")) == [following]


def test_the_tz_database_is_the_one_of_the_lock_file() -> None:
    assert TZDATA_VERSION == tzdata.IANA_VERSION


@pytest.mark.parametrize("vector", vectors("words.json"), ids=lambda vector: vector["expression"])
def test_a_schedule_is_told_in_words(vector: dict[str, Any]) -> None:
    zone = vector.get("timezone", "UTC")
    told = described(parse(vector["expression"], timezone=zone, dialect=vector.get("dialect"), seed="job"))

    assert told == vector["says"] + f", {vector.get('shown', zone)}"


def test_every_readable_text_is_told_in_words() -> None:
    told = [described(parse(v["expression"], dialect=v.get("dialect"), seed="job")) for v in vectors("language.json")]
    assert all(re.fullmatch(r"(at|every) [^*/?]+, (UTC|Europe/Berlin)", one) for one in told), told


@pytest.mark.parametrize("dialect", ["unix", "quartz"])
@pytest.mark.parametrize(
    "text", ["1/2", "*/3", "2-6/2", "1-7/2", "SUN/3", "MON/2", "7/2", "MON-SUN/2", "SAT-SUN/1", "1,3-7/3", "7,FRI/1"]
)
def test_the_weekdays_told_are_those_that_fire(text: str, dialect: Literal["unix", "quartz"]) -> None:
    expression = f"0 0 0 ? * {text}"
    schedule = parse(expression, dialect=dialect)
    days = [datetime.fromtimestamp(at / 1000, UTC) for at in schedule.between(0, 7 * 86_400_000)]

    told = described(schedule)

    assert set(re.findall(r"(\w+day)s", told)) == {f"{day:%A}" for day in days}


@pytest.mark.parametrize(
    "text", ["0 9 * * FR\u0131", "0 9 * * \u017fUN", "0 9 * \uff2aAN *", "\u0663 * * * *", "0\u00a09 * * *"]
)
def test_what_only_reads_like_a_letter_or_digit_is_no_part_of_a_new_expression(text: str) -> None:
    with pytest.raises(BadSchedule, match="ASCII"):
        check_letters(text)


def test_a_stored_expression_with_such_a_letter_fires_on() -> None:
    assert parse("0 9 * * FR\u0131").expression == parse("0 9 * * FRI").expression
