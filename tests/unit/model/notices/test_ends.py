"""Ends of runs and instants without one: what is told, how often, and until when."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.unit.model.notices.story import ALL, NIGHTLY, J, Story, clock, promising
from waterclock.model.events import FireCoalesced
from waterclock.model.ids import RunId
from waterclock.model.notices.facts import Place
from waterclock.model.notices.rules import Match
from waterclock.model.timestamps import stamp


def test_a_failing_job_is_told_once_until_it_succeeds_again() -> None:
    story = Story()
    story.job()

    (failed,) = story.failing("10:00", "a")
    assert story.failing("10:05", "b") == []
    (recovered,) = story.succeeding("10:10", "c")

    assert (failed.kind, failed.job, failed.run, failed.group, failed.name) == (
        "failed",
        J,
        "j1-a",
        "reports",
        "nightly",
    )
    assert (failed.at, failed.instant, failed.position) == (clock("10:00"), clock("10:00"), "0-1-4")
    assert (recovered.kind, recovered.recovers, recovered.of) == ("recovered", "failed", failed.id)
    assert (recovered.since, recovered.count, recovered.run) == (clock("10:00"), 2, "j1-c")


def test_a_rule_may_wait_for_several_bad_ends_in_a_row_of_whatever_kind() -> None:
    story = Story(replace(ALL, after=3))
    story.job()

    story.failing("10:00", "a")
    story.request("10:01", "b")
    story.time_out("10:02", "b")
    assert story.notices == []
    (told,) = story.failing("10:03", "c")

    assert (told.kind, told.count, told.since) == ("failed", 3, clock("10:00"))


def test_a_success_in_between_begins_the_row_anew() -> None:
    story = Story(replace(ALL, after=2))
    story.job()
    story.failing("10:00", "a")
    story.succeeding("10:01", "b")

    assert story.failing("10:02", "c") == []


def test_recovered_is_told_only_to_those_who_ask() -> None:
    story = Story(replace(ALL, on=("failed",)))
    story.job()
    story.failing("10:00", "a")

    assert story.succeeding("10:01", "b") == []


@pytest.mark.parametrize(("reason", "told"), [("requested", 1), ("replaced", 1), ("jobDisabled", 0), ("jobDeleted", 0)])
def test_what_a_disable_cancels_is_not_told(reason: str, told: int) -> None:
    story = Story()
    story.job()
    story.request("10:00")

    assert len(story.cancel("10:01", reason=reason)) == told


def test_each_rule_is_told_of_the_jobs_that_it_matches() -> None:
    rules = [
        replace(ALL, name="here", match=Match(group="reports", labels={"tier": "x"})),
        replace(ALL, name="elsewhere", match=Match(group="sea")),
        replace(ALL, name="others", match=Match(labels={"tier": "y"})),
        replace(ALL, name="by name", match=Match(job="nightly", queue="default")),
    ]
    story = Story(*rules)
    story.job()

    assert [one.rule for one in story.failing("10:00", "a")] == ["here", "by name"]


def test_a_run_is_bound_by_the_definition_of_its_request() -> None:
    story = Story(replace(ALL, match=Match(group="reports")))
    story.job()
    story.request("10:00", "a")
    story.edit("10:01", replace(NIGHTLY, job_group="sea"))
    story.request("10:02", "b")

    assert story.fail("10:03", "b") == []
    (told,) = story.fail("10:03", "a")
    assert told.group == "reports"


def test_a_run_without_a_job_is_told_each_time_and_recovers_from_nothing() -> None:
    story = Story(replace(ALL, after=3))
    for run in ("a", "b"):
        story.request("10:00", run, trigger="manual", alone=True)

    assert [one.kind for one in (*story.fail("10:01", "a", alone=True), *story.fail("10:02", "b", alone=True))] == [
        "failed",
        "failed",
    ]


def test_a_run_that_outlives_its_job_is_told_of_by_itself() -> None:
    story = Story()
    story.job()
    story.request("10:00")
    story.start("10:00")
    story.delete("10:01")

    (told,) = story.fail("10:02")
    assert (told.kind, told.name) == ("failed", "nightly")
    assert [type(fact) for fact in story.facts] == [Place]


def test_a_reminder_comes_while_it_lasts_and_only_once_for_all_that_were_missed() -> None:
    story = Story(replace(ALL, remind=3_600.0))
    story.job()
    (failed,) = story.failing("10:00", "a")

    assert story.read("11:00") == []
    story.failing("11:30", "later")
    (first,) = story.read("14:30")
    assert story.read("15:30") == []
    (second,) = story.read("15:31")
    story.succeeding("15:32", "b")

    assert [(one.kind, one.reminder, one.of, one.since) for one in (first, second)] == [
        ("failed", 1, failed.id, clock("10:00")),
        ("failed", 2, failed.id, clock("10:00")),
    ]
    assert (first.run, first.instant, first.count) == ("j1-later", clock("11:30"), 2)
    assert story.read("20:00") == []


def test_a_skip_is_missing_where_something_is_promised_and_told_once() -> None:
    story = Story()
    story.job(start_within=60)

    (told,) = story.skip("10:02", count=3)
    assert story.skip("10:03") == []

    assert (told.kind, told.reason, told.count) == ("missing", "overlap", 3)
    assert (told.instant, told.last) == (clock("10:00"), clock("10:02"))


@pytest.mark.parametrize(
    ("on", "promised", "told"),
    [
        (("missing", "skipped"), False, ["skipped"]),
        (("skipped",), True, ["skipped"]),
        (("missing",), False, []),
    ],
)
def test_a_skip_is_told_as_what_the_rule_asks_for(on: tuple[str, ...], promised: bool, told: list[str]) -> None:
    story = Story(replace(ALL, on=on))
    story.job(definition=promising(NIGHTLY, runs_at_most=60) if promised else NIGHTLY)

    assert [one.kind for one in story.skip("10:00")] == told


@pytest.mark.parametrize("reason", ["edited", "disabled", "deleted"])
def test_a_skip_that_a_change_explains_is_void(reason: str) -> None:
    story = Story()
    story.job()

    assert story.skip("10:00", reason) == []  # pyright: ignore[reportArgumentType]


def test_a_merged_instant_is_kept_by_the_run_that_it_was_merged_into() -> None:
    story = Story()
    story.job(start_within=60)
    story.request("10:00")
    at = stamp(clock("10:01"))
    story.event(
        "10:01",
        FireCoalesced(job_id=J, first=at, last=at, count=1, digest="0", after=at, through=at, into=RunId("j1-r")),
    )
    story.start("10:01")

    assert story.read("12:00") == []
