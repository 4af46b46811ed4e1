"""Events to changes, and changes to rows: the part of a projection that needs no database."""

import json
from pathlib import Path
from typing import Any, get_args

import hypothesis
import msgspec
import pytest
from msgspec import UNSET
from msgspec.structs import replace

from tests.support.histories import ERROR, changes_of, entries_of, histories, rendered
from tests.support.repository import GOLDEN
from waterclock.model.definition import Definition
from waterclock.model.events import (
    Event,
    ExecutorSpec,
    JobCreated,
    JobDisabled,
    LogLine,
    LogsCleared,
    ResultRefused,
    RunCancelled,
    RunCancelRequested,
    RunDied,
    RunFailed,
    RunLost,
    RunRequested,
    RunRetryScheduled,
    RunStarted,
    RunSucceeded,
    RunTimedOut,
    StepFinished,
    StepLogged,
    StepProgressed,
    StepStarted,
    StoredEvent,
    WorkerJoined,
)
from waterclock.model.ids import JobId, RunId
from waterclock.model.outcomes import RunStatus, Unreadable
from waterclock.model.places import PlaceSpec, Reach, ReferenceSpec
from waterclock.model.positions import parse_position
from waterclock.model.readmodels.change_types import AttemptChange, RunChange, StepChange
from waterclock.model.readmodels.changes_by_event import ended_unreadably, project
from waterclock.model.readmodels.merge import Batch, fold
from waterclock.model.timestamps import Stamp
from waterclock.wire.envelope import Entry, UnknownEvent, decode_document

EVENTS = GOLDEN / "events"
R, J = RunId("j-r"), JobId("j")
IDS: dict[str, Any] = {"run_id": R, "job_id": J}
FIRST: dict[str, Any] = {**IDS, "attempt": 1, "fence": 7}
SECOND: dict[str, Any] = {**IDS, "attempt": 2, "fence": 8}
REQUESTED = RunRequested(**IDS, trigger="manual", invoke_target="demo.noop", queue="default")
STARTED = RunStarted(**FIRST, worker="w1", session="s1")
RETRIED = RunRetryScheduled(**FIRST, outcome="failed", error=ERROR, ready_at=Stamp("2027-01-15T10:00:00.000Z"))
STARTED_AGAIN = RunStarted(**SECOND, worker="w2", session="s2")


def folded(*events: Event, partition: int = 0) -> Batch:
    return fold(changes_of(entries_of(events, partition=partition)))


def run_after(*events: Event) -> RunChange:
    (run,) = folded(REQUESTED, *events).runs
    return run


def attempt_after(*events: Event) -> AttemptChange:
    return folded(REQUESTED, *events).attempts[-1]


@pytest.mark.parametrize("sample", sorted(EVENTS.glob("*.json")), ids=lambda path: path.stem)
def test_an_event_stored_by_any_release_changes_what_it_always_changed(sample: Path) -> None:
    stored = json.loads(sample.read_text())
    document: dict[str, Any] = stored["document"]

    event = decode_document(msgspec.json.encode(document))

    assert not isinstance(event, UnknownEvent)
    at = int(document["at"][17:19]) * 1000 + 1_795_413_600_000  # the samples lie in one minute
    changes = project(parse_position(document["id"]), at, event)
    assert [rendered(change) for change in changes] == stored["changes"]


def test_every_type_of_event_has_a_stored_sample() -> None:
    tags = {str(kind.__struct_config__.tag) for kind in get_args(StoredEvent)}

    assert {json.loads(path.read_text())["document"]["type"] for path in EVENTS.glob("*.json")} == tags


@pytest.mark.parametrize(
    ("end", "outcome", "status"),
    [
        (RunSucceeded(**FIRST), "succeeded", "succeeded"),
        (RunFailed(**FIRST, outcome="failed", error=ERROR), "failed", "failed"),
        (RunFailed(**FIRST, outcome="crashed", error=ERROR), "crashed", "failed"),
        (RunFailed(**FIRST, outcome="badParams", error=ERROR), "badParams", "failed"),
        (RunTimedOut(**FIRST, error=ERROR), "timedOut", "timedOut"),
        (RunCancelled(**FIRST), "cancelled", "cancelled"),
        (RunDied(**FIRST, reason="leaseExpired"), "lost", "died"),
    ],
)
def test_an_end_is_told_as_it_was(end: Event, outcome: str, status: str) -> None:
    run, attempt = run_after(STARTED, end), attempt_after(STARTED, end)

    assert (run.status, attempt.outcome) == (status, outcome)
    assert run.finished_at == attempt.finished_at
    assert run.finished_at is not msgspec.UNSET


