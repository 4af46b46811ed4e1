"""A rehearsal tells what was told; and what clocks would have said, where no reading is stored."""

from __future__ import annotations

from tests.unit.model.notices.story import J, Story, clock
from waterclock.model.notices.inputs import Input, JobNow, Passed, Reading, Seen, Snapshot, Unread
from waterclock.model.notices.notice import Notice
from waterclock.model.notices.past.rehearsal import Rehearsal


class Recorded(Story):
    """A story that is written down as it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.inputs: list[Input] = []

    def give(self, given: Input) -> list[Notice]:
        self.inputs.append(given)
        return super().give(given)


def rehearsed(story: Recorded, *, stored: bool = True, end: str | None = None) -> list[Notice]:
    """What a rehearsal tells of it; `stored`: with the readings that told something."""
    created, *rest = story.inputs
    assert isinstance(created, Seen)
    job = JobNow(
        job_id=J,
        definition=created.event.definition,  # type: ignore[union-attr]
        version=1,
        defined=created.position,
        changed=created.position,
        quiet_since=created.at,
    )
    again = Rehearsal(story.book, Snapshot(positions=(created.position,), partitions=1, jobs=(job,)))
    if stored:
        again.expect(one for one in rest if isinstance(one, Reading))
    events = [one for one in rest if isinstance(one, Seen | Unread | Passed)]
    again.go_on(events)
    if end is not None:
        again.end(clock(end))
    return again.taken()


def nightly() -> Recorded:
    """A late run, one that fails, one that succeeds, and silence."""
    story = Recorded()
    story.job("09:00", start_within=300, success_within=7200)
    story.request("10:00")
    story.read("10:05:00.500")
    story.start("10:12")
    story.fail("10:13")
    story.request("11:00", "s")
    story.start("11:00:01", "s")
    story.read("11:00:00.200")  # of the silence since 9 o'clock
    story.succeed("11:30", "s")
    story.request("12:00", "t")
    story.start("12:00:01", "t")
    return story


def test_it_tells_what_was_told_by_the_readings_that_are_stored() -> None:
    story = nightly()
    assert story.kinds == ["late", "recovered", "failed", "silent", "recovered", "recovered"]
    assert rehearsed(story) == story.notices


def test_without_stored_readings_the_clock_is_that_of_the_latest_event() -> None:
    story = nightly()
    told = rehearsed(story, stored=False)
    assert [(one.kind, one.id) for one in told] == [(one.kind, one.id) for one in story.notices]
    late = told[0]
    assert (late.at, late.due) == (clock("10:12"), clock("10:05"))  # the run itself has answered


def test_at_its_end_what_was_due_by_then_is_judged() -> None:
    story = nightly()
    told = rehearsed(story, stored=False, end="14:00")
    assert [one.kind for one in told[len(story.notices) :]] == ["silent"]
    assert told[-1].due == clock("13:30")


def test_a_deadline_waits_for_a_stored_reading_no_longer_than_an_hour() -> None:
    story = Recorded()
    story.job("09:00", start_within=300)
    story.request("10:00")
    story.request("10:10", "other", trigger="manual")
    story.read("12:00")
    story.start("12:00:01")
    (late, recovered) = story.notices
    assert (late.at, recovered.kind) == (clock("12:00"), "recovered")
    by_event, _ = rehearsed(story)
    assert (by_event.kind, by_event.at) == ("late", clock("10:10"))
