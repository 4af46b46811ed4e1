"""Where the judge begins, and where it goes on behind a hole."""

from __future__ import annotations

from msgspec.structs import replace

from tests.unit.model.notices.story import ALL, NIGHTLY, J, Story, clock, promising
from waterclock.model.ids import JobId, RunId, partition_of
from waterclock.model.notices.inputs import Hole, JobNow, RunNow, Snapshot
from waterclock.model.notices.known import Facts
from waterclock.model.notices.snapshots import begin
from waterclock.model.positions import Position
from waterclock.model.timestamps import stamp


def now(*, barred: int | None = None, **promise: float) -> JobNow:
    return JobNow(
        job_id=J,
        definition=promising(NIGHTLY, **promise),
        version=3,
        defined=Position(0, 1, 2),
        changed=Position(0, 1, 2),
        quiet_since=clock("09:30"),
        barred=None if barred is None else Position(0, 1, barred),
    )


def run_now(*, requested: int = 5, started: str | None = None) -> RunNow:
    return RunNow(
        run_id=RunId("j1-r"),
        trigger="schedule",
        requested=Position(0, 1, requested),
        requested_at=clock("10:00"),
        queue="default",
        job_id=J,
        definition=promising(NIGHTLY, start_within=60, runs_at_most=600),
        defined=Position(0, 1, 2),
        nominal_at=stamp(clock("10:00")),
        started=started is not None,
        attempt=int(started is not None),
        attempt_at=None if started is None else clock(started),
    )


def begun(*runs: RunNow, job: JobNow) -> Story:
    story = Story()
    story.last = Position(0, 1, 9)
    judged = begin(story.book, Snapshot(positions=(story.last,), partitions=1, jobs=(job,), runs=runs))
    assert not judged.notices
    story.facts = Facts()
    story.facts.apply(judged.changes)
    return story


def test_the_judge_begins_with_what_is_unfinished_now() -> None:
    story = begun(run_now(), job=now(success_within=3_600))

    assert [(one.kind, one.due) for one in story.read("11:00")] == [
        ("silent", clock("10:30")),
        ("late", clock("10:01")),
    ][::-1]


def test_an_attempt_that_runs_at_the_beginning_may_take_too_long() -> None:
    story = begun(run_now(started="10:00"), job=now())

    assert [one.kind for one in story.read("11:00")] == ["tooLong"]


def test_what_was_requested_before_a_disable_has_nothing_open_at_the_beginning() -> None:
    story = begun(run_now(requested=5), job=now(barred=6))

    assert story.read("11:00") == []
    assert [one.kind for one in story.fail("11:01")] == ["failed"]


def test_a_hole_is_told_and_what_was_told_before_is_not_told_again() -> None:
    story = begun(run_now(), job=now())
    story.read("10:05")
    story.failing("10:06", "x")
    told = len(story.notices)
    after, through = story.last, Position(0, 1, 40)
    snapshot = Snapshot(positions=(through,), partitions=1, jobs=(now(),), runs=(run_now(),))

    (hole,) = story.give(Hole(after=after, through=through, at=clock("11:00"), snapshot=snapshot))
    story.last = through
    assert (hole.kind, hole.reason) == ("clock", f"hole {after} {through}")
    assert story.read("12:00") == []
    assert story.start("12:01") == []
    (recovered,) = story.succeed("12:02")
    assert recovered.recovers == "failed"
    assert len(story.notices) == told + 2


def test_a_hole_that_is_judged_already_says_nothing() -> None:
    story = begun(job=now())
    snapshot = Snapshot(positions=(story.last,), partitions=1)

    assert story.give(Hole(after=Position(0, 1, 3), through=story.last, at=0, snapshot=snapshot)) == []


def test_jobs_of_other_partitions_stay_as_they_are_beyond_a_hole() -> None:
    other = next(JobId(f"j{number}") for number in range(99) if partition_of(f"j{number}", 2) != partition_of(J, 2))
    story = Story()
    story.job(job_id=other, success_within=60)
    home = partition_of(J, 2)
    through = Position(home, 9, 9)
    snapshot = Snapshot(positions=(through,), partitions=2, jobs=(now(),))
    story.give(Hole(after=Position(home, 9, 1), through=through, at=0, snapshot=snapshot))

    assert {fact.key for fact in story.facts} >= {f"job {other}", f"silence {other}", f"job {J}"}


def test_the_breaker_counts_anew_beyond_a_hole() -> None:
    story = begun(job=now(disable_after=2))
    story.failing("10:00", "a")
    after, through = story.last, Position(0, 1, 40)
    snapshot = Snapshot(positions=(through,), partitions=1, jobs=(now(disable_after=2),))
    story.give(Hole(after=after, through=through, at=clock("11:00"), snapshot=snapshot))
    story.last = through

    story.failing("12:00", "b")
    assert story.trips == []
    story.failing("12:01", "c")
    assert [trip.failures for trip in story.trips] == [2]


def test_a_silence_that_was_judged_before_a_hole_is_not_judged_again() -> None:
    story = begun(job=now(success_within=3_600))
    assert [one.kind for one in story.read("11:00")] == ["silent"]
    story.rules(replace(ALL, name="renamed"))
    after, through = story.last, Position(0, 1, 40)
    snapshot = Snapshot(positions=(through,), partitions=1, jobs=(now(success_within=3_600),))
    story.give(Hole(after=after, through=through, at=clock("11:30"), snapshot=snapshot))
    story.last = through

    assert story.read("12:00") == []


def test_an_attempt_that_was_told_as_too_long_before_a_hole_is_not_told_again() -> None:
    story = begun(run_now(started="10:00"), job=now())
    assert [one.kind for one in story.read("10:11")] == ["tooLong"]
    beyond_a_hole(story, run_now(started="10:00"))

    assert story.read("12:00") == []


def test_a_catch_up_beyond_a_hole_is_answered_by_those_that_have_not_started() -> None:
    late = [
        replace(run_now(started=started), run_id=RunId(f"j1-{name}"), trigger="catchup", attempt_at=None)
        for name, started in (("a", "10:00"), ("b", None), ("c", None))
    ]
    story = begun(job=now(start_within=60))
    beyond_a_hole(story, *late, job=now(start_within=60))

    (told,) = story.start("12:00", "b")
    (recovered,) = story.start("12:01", "c")
    assert (told.kind, recovered.of) == ("late", told.id)


def beyond_a_hole(story: Story, *runs: RunNow, job: JobNow | None = None) -> None:
    after, story.last = story.last, story.last._replace(seq=story.last.seq + 20)
    snapshot = Snapshot(positions=(story.last,), partitions=1, jobs=(job or now(),), runs=runs)
    story.give(Hole(after=after, through=story.last, at=clock("11:00"), snapshot=snapshot))
