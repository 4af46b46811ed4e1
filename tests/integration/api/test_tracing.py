"""A command's trace: from the client's request into the event."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import JOBS, RUNS
from waterclock.kit import telemetry
from waterclock.log.tail import read

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
HEADERS = {"traceparent": f"00-{TRACE}-{PARENT}-01"}


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    telemetry.install("api", SimpleSpanProcessor(exporter))
    yield exporter
    telemetry.shutdown()


@pytest.mark.asyncio
async def test_a_command_continues_its_clients_trace_and_the_event_goes_on_with_it(
    rig: MakeRig, spans: InMemorySpanExporter
) -> None:
    async with rig() as api:
        await api.worker()
        job = await api.create()
        spans.clear()
        triggered = await api.http.post(f"{JOBS}/{job['id']}/trigger", headers=HEADERS)
        assert triggered.status_code == 202
        append, command = spans.get_finished_spans()
        assert (append.name, command.name) == ("append", "api")
        assert command.parent is not None
        assert f"{command.parent.span_id:016x}" == PARENT
        assert _ids(command)[0] == TRACE
        *_, requested = await read(api.log, 0, None, count=1000, block=None, archive=None)
        assert "-".join(_ids(command)) in str(getattr(requested.event, "traceparent", None))


@pytest.mark.asyncio
async def test_a_refused_command_names_its_trace(rig: MakeRig, spans: InMemorySpanExporter) -> None:
    async with rig() as api:
        refused = await api.http.post(f"{RUNS}/none/cancel")
        (command,) = [span for span in spans.get_finished_spans() if span.name == "api"]
        assert refused.json()["traceId"] == _ids(command)[0]


@pytest.mark.asyncio
async def test_without_tracing_the_clients_trace_is_passed_on(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()
        created = await api.http.post(JOBS, json={"jobName": "a", "invokeTarget": "demo.noop"}, headers=HEADERS)
        assert created.status_code == 201
        *_, last = await read(api.log, 0, None, count=1000, block=None, archive=None)
        assert getattr(last.event, "traceparent", None) == HEADERS["traceparent"]


def _ids(span: ReadableSpan) -> tuple[str, str]:
    context = span.get_span_context()
    assert context is not None
    return f"{context.trace_id:032x}", f"{context.span_id:016x}"
