"""Whatever an executor hands over, at every border: what comes of it everybody can read."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support import odd_values
from waterclock.executors.context import Retry, RunContext
from waterclock.kit.clock import SystemClock
from waterclock.kit.redaction import Redactor
from waterclock.log.commands.attempts import Grant
from waterclock.model.events import RunRequested
from waterclock.model.ids import RunId
from waterclock.wire.envelope import Entry, UnknownEvent, read_entry
from waterclock.wire.nesting import nested_deeper
from waterclock_worker.reporting.ending import ending_of
from waterclock_worker.reporting.outcome import Outcome, bad_result, outcome_of, succeeded
from waterclock_worker.reporting.results import NESTED_MOST, BadResult, result_of
from waterclock_worker.reporting.step_log import StepLog

R = RunId("a-1")
GRANT = Grant(
    run_id=R, body="{}", fence=7, attempt=1, failures=0, losses=0, position="1-1", cancelled=False, serial=False
)
REQUEST = RunRequested(run_id=R, trigger="manual", invoke_target="t.odd", queue="default")
AMOUNTS = pytest.mark.parametrize("examples", [25, pytest.param(3_000, marks=pytest.mark.soak)])


def each(examples: int, check: Callable[[st.DataObject], None]) -> None:
    settings(
        max_examples=examples, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
    )(given(data=st.data())(check))()


@pytest.fixture(params=["as it is", "limits raised"], autouse=True)
def limits(request: pytest.FixtureRequest) -> Iterator[None]:
    """As an executor may raise them: in a thread or on the loop, for all."""
    recursion, digits = sys.getrecursionlimit(), sys.get_int_max_str_digits()
    if request.param == "limits raised":
        sys.setrecursionlimit(2**30)
        sys.set_int_max_str_digits(0)
    yield
    sys.setrecursionlimit(recursion)
    sys.set_int_max_str_digits(digits)


def picking(data: st.DataObject) -> odd_values.Pick:
    return lambda below: data.draw(st.integers(0, below - 1))


def read(body: str) -> Entry:
    """As any other process reads it."""
    entry = read_entry(0, "1-1", {b"b": body.encode(), b"t": b"1800000000000"})
    assert not isinstance(entry.event, UnknownEvent), (entry.event, body[:1000])
    text = entry.told.decode()
    json.loads(text, parse_constant=_refused).__repr__().encode()  # strict, and without half of a surrogate
    assert "\\u0000" not in text or "result" in text
    return entry


def _refused(name: str) -> Any:
    raise AssertionError(f"{name} is no JSON")


def ended(outcome: Outcome) -> Entry:
    ending = ending_of(GRANT, REQUEST, outcome, now_ms=1_800_000_000_000, chance=0.5, traceparent=None)
    read(ending.body_refused)
    return read(ending.body)


@AMOUNTS
def test_a_result_is_kept_as_everybody_reads_it_or_refused(examples: int) -> None:
    each(examples, _check_result)


def _check_result(data: st.DataObject) -> None:
    returned, secret = odd_values.value(picking(data)), data.draw(st.sampled_from(["", "nope", "soon"]))
    told: list[str] = []
    try:
        body = result_of(returned, Redactor([secret]), told.append)
    except BadResult as error:
        ended(bad_result(error))
        return
    assert not nested_deeper(body, NESTED_MOST)
    assert len(told) <= 1
    entry = ended(Outcome("succeeded", result=body))
    assert not nested_deeper(entry.document, NESTED_MOST + 1)


@AMOUNTS
def test_an_exception_is_told_whatever_it_says_of_itself(examples: int) -> None:
    each(examples, _check_exception)


def _check_exception(data: st.DataObject) -> None:
    try:
        raise odd_values.error(picking(data), Retry)  # noqa: TRY301
    except Exception as raised:  # noqa: BLE001
        outcome = outcome_of(raised, Redactor(["subclass"]))
    assert outcome.error is not None
    ended(outcome)


@AMOUNTS
def test_steps_lines_and_progress_are_read_whatever_they_are_of(examples: int) -> None:
    each(examples, _check_words)


def _check_words(data: st.DataObject) -> None:
    pick = picking(data)
    steps = StepLog(run_id=R, job_id=None, attempt=1, fence=7, partition=0, clock=SystemClock(), tell=lambda _: None)
    context = RunContext(run_id=R, attempt=1, fence=7, params={}, report=steps)
    context.log(odd_values.value(pick), odd_values.value(pick), level=odd_values.value(pick, 1))
    with context.step(odd_values.value(pick, 1)) as step:
        step.log(odd_values.value(pick))
        for done in (odd_values.value(pick, 0), 1.5):
            try:
                step.progress(done, odd_values.value(pick, 0))
            except (TypeError, ValueError, RuntimeError, ArithmeticError):
                continue
        steps.progressed(step.number, float("nan"), None)
        steps.progressed(step.number, 1, float("inf"))
        if isinstance(text := odd_values.LEAVES[pick(2) * 3 + 1](pick), str):
            steps.printed(None, "info", text)
        steps.step_finished(step.number, "failed", odd_values.error(pick, Retry))
    steps.close()
    for body in steps.take(1 << 30):
        read(body)


def test_a_value_of_each_kind_is_drawn() -> None:
    """The others cannot fail for want of what they are about."""
    kept = 0
    for leaf in odd_values.LEAVES:
        for number in range(13):
            try:
                found = leaf(lambda below, number=number: number % below)
                kept += succeeded(found).kind == "succeeded"
            except TypeError:
                continue
    assert kept > 40