def test_a_run_that_died_without_an_attempt_has_none() -> None:
    changes = folded(REQUESTED, RunDied(run_id=R, reason="storeLost", attempt=0, fence=0))

    assert [run.status for run in changes.runs] == ["died"]
    assert changes.attempts == ()


@pytest.mark.parametrize(
    ("loss", "outcome", "status"),
    [
        (RunLost(**FIRST, reason="leaseExpired"), "lost", "queued"),
        (RunLost(**FIRST, reason="storeLost"), "lost", "queued"),
        (RunLost(**FIRST, reason="handedBack"), "returned", "queued"),
        (RunLost(**FIRST, reason="handedBack", ready_at=RETRIED.ready_at), "returned", "delayed"),
        (RETRIED, "failed", "delayed"),
    ],
)
def test_a_run_that_will_be_tried_again_is_not_ended_and_has_no_worker(loss: Event, outcome: str, status: str) -> None:
    run, attempt = run_after(STARTED, loss), attempt_after(STARTED, loss)

    assert (run.status, run.worker, run.finished_at) == (status, None, msgspec.UNSET)
    assert attempt.outcome == outcome
    assert attempt.finished_at is not msgspec.UNSET


def test_a_run_started_when_its_first_attempt_did() -> None:
    first, again = run_after(STARTED), run_after(STARTED, RETRIED, STARTED_AGAIN)

    assert again.started_at == first.started_at
    assert (again.attempt, again.worker, again.status) == (2, "w2", "running")


def test_a_runs_error_is_that_of_its_last_attempt() -> None:
    assert run_after(STARTED, RETRIED).error == ERROR
    assert run_after(STARTED, RETRIED, STARTED_AGAIN).error == ERROR
    assert run_after(STARTED, RETRIED, STARTED_AGAIN, RunSucceeded(**SECOND)).error is None
    assert run_after(STARTED, RETRIED, RunCancelled(**IDS)).error == ERROR


def test_a_request_to_cancel_leaves_the_run_running() -> None:
    run = run_after(STARTED, RunCancelRequested(**IDS))

    assert run.status == "running"
    assert run.cancel_requested_at is not msgspec.UNSET


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        ((RunCancelled(**IDS),), "requested"),
        ((RunCancelled(**IDS, reason="jobDisabled"),), "jobDisabled"),
        ((STARTED, RunCancelRequested(**IDS, reason="replaced"), RunCancelled(**FIRST)), "replaced"),
        ((STARTED, RunCancelRequested(**IDS), RunCancelled(**FIRST, reason="jobDeleted")), "jobDeleted"),
        ((STARTED, RunCancelRequested(**IDS), RunSucceeded(**FIRST)), "requested"),
    ],
)
def test_a_run_says_why_it_was_cancelled_or_asked_to_stop(events: tuple[Event, ...], reason: str) -> None:
    assert run_after(*events).cancel_reason == reason


def test_a_late_writer_changes_nothing() -> None:
    assert folded(ResultRefused(**FIRST, outcome="succeeded")) == folded()


@pytest.mark.parametrize(
    ("end", "fate"),
    [
        (RunSucceeded(**FIRST), "succeeded"),
        (RunFailed(**FIRST, outcome="crashed", error=ERROR), "failed"),
        (RunLost(**FIRST, reason="leaseExpired"), "failed"),
        (RunLost(**FIRST, reason="handedBack"), "cancelled"),
        (RunCancelled(**FIRST), "cancelled"),
    ],
)
def test_steps_that_still_run_share_the_fate_of_their_attempt(end: Event, fate: str) -> None:
    steps = (StepStarted(**FIRST, number=1, name="a"), StepFinished(**FIRST, number=1, status="succeeded"))
    open_step = StepStarted(**FIRST, number=2, name="b")

    first, second = folded(REQUESTED, STARTED, *steps, open_step, end).steps
    before_the_batch = folded(end).ended

    assert (first.status, second.status) == ("succeeded", fate)
    assert second.finished_at is not msgspec.UNSET
    assert [(ended.attempt, ended.status) for ended in before_the_batch] == [(1, fate)]


def test_progress_of_a_step_that_began_before_the_batch_leaves_its_status_alone() -> None:
    (step,) = folded(StepProgressed(**FIRST, number=1, done=2, total=4), RunCancelled(**FIRST)).steps

    assert step == StepChange(run_id=R, attempt=1, number=1, done=2, total=4)


def test_a_status_set_after_a_change_of_the_definition_counts() -> None:
    created = JobCreated(job_id=J, version=1, definition=Definition(job_name="n", invoke_target="demo.noop"))

    (job,) = folded(created, JobDisabled(job_id=J, version=2)).jobs

    assert (job.status, job.version, job.job_name) == ("1", 2, "n")


