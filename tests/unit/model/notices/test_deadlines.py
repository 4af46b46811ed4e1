"""Deadlines of runs: kept, broken by an answer, or by a reading of the clock."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.unit.model.notices.story import ALL, NIGHTLY, J, Story, clock
from waterclock.model.ids import partition_of
from waterclock.model.notices.inputs import Passed, Reading
from waterclock.model.notices.rules import Match
from waterclock.model.positions import Position
from waterclock.model.timestamps import stamp


def test_a_run_that_starts_at_its_deadline_keeps_it_and_a_moment_later_does_not() -> None:
    story = Story()
    story.job(start_within=60)
    story.request("10:00", "a")
    story.request("10:05", "b")

    assert story.start("10:01", "a") == []
    late, recovered = story.start("10:06:00.001", "b")

    assert (late.kind, late.what, late.due, late.since) == ("late", "start", clock("10:06"), clock("10:06"))
    assert (recovered.kind, recovered.recovers, recovered.of) == ("recovered", "late", late.id)


def test_what_has_no_answer_is_late_by_a_reading_past_it() -> None:
    story = Story()
    story.job(start_within=60)
    story.request("10:00")

    assert story.read("10:01") == []
    (late,) = story.read("10:01:00.001")
    assert story.read("10:30") == []
    (recovered,) = story.start("10:31")

    assert (late.kind, late.at, late.position) == ("late", clock("10:01:00.001"), "0-1-2")
    assert recovered.of == late.id


def test_a_deadline_is_told_by_one_id_whether_an_event_or_a_reading_judges_it() -> None:
    ids: set[str] = set()
    for read in (True, False):
        story = Story()
        story.job(start_within=60)
        story.request("10:00")
        if read:
            story.read("11:00")
        story.start("11:00")
        ids.add(next(one.id for one in story.notices if one.kind == "late"))

    assert len(ids) == 1


def test_what_stands_after_a_reading_is_late_whatever_its_time() -> None:
    story = Story()
    story.job(start_within=60)
    story.request("10:00")
    story.read("10:02")

    assert [one.kind for one in story.start("10:00:30")] == ["recovered"]
    assert story.kinds == ["late", "recovered"]


def test_a_reading_judges_when_all_before_it_is_judged_and_not_when_it_knows_less() -> None:
    story = Story()
    story.job(start_within=60)
    story.request("10:00")

    assert story.read("10:02", behind=1) == []
    assert story.read("10:02", behind=-1) == []
    story.last = story.last._replace(seq=story.last.seq + 1)
    story.give(Passed(position=story.last))
    assert [one.kind for one in story.read("10:02")] == ["late"]


def test_a_reading_of_an_earlier_epoch_says_nothing() -> None:
    story = Story()
    story.job(start_within=60)
    story.request("10:00")
    story.give(Passed(position=Position(0, 2, 1)))

    assert story.give(Reading(clock=clock("12:00"), last=Position(0, 1, 9_999), partitions=1)) == []


def test_deadlines_are_judged_by_the_partition_that_the_job_is_in_now() -> None:
    story = Story()
    story.job(start_within=60)
    story.request("10:00")
    home = partition_of(J, 5)
    assert home != 0
    story.give(Passed(position=Position(home, 9, 1)))

    assert story.read("12:00", partitions=5) == []
    assert [one.kind for one in story.give(Reading(clock=clock("12:00"), last=Position(home, 9, 1), partitions=5))] == [
        "late"
    ]


def test_a_run_that_ends_badly_after_its_deadline_has_not_recovered() -> None:
    story = Story()
    story.job(finish_within=60)
    story.request("10:00")
    story.start("10:00")
    story.read("10:02")
    story.fail("10:03")

    assert story.kinds == ["late", "failed"]


@pytest.mark.parametrize(
    ("night", "nominal", "by", "due"),
    [
        ("a gap", "2026-03-28T23:00:00.000Z", "02:30", "2026-03-29T01:00:00.000Z"),
        ("a fold", "2026-10-24T22:00:00.000Z", "02:30", "2026-10-25T00:30:00.000Z"),
        ("after the first pass", "2026-10-25T00:45:00.000Z", "02:30", "2026-10-26T01:30:00.000Z"),
    ],
)
@pytest.mark.parametrize(
    "named", [{"timezone": "Europe/Berlin"}, {"cron_expression": "CRON_TZ=Europe/Berlin 0 1 * * *"}]
)
def test_a_time_of_day_counts_in_the_zone_of_the_schedule(
    named: dict[str, str], night: str, nominal: str, by: str, due: str
) -> None:
    story = Story()
    story.job(nominal, definition=replace(NIGHTLY, **named), finish_by=by)
    story.request(nominal)
    story.start(nominal)

    assert story.read(due) == []
    (late,) = story.read(stamp(clock(due) + 1))
    assert (late.what, late.due) == ("finish", clock(due)), night


@pytest.mark.parametrize("trigger", ["manual", "backfill", "retry"])
def test_what_no_schedule_asked_for_is_never_late_but_may_take_too_long(trigger: str) -> None:
    story = Story()
    story.job(start_within=60, finish_within=60, runs_at_most=600)
    story.request("10:00", trigger=trigger, nominal="08:00")  # pyright: ignore[reportArgumentType]
    story.start("11:00")

    assert [one.kind for one in story.read("12:00")] == ["tooLong"]


def test_each_attempt_may_take_too_long_and_what_follows_it_says_no_recovery() -> None:
    story = Story()
    story.job(runs_at_most=60)
    story.request("10:00")
    story.start("10:00")
    (first,) = story.read("10:02")
    story.retry("10:03")
    story.start("10:04", attempt=2)
    assert story.read("10:05") == []
    (second,) = story.read("10:06")
    (recovered,) = story.succeed("10:07")

    assert [(one.kind, one.attempt) for one in (first, second)] == [("tooLong", 1), ("tooLong", 2)]
    assert recovered.of == second.id


def test_a_lost_attempt_takes_no_longer() -> None:
    story = Story()
    story.job(runs_at_most=60)
    story.request("10:00")
    story.start("10:00")
    story.lose("10:00:30")

    assert story.read("11:00") == []


def test_several_late_runs_are_one_break_that_the_last_of_them_ends() -> None:
    story = Story()
    story.job(start_within=60)
    for run in ("a", "b"):
        story.request("10:00", run)
    assert [one.run for one in story.read("10:05")] == ["j1-a"]
    assert story.start("10:06", "a") == []
    (recovered,) = story.start("10:07", "b")

    assert recovered.count == 2


def test_a_catch_up_is_one_subject() -> None:
    story = Story()
    story.job(start_within=60)
    for run, nominal in (("a", "08:00"), ("b", "08:30"), ("c", "09:00")):
        story.request("10:00", run, trigger="catchup", nominal=nominal)

    (late,) = story.start("10:00", "a")
    assert story.start("10:01", "b") == []
    (recovered,) = story.start("10:02", "c")

    assert (late.kind, late.instant, recovered.of) == ("late", clock("08:00"), late.id)
    assert recovered.count == 1


def test_two_catch_ups_are_two_subjects() -> None:
    story = Story()
    story.job(start_within=60)
    story.request("10:00", "a", trigger="catchup", nominal="08:00")
    story.request("12:00", "b", trigger="catchup", nominal="11:00")

    assert [one.kind for one in story.start("12:01", "a")] == ["late", "recovered"]
    assert [one.kind for one in story.start("12:01", "b")] == ["late", "recovered"]


def test_a_disable_closes_what_is_open_and_nobody_is_told() -> None:
    story = Story(replace(ALL, remind=60.0))
    story.job(start_within=60, runs_at_most=60, success_within=60)
    story.request("10:00", "a")
    story.start("10:00", "a")
    story.request("10:00", "b")
    story.read("10:10")
    told = len(story.notices)
    story.disable("10:11")

    assert story.read("20:00") == []
    story.enable("20:00")
    story.cancel("20:00", "b", reason="jobDisabled")
    story.succeed("20:01", "a")
    assert len(story.notices) == told


def test_a_mark_of_a_break_that_is_closed_does_not_end_a_later_one() -> None:
    here, there = NIGHTLY, replace(NIGHTLY, job_group="sea")
    story = Story(replace(ALL, on=("late", "recovered"), match=Match(group="reports")))
    story.job(start_within=60)
    story.request("10:00", "a")
    story.read("10:02")
    story.edit("10:03", there, start_within=60)
    story.edit("10:04", here, start_within=60)
    story.request("10:05", "b")
    (second,) = story.read("10:10")

    assert story.start("10:11", "a") == []
    (recovered,) = story.start("10:12", "b")
    assert recovered.of == second.id


def test_a_deadline_that_a_jump_has_passed_over_is_due_a_minute_after_it() -> None:
    story = Story()
    story.job(start_within=600)
    story.request("10:00", "a")
    story.request("10:00", "b")

    assert story.read("12:00", expected="10:05") == []
    assert story.start("12:01", "a") == []
    assert story.read("12:01") == []
    (late,) = story.read("12:01:00.001")
    assert (late.run, late.due) == ("j1-b", clock("10:10"))


def test_a_reading_that_may_not_judge_yet_tells_of_the_jump_all_the_same() -> None:
    story = Story()
    story.job(start_within=600)
    story.request("10:00")
    story.read("12:00", expected="10:05", behind=1)

    assert story.start("12:00:30") == []


def test_two_seconds_are_no_jump() -> None:
    story = Story()
    story.job(start_within=1)
    story.request("10:00")

    assert [one.kind for one in story.read("10:00:02.500", expected="10:00:00.500")] == ["late"]


def test_a_stale_reading_tells_of_no_jump() -> None:
    story = Story()
    story.job(start_within=600)
    story.request("10:00")
    story.read("12:00", expected="10:05", behind=-1)

    assert [one.kind for one in story.read("12:00")] == ["late"]
