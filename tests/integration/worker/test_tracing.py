"""A run's trace in the worker: claim, attempts, steps, what the executor itself tells."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise

import pytest
from opentelemetry.trace import SpanKind, StatusCode

from tests.integration.worker import samples, traced
from tests.integration.worker.shop import Shop
from tests.support.traces import (
    Spans,
    collected,
    id_of,
    links_of,
    parent_of,
    place,
    receiving,
    receiving_grpc,
    trace_of,
)
from waterclock.kit.telemetry import traces
from waterclock.model.events import RunFailed, RunStarted, RunSucceeded

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
REQUESTED = f"00-{TRACE}-{PARENT}-01"


@pytest.fixture
def spans() -> Iterator[Spans]:
    with collected("worker") as found:
        yield found


@pytest.mark.parametrize("target", ["t.echo", "t.thread", "t.child"])
async def test_an_attempt_stands_beneath_its_claim_and_that_beneath_what_requested_the_run(
    shop: Shop, spans: Spans, target: str
) -> None:
    async with shop.worker(samples.echo, samples.in_thread, samples.child):
        run = await shop.run(target, {"text": "x"}, traceparent=REQUESTED)
        ended = await shop.event(RunSucceeded, run)
    claim, attempt = spans.one("claim", run=run), spans.one("attempt", run=run)
    assert (trace_of(claim), parent_of(claim)) == (TRACE, PARENT)
    assert parent_of(attempt) == id_of(claim)
    assert ended.traceparent == f"00-{TRACE}-{id_of(attempt)}-01"
    assert (claim.kind, attempt.kind) == (SpanKind.CLIENT, SpanKind.CONSUMER)
    assert (claim.name, attempt.name) == ("claim default", "attempt default")
    assert attempt.attributes is not None
    assert attempt.attributes["waterclock.outcome"] == "succeeded"
    assert attempt.attributes["messaging.message.id"] == run


async def test_an_attempt_is_linked_to_the_one_before(shop: Shop, spans: Spans) -> None:
    async with shop.worker(samples.raises):
        run = await shop.run("t.raise", traceparent=REQUESTED)
        failed = await shop.event(RunFailed, run)

    attempts = [spans.one("attempt", run=run, attempt=number) for number in range(1, failed.attempt + 1)]
    assert len(attempts) > 1
    assert links_of(attempts[0]) == set()
    for before, after in pairwise(attempts):
        assert links_of(after) == {place(before)}
        assert trace_of(after) == TRACE
    for attempt in attempts:
        assert attempt.status.status_code == StatusCode.ERROR
        assert (attempt.attributes or {})["error.type"] == "ValueError"
        assert attempt.status.description is None  # what an error says may be a secret
        assert not attempt.events


async def test_a_claim_of_several_runs_is_told_once_and_linked_with_each(shop: Shop, spans: Spans) -> None:
    runs = [await shop.run("t.echo", {"text": "x"}, traceparent=f"00-{n:032x}-{n:016x}-01") for n in (1, 2, 3)]
    async with shop.worker(samples.echo, slots=10):
        for run in runs:
            await shop.event(RunSucceeded, run)

    (whole,) = [one for one in spans.operations("claim") if "messaging.batch.message_count" in (one.attributes or {})]
    assert (whole.attributes or {})["messaging.batch.message_count"] == 3
    assert whole.parent is None
    assert links_of(whole) == {(f"{n:032x}", f"{n:016x}") for n in (1, 2, 3)}
    for run in runs:
        assert links_of(spans.one("claim", run=run)) == {place(whole)}


async def test_steps_are_spans_beneath_the_attempt(shop: Shop, spans: Spans) -> None:
    async with shop.worker(samples.in_thread):
        run = await shop.run("t.thread", {"text": "x"}, traceparent=REQUESTED)
        await shop.event(RunSucceeded, run)

    (step,) = spans.named("step Work")
    assert parent_of(step) == id_of(spans.one("attempt", run=run))


async def test_spans_of_an_executor_and_its_log_records_stand_beneath_the_attempt(shop: Shop, spans: Spans) -> None:
    with traced.records() as records:
        async with shop.worker(traced.tells):
            run = await shop.run("t.tells", traceparent=REQUESTED)
            await shop.event(RunSucceeded, run)

    attempt, (own,) = spans.one("attempt", run=run), spans.named("own work")
    assert (trace_of(own), parent_of(own)) == (TRACE, id_of(attempt))
    outside, inside, child = (record.__dict__ for record in records)
    for record in (outside, inside, child):
        assert (record["waterclock_run"], record["waterclock_attempt"]) == (run, 1)
        assert record["otelTraceID"] == TRACE
    assert outside["otelSpanID"] == id_of(attempt)
    assert inside["otelSpanID"] == id_of(own)
    assert (child["run"], child["attempt"], child["trace_id"], child["more"]) == (run, 1, TRACE, "x")
    assert await shop.lines(run) == ["outside", "inside", "by its own logger"]


async def test_spans_that_an_executor_makes_in_a_child_process_stand_beneath_the_attempt(
    shop: Shop, spans: Spans, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiving() as receiver:
        monkeypatch.setenv("WATERCLOCK_OTLP_ENDPOINT", receiver.url)
        async with shop.worker(traced.tells_in_child):
            run = await shop.run("t.tells.child", traceparent=REQUESTED)
            await shop.event(RunSucceeded, run)

    attempt = spans.one("attempt", run=run)
    (own,) = receiver.spans()
    assert (own.name, own.trace_id.hex(), own.parent_span_id.hex()) == ("own work", TRACE, id_of(attempt))
    assert await shop.lines(run) == [f"{run} 1 {TRACE} {own.span_id.hex()}"]


async def test_spans_of_a_child_process_are_sent_by_grpc_where_the_workers_are(
    shop: Shop, spans: Spans, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiving_grpc() as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
        async with shop.worker(traced.tells_in_child):
            run = await shop.run("t.tells.child", traceparent=REQUESTED)
            await shop.event(RunSucceeded, run)

    attempt = spans.one("attempt", run=run)
    (own,) = receiver.spans
    assert (own.name, own.trace_id.hex(), own.parent_span_id.hex()) == ("own work", TRACE, id_of(attempt))


async def test_of_a_trace_that_is_not_sampled_nothing_is_told_and_it_goes_on_unsampled(
    shop: Shop, spans: Spans
) -> None:
    async with shop.worker(samples.in_thread):
        run = await shop.run("t.thread", {"text": "x"}, traceparent=f"00-{TRACE}-{PARENT}-00")
        ended = await shop.event(RunSucceeded, run)

    assert spans.all() == []
    assert ended.traceparent is not None
    assert ended.traceparent[3:35] == TRACE
    assert not traces.sampled(ended.traceparent)


async def test_a_run_that_nobody_traced_has_one_trace_for_all_its_attempts(shop: Shop, spans: Spans) -> None:
    async with shop.worker(samples.retries):
        run = await shop.run("t.retry")
        await shop.event(RunStarted, run)
        await shop.event(RunSucceeded, run)

    assert len({trace_of(one) for one in spans.operations("attempt", run=run)}) == 1


def test_a_child_process_imports_nothing_of_opentelemetry_for_a_run_without_a_trace() -> None:
    child = "waterclock_worker.execution.children.child"
    looks = f"import sys, {child}; print([name for name in sys.modules if 'opentelemetry' in name])"
    said = subprocess.run([sys.executable, "-c", looks], capture_output=True, text=True, check=True)
    assert said.stdout == "[]\n"
