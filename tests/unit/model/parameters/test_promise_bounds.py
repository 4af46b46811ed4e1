"""Which promises no schedule can keep, and which it keeps on most days only."""

from __future__ import annotations

from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from waterclock.model.definition import Definition
from waterclock.model.ids import JobId
from waterclock.model.parameters.bounds import bound_flaws, change_flaws
from waterclock.model.parameters.promise_bounds import LISTED, intervals, promise_flaws, promise_notes, success_flaws
from waterclock.model.promise import Promise
from waterclock.model.timestamps import parse_moment

JOB = JobId("2q8h1k0v7m3c9d4e")
NOW = parse_moment("2026-11-30T12:00:00Z")
HOUR, DAY = 3600.0, 86_400.0  # s
MINUTE = 60_000  # ms


def promising(cron: str | None = "0 2 * * *", zone: str = "Europe/Berlin", **promised: Any) -> Definition:
    return Definition(
        job_name="nightly",
        invoke_target="report.daily",
        cron_expression=cron,
        timezone=zone,
        jitter=30,
        promise=Promise(**promised),
    )


@pytest.mark.parametrize(
    ("promised", "flawed"),
    [
        ({"start_within": 61, "finish_within": 60}, ["/promise/startWithin"]),
        ({"start_within": 60, "finish_within": 60}, []),
        ({"finish_by": "6:30"}, ["/promise/finishBy"]),
        ({"finish_by": "24:00"}, ["/promise/finishBy"]),
        ({"finish_by": "00:00"}, []),
        ({"runs_at_most": 10_000}, []),  # more than the timeout: that is allowed
    ],
)
def test_a_promise_that_contradicts_itself_is_refused(promised: dict[str, Any], flawed: list[str]) -> None:
    assert [flaw.pointer for flaw in promise_flaws(promising(**promised))] == flawed


@pytest.mark.parametrize(
    ("member", "value", "flawed"),
    [
        ("start_within", 60, "/promise/startWithin"),
        ("finish_within", 60, "/promise/finishWithin"),
        ("finish_by", "06:30", "/promise/finishBy"),
        ("disable_after", 3, "/promise/disableAfter"),
        ("runs_at_most", 60, None),
        ("success_within", 60, None),
    ],
)
def test_what_is_about_scheduled_runs_needs_a_schedule(member: str, value: Any, flawed: str | None) -> None:
    found = [flaw.pointer for flaw in promise_flaws(promising(None, **{member: value}))]
    assert found == ([] if flawed is None else [flawed])


@pytest.mark.parametrize(
    ("promised", "flawed"),
    [
        ({"start_within": 0}, "/promise/startWithin"),
        ({"finish_within": -1}, "/promise/finishWithin"),
        ({"runs_at_most": 367 * DAY}, "/promise/runsAtMost"),
        ({"success_within": 0.5}, "/promise/successWithin"),
        ({"disable_after": 0}, "/promise/disableAfter"),
        ({"disable_after": 1001}, "/promise/disableAfter"),
    ],
)
def test_what_is_out_of_its_range_is_refused(promised: dict[str, Any], flawed: str) -> None:
    assert [flaw.pointer for flaw in bound_flaws(promising(**promised))] == [flawed]


@pytest.mark.parametrize(
    ("cron", "within", "said"),
    [
        ("0 2 * * *", 22 * HOUR, "flaw"),  # the shortest day has 23 hours
        ("0 2 * * *", 23 * HOUR, "note"),
        ("0 2 * * *", 25 * HOUR, "note"),  # the longest has 25, and no run takes no time
        ("0 2 * * *", 26 * HOUR, None),
        ("0 2 * * 1-5", 26 * HOUR, "note"),  # over the weekend
        ("0 2 * * 1-5", 74 * HOUR, None),
        ("0 0 29 2 *", 366 * DAY, "flaw"),  # each four years
        ("0 0 1 1 *", 365 * DAY, "note"),
        ("* * * * *", 60, "note"),
        ("* * * * *", 59, "flaw"),
        ("@every 90s", 91, None),
    ],
)
def test_successes_are_promised_no_more_often_than_the_job_is_due(cron: str, within: float, said: str | None) -> None:
    definition = promising(cron, success_within=within)
    flaws, notes = [*success_flaws(JOB, definition, NOW)], [*promise_notes(JOB, definition, NOW)]
    assert {"flaw": (1, 0), "note": (0, 1), None: (0, 0)}[said] == (len(flaws), len(notes))
    assert all(one.pointer == "/promise/successWithin" for one in flaws + notes)


def test_a_job_that_is_due_once_more_may_promise_any_success() -> None:
    assert intervals(JOB, promising("0 0 0 1 1 ? 2027", success_within=60), NOW) is None
    assert intervals(JOB, promising("no cron", success_within=60), NOW) is None
    assert intervals(JOB, promising(None, success_within=60), NOW) is None


def test_the_longest_interval_of_a_rare_schedule_is_the_one_over_the_end_of_the_year() -> None:
    found = intervals(JOB, promising("0 0 1 1,3 *", "UTC"), NOW)
    assert found is not None
    assert (found.shortest, found.longest) == (59 * DAY * 1000, 306 * DAY * 1000)
    assert found.begins == parse_moment("2027-03-01T00:00:00Z")


@hypothesis.given(every=st.integers(1, 59))
def test_a_frequent_schedule_is_looked_at_as_far_as_it_tells(every: int) -> None:
    definition = promising(f"*/{every} * * * *", "UTC")
    found = intervals(JOB, definition, NOW)
    assert found is not None
    assert found.longest == every * MINUTE
    assert found.shortest == (60 - 59 // every * every) * MINUTE
    assert LISTED * MINUTE > 7 * DAY * 1000  # a week of one that is due each minute


def test_runs_that_jitter_may_delay_longer_are_told_of() -> None:
    told = {one.pointer: one.message for one in promise_notes(JOB, promising(start_within=30, finish_within=31), NOW)}
    assert told == {
        "/promise/startWithin": "is not longer than jitter (30 s), which delays runs: it will be broken at times"
    }


def test_what_was_promised_before_is_not_asked_again_while_the_schedule_stays() -> None:
    before = promising("0 0 29 2 *", success_within=60)
    assert [flaw.pointer for flaw in change_flaws(JOB, before, None, now=NOW)] == ["/promise/successWithin"]
    assert list(change_flaws(JOB, before, before, now=NOW)) == []
    after = promising("0 0 28 2 *", success_within=60)
    assert [flaw.pointer for flaw in change_flaws(JOB, after, before, now=NOW)] == ["/promise/successWithin"]
