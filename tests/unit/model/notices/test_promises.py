"""Broken promises are known, whether a rule names them or not."""

from __future__ import annotations

from tests.unit.model.notices.story import Story, clock
from waterclock.model.notices.facts import Break, Trouble
from waterclock.model.notices.rule_book import PROMISED
from waterclock.model.notices.rules import Match, Rule

OTHERS = Rule(name="others", match=Match(group="others"), on=("late", "missing"), channels=("oncall",))


def broken(story: Story) -> list[Break]:
    """What is broken now, as the facts know it."""
    troubles = [fact for fact in story.facts if isinstance(fact, Trouble)]
    return [one for trouble in troubles for one in trouble.breaks if one.rule == PROMISED.name]


def test_a_late_start_is_known_until_the_run_starts_though_no_rule_names_it() -> None:
    story = Story(OTHERS)
    story.job(start_within=300)
    story.request("10:00")
    story.read("10:05:00.001")
    (late,) = broken(story)
    assert (late.kind, late.since, late.instant, late.due) == (
        "late",
        clock("10:05"),
        clock("10:00"),
        clock("10:05"),
    )
    (noted,) = story.broken
    assert (noted.kind, noted.what, noted.run, noted.instant, noted.due) == (
        "late",
        "start",
        "j1-r",
        clock("10:00"),
        clock("10:05"),
    )
    assert noted.at == clock("10:05:00.001")
    story.start("10:12")
    assert broken(story) == []
    assert len(story.broken) == 1
    assert story.notices == []


def test_a_run_that_starts_in_time_breaks_nothing() -> None:
    story = Story(OTHERS)
    story.job(start_within=300)
    story.request("10:00")
    story.start("10:05")
    story.read("11:00")
    assert (broken(story), story.broken) == ([], [])


def test_a_skipped_time_of_a_job_that_promises_something_is_broken_until_a_success() -> None:
    story = Story(OTHERS)
    story.job(runs_at_most=60)
    story.skip("10:00", count=3)
    (noted,) = story.broken
    assert (noted.kind, noted.instant, noted.last, noted.due) == ("missing", clock("09:58"), clock("10:00"), None)
    (missing,) = broken(story)
    assert (missing.kind, missing.count) == ("missing", 3)
    story.succeeding("11:00", "r2")
    assert broken(story) == []


def test_a_job_that_promises_nothing_breaks_nothing() -> None:
    story = Story(OTHERS)
    story.job()
    story.skip("10:00")
    assert (broken(story), story.broken) == ([], [])


def test_an_attempt_that_takes_too_long_and_a_silent_job_are_known() -> None:
    story = Story(OTHERS)
    story.job("09:00", runs_at_most=60, success_within=3600)
    story.request("09:30", trigger="manual")
    story.start("09:30")
    story.read("09:31:01")
    story.read("10:00:01")
    assert [(one.kind, one.due) for one in broken(story)] == [("tooLong", clock("09:31")), ("silent", clock("10:00"))]
    assert [(one.kind, one.attempt) for one in story.broken] == [("tooLong", 1), ("silent", None)]
    story.succeed("10:10")
    assert broken(story) == []


def test_each_late_run_of_a_catch_up_is_noted_and_the_break_is_one() -> None:
    story = Story(OTHERS)
    story.job(start_within=60)
    for name, nominal in (("a", "08:00"), ("b", "08:30")):
        story.request("10:00", name, nominal=nominal, trigger="catchup")
    story.read("10:00:01")
    assert [(one.run, one.instant) for one in story.broken] == [("j1-a", clock("08:00")), ("j1-b", clock("08:30"))]
    (late,) = broken(story)
    assert late.outstanding == 1
    story.start("10:02", "a")
    assert len(broken(story)) == 1
    story.start("10:03", "b")
    assert broken(story) == []


def test_a_disabled_job_has_nothing_broken_and_what_was_broken_stays_noted() -> None:
    story = Story(OTHERS)
    story.job(start_within=300)
    story.request("10:00")
    story.read("10:06")
    story.disable("10:07")
    assert broken(story) == []
    assert len(story.broken) == 1


def test_what_is_broken_outlives_rules() -> None:
    story = Story(OTHERS)
    story.job(start_within=300)
    story.request("10:00")
    story.read("10:06")
    story.rules(Rule(name="new", on=("failed",), channels=("oncall",)))
    assert [one.kind for one in broken(story)] == ["late"]


def test_it_is_noted_once_however_often_it_is_judged() -> None:
    story = Story(OTHERS)
    story.job(start_within=300)
    story.request("10:00")
    for at in ("10:06", "10:07", "10:08"):
        story.read(at)
    assert len(story.broken) == 1
