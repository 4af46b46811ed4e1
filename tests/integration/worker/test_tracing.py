from __future__ import annotations

from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.integration.worker import samples
from tests.integration.worker.shop import Shop
from waterclock.kit import telemetry
from waterclock.model.events import RunSucceeded

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    telemetry.install("worker", SimpleSpanProcessor(exporter))
    yield exporter
    telemetry.shutdown()


@pytest.mark.asyncio
@pytest.mark.parametrize("target", ["t.echo", "t.thread", "t.child"])
async def test_an_attempt_stands_beneath_its_claim_and_that_beneath_what_requested_the_run(
    shop: Shop, spans: InMemorySpanExporter, target: str
) -> None:
    async with shop.worker(samples.echo, samples.in_thread, samples.child):
        run = await shop.run(target, {"text": "x"}, traceparent=f"00-{TRACE}-{PARENT}-01")
        ended = await shop.event(RunSucceeded, run)
    by_name = {span.name: span for span in spans.get_finished_spans()}
    claim, attempt = by_name["claim"], by_name["attempt"]
    assert claim.parent is not None
    assert f"{claim.parent.span_id:016x}" == PARENT
    assert claim.context is not None
    assert attempt.parent is not None
    assert attempt.parent.span_id == claim.context.span_id
    assert attempt.context is not None
    assert ended.traceparent == f"00-{TRACE}-{attempt.context.span_id:016x}-01"
    assert attempt.attributes is not None
    assert attempt.attributes["waterclock.run"] == run
