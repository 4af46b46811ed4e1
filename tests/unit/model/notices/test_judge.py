"""Rules that change, and what is odd. That all rules hold together is what the simulation tries."""

from __future__ import annotations

from msgspec.structs import replace

from tests.unit.model.notices.story import ALL, NIGHTLY, J, Story, clock
from waterclock.model.events import JobCreated, RunDied
from waterclock.model.ids import RunId
from waterclock.model.notices.facts import Place, Silence, job_key, silence_key
from waterclock.model.notices.inputs import Seen, Unread
from waterclock.model.notices.judge import JUDGED_TYPES, judge
from waterclock.model.notices.rules import Match
from waterclock.model.positions import Position


def test_a_rule_that_is_renamed_closes_its_breaks_and_a_new_one_begins_at_the_present() -> None:
    story = Story(replace(ALL, remind=60.0))
    story.job()
    story.failing("10:00", "a")
    story.rules(replace(ALL, name="renamed"))

    assert story.read("12:00") == []
    assert [(one.rule, one.kind, one.count) for one in story.failing("12:01", "b")] == [("renamed", "failed", 2)]


def test_a_rule_that_names_a_kind_no_more_closes_its_breaks_of_it() -> None:
    story = Story(replace(ALL, remind=60.0))
    story.job(start_within=60)
    story.request("10:00")
    story.read("10:02")
    story.rules(replace(ALL, on=("failed", "recovered"), remind=60.0))

    assert story.read("12:00") == []
    assert story.start("12:01") == []


def test_what_was_judged_before_is_not_judged_again() -> None:
    story = Story()
    story.job()
    story.failing("10:00", "a")
    seen = Seen(
        position=story.last,
        at=clock("10:00"),
        event=RunDied(run_id=RunId("j1-a"), job_id=J, reason="storeLost", attempt=0, fence=0),
    )

    assert story.give(seen) == []


def test_an_event_that_nobody_can_read_is_told_and_ends_its_run_as_its_tag_says() -> None:
    story = Story()
    story.job()
    story.request("10:00")
    story.last = story.last._replace(seq=story.last.seq + 1)
    run = RunId("j1-r")
    unread = Unread(position=story.last, at=clock("10:01"), flaw="no JSON", job_id=J, run_id=run, ends="failed")

    told = story.give(unread)
    assert [(one.kind, one.name, one.reason) for one in told] == [
        ("unreadable", "nightly", "no JSON"),
        ("failed", "nightly", None),
    ]


def test_an_event_of_nobody_that_nobody_can_read_is_for_rules_about_all_jobs() -> None:
    story = Story(ALL, replace(ALL, name="some", match=Match(group="reports")))

    assert [one.rule for one in story.give(Unread(position=Position(0, 1, 1), at=0, flaw="no JSON"))] == ["all"]


def test_facts_stay_as_they_are_until_the_changes_are_applied() -> None:
    story = Story()
    seen = Seen(position=Position(0, 1, 1), at=0, event=JobCreated(job_id=J, version=1, definition=NIGHTLY))
    judged = judge(story.book, story.facts, seen)

    assert list(story.facts) == []
    assert set(judged.changes) == {"job j1", "place 0"}


def test_the_judge_says_which_events_it_looks_at() -> None:
    assert "run.failed" in JUDGED_TYPES
    assert "step.log" not in JUDGED_TYPES


def test_a_place_remembers_the_greatest_time_by_which_a_rehearsal_goes() -> None:
    story = Story()
    story.job("10:00")
    story.edit("09:00")

    (place,) = [fact for fact in story.facts if isinstance(fact, Place)]
    assert (place.position, place.latest) == (story.last, clock("10:00"))


def test_nothing_that_has_no_job_any_more_stays_due() -> None:
    story = Story(replace(ALL, remind=60.0))
    story.job(success_within=60)
    story.read("10:00")
    story.facts.apply({job_key(J): None, silence_key(J): Silence(job=J, until=clock("10:00"))})

    assert story.read("12:00") == []
    assert story.facts.due_by(clock("23:00")) == []