def test_a_row_made_anew_keeps_nothing_of_the_old_one() -> None:
    run = run_after(STARTED, RunSucceeded(**FIRST, result=3), REQUESTED)

    assert run.result is msgspec.UNSET
    assert (run.status, run.attempt) == ("queued", 0)


def test_cleared_lines_of_the_same_batch_are_not_written() -> None:
    def line(job: str, text: str) -> StepLogged:
        logged = LogLine(at=Stamp("2027-01-15T10:00:00.000Z"), level="info", text=text)
        return StepLogged(run_id=R, job_id=JobId(job), attempt=1, fence=7, lines=(logged,))

    batch = folded(line("j", "gone"), line("other", "kept"), LogsCleared(job_id=J), line("j", "later"))

    assert [inserted.text for inserted in batch.lines] == ["kept", "later"]
    assert [(cleared.job_id, cleared.seq) for cleared in batch.cleared] == [("j", 3)]


def test_fleet_events_count_in_partition_0_only() -> None:
    spec = ExecutorSpec(key="demo.noop", description="", params_schema={})
    joined = WorkerJoined(worker="w", session="s", queues=("default",), slots=1, executors=(spec,))

    assert len(folded(joined).workers) == len(folded(joined).executors) == 1
    assert folded(joined, partition=3) == folded()


def test_what_a_worker_announced_of_places_is_kept_with_its_session() -> None:
    place = PlaceSpec(name="books", databases=("books",), adhoc=True)
    listed = (ReferenceSpec(pattern="env:HOOK_*", hosts=True),)
    specs = (
        ExecutorSpec(key="http.request", description="", params_schema={}, references=listed),
        ExecutorSpec(key="demo.noop", description="", params_schema={}),
    )
    joined = WorkerJoined(worker="w", session="s", queues=("q",), slots=1, executors=specs, places=(place,))

    (worker,) = folded(joined).workers

    assert worker.reach == Reach(places=(place,), references={"http.request": listed})
    (older,) = folded(replace(joined, places=None)).workers
    assert older.reach is UNSET


@hypothesis.given(histories())
def test_a_batch_has_each_row_once(entries: list[Entry]) -> None:
    batch = fold(changes_of(entries))

    for rows in (batch.jobs, batch.runs, batch.attempts, batch.steps, batch.workers, batch.executors):
        assert len({tuple(getattr(row, name) for name in row.KEY) for row in rows}) == len(rows)


@hypothesis.given(histories())
def test_folding_what_was_folded_changes_nothing(entries: list[Entry]) -> None:
    once = fold(changes_of(entries))

    twice = fold([*once.jobs, *once.runs, *once.attempts, *once.steps, *once.workers, *once.executors])

    assert (twice.jobs, twice.runs, twice.attempts) == (once.jobs, once.runs, once.attempts)
    assert (twice.steps, twice.workers, twice.executors) == (once.steps, once.workers, once.executors)


@pytest.mark.parametrize("attempt", [1, None])
@pytest.mark.parametrize("status", ["succeeded", "failed", "timedOut", "cancelled", "died"])
def test_an_end_that_cannot_be_read_ends_as_its_tag_says(status: RunStatus, attempt: int | None) -> None:
    begun = entries_of((REQUESTED, STARTED, StepStarted(**FIRST, number=1, name="one")))
    position = begun[-1].position._replace(seq=9)
    end = ended_unreadably(
        position, 1_800_000_000_500, tag=f"run.{status}", run_id=R, attempt=attempt, reason="it is no JSON"
    )

    batch = fold([*changes_of(begun), *end])

    (run,), (told,), (step,) = batch.runs, batch.attempts, batch.steps
    assert (run.status, run.result, run.error) == (status, None, None)
    assert run.unreadable == Unreadable(position="0-1-9", reason="it is no JSON")
    assert told.outcome == ("lost" if status == "died" else status)
    assert run.finished_at == told.finished_at == step.finished_at == "2027-01-15T08:00:00.500Z"
    assert step.status == {"succeeded": "succeeded", "cancelled": "cancelled"}.get(status, "failed")


def test_an_unreadable_end_that_names_no_attempt_ends_those_alone_that_have_not_ended() -> None:
    begun = entries_of((REQUESTED, STARTED, RETRIED, STARTED_AGAIN))
    end = ended_unreadably(
        begun[-1].position._replace(seq=9), 1_800_000_000_500, tag="run.failed", run_id=R, attempt=None, reason=""
    )

    first, second = fold([*changes_of(begun), *end]).attempts

    assert (first.outcome, first.error) == ("failed", ERROR)
    assert (second.outcome, second.finished_at) == ("failed", "2027-01-15T08:00:00.500Z")
