"""The table of ends, as it is told to the log."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from waterclock import GiveUp, Retry
from waterclock.log.commands.attempts import Grant
from waterclock.model.events import (
    ResultRefused,
    RunCancelled,
    RunFailed,
    RunLost,
    RunRequested,
    RunRetryScheduled,
    RunSucceeded,
    RunTimedOut,
    StoredEvent,
)
from waterclock.model.ids import JobId, RunId
from waterclock.model.outcomes import Error
from waterclock.model.retry import RetryPolicy
from waterclock.model.timestamps import stamp
from waterclock_worker.execution.missing_executor import unknown
from waterclock_worker.reporting.ending import ending_of
from waterclock_worker.reporting.outcome import BadParams, HandedBack, Outcome, outcome_of, succeeded

_decode = msgspec.json.Decoder(StoredEvent).decode
WRONG = Error(type="ValueError", message="no")


def told(outcome: Outcome, *, failures: int = 0, policy: RetryPolicy | None = None) -> tuple[Any, StoredEvent]:
    grant = Grant(RunId("j-1"), "", 7, failures + 1, failures, 0, "1-1", False, True, 0, -1, JobId("j"))
    request = RunRequested(
        run_id=RunId("j-1"),
        job_id=JobId("j"),
        trigger="manual",
        invoke_target="x",
        queue="default",
        retry=policy or RetryPolicy(max_attempts=3, backoff="exponential", initial=10, max=3600),
    )
    ending = ending_of(grant, request, outcome, now_ms=1_000_000, chance=0.5, traceparent="00-aa-bb-01")
    event = _decode(ending.body)
    assert event.traceparent == "00-aa-bb-01"
    assert isinstance(_decode(ending.body_refused), ResultRefused)
    return ending, event


def test_success_carries_the_result() -> None:
    ending, event = told(Outcome("succeeded", result=b'{"rows":3}'))
    assert isinstance(event, RunSucceeded)
    assert event.result == {"rows": 3}
    assert (ending.ended, ending.counted, ending.give_back, ending.body_cancelled) == ("succeeded", False, False, None)


@pytest.mark.parametrize("kind", ["failed", "timedOut", "crashed"])
def test_what_went_wrong_is_tried_again_after_its_back_off(kind: Any) -> None:
    ending, event = told(Outcome(kind, error=WRONG), failures=1)
    assert isinstance(event, RunRetryScheduled)
    assert (event.outcome, event.error) == (kind, WRONG)
    assert (ending.ended, ending.counted) == (None, True)
    assert ending.ready_at == 1_000_000 + 10_000  # half of the doubled bound
    assert isinstance(_decode(ending.body_cancelled), RunCancelled)


@pytest.mark.parametrize(
    ("kind", "event_type", "status"),
    [("failed", RunFailed, "failed"), ("timedOut", RunTimedOut, "timedOut"), ("crashed", RunFailed, "failed")],
)
def test_the_last_attempt_ends_the_run(kind: Any, event_type: type, status: str) -> None:
    ending, event = told(Outcome(kind, error=WRONG), failures=2)
    assert isinstance(event, event_type)
    assert ending.ended == status
    assert getattr(event, "outcome", kind) == kind


def test_parameters_that_do_not_fit_are_not_tried_again() -> None:
    ending, event = told(outcome_of(BadParams("no")))
    assert isinstance(event, RunFailed)
    assert (event.outcome, ending.ended) == ("badParams", "failed")


def test_giving_up_and_retrying_are_the_executors_word() -> None:
    ending, _ = told(outcome_of(GiveUp("no")))
    assert ending.ended == "failed"
    ending, _ = told(outcome_of(Retry(90)))
    assert (ending.ended, ending.ready_at) == (None, 1_090_000)
    ending, _ = told(outcome_of(Retry(90)), failures=2)
    assert ending.ended == "failed"


def test_a_cancelled_attempt_ends_its_run_and_uses_up_nothing() -> None:
    ending, event = told(Outcome("cancelled"))
    assert isinstance(event, RunCancelled)
    assert (event.attempt, event.fence, ending.ended, ending.counted) == (1, 7, "cancelled", False)


def test_what_is_given_back_is_free() -> None:
    ending, event = told(Outcome("returned"), failures=2)
    assert isinstance(event, RunLost)
    assert event.reason == "handedBack"
    assert (ending.ended, ending.counted, ending.give_back) == (None, False, True)


class Odd:
    pass


@pytest.mark.parametrize("result", [Odd(), "x" * 70_000, "\ud800"])
def test_a_result_that_cannot_be_kept_is_a_failure_for_good(result: object) -> None:
    outcome = succeeded(result)
    assert (outcome.kind, outcome.final) == ("failed", True)
    assert outcome.error is not None
    assert outcome.error.type == "BadResult"


def test_what_is_handed_back_for_a_while_uses_up_nothing_and_is_ready_later() -> None:
    ending, event = told(outcome_of(HandedBack(5.0)), failures=1)
    assert isinstance(event, RunLost)
    assert (event.reason, event.ready_at) == ("handedBack", stamp(1_005_000))
    assert (ending.ended, ending.counted, ending.give_back, ending.ready_at) == (None, False, False, 1_005_000)
    assert ending.body_cancelled is not None


@pytest.mark.parametrize(
    ("attempt", "failures", "losses", "after"),
    [(1, 0, 0, 5), (2, 1, 0, 5), (2, 0, 0, 10), (5, 1, 1, 20), (99, 0, 0, 60)],
)
async def test_each_time_it_is_handed_back_for_longer(attempt: int, failures: int, losses: int, after: float) -> None:
    grant = Grant(RunId("j-1"), "", 7, attempt, failures, losses, "1-1", False, True, 0, -1, None)
    lines: list[str] = []

    def log(text: str, *args: object, level: str) -> None:
        lines.append(f"{level}: {text % args}")

    ctx: Any = SimpleNamespace(log=log)
    with pytest.raises(HandedBack) as back:
        await unknown("of others", grant).function(ctx, {})
    assert back.value.after == after
    assert lines == [f"warning: this worker has no executor 'of others': handed back, ready again in {after} s"]
