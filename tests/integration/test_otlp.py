"""What is sent by OTLP, as a receiver that decodes it finds it."""

from __future__ import annotations

import asyncio
import gzip
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.integration.api.rig import JOBS
from tests.integration.test_trace import CLIENT, ended, everything
from waterclock.kit import telemetry
from waterclock.kit.measures import exposed
from waterclock.kit.otlp import pushing


class Receiver:
    def __init__(self, url: str) -> None:
        self.url = url
        self.bodies: list[tuple[str, bytes]] = []

    def spans(self) -> list[Any]:
        found: list[Any] = []
        for path, body in self.bodies:
            if path == "/v1/traces":
                request: Any = ExportTraceServiceRequest.FromString(body)
                found += [span for one in request.resource_spans for scope in one.scope_spans for span in scope.spans]
        return found

    def metrics(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for path, body in self.bodies:
            if path == "/v1/metrics":
                request: Any = ExportMetricsServiceRequest.FromString(body)
                found |= {
                    metric.name: metric
                    for one in request.resource_metrics
                    for scope in one.scope_metrics
                    for metric in scope.metrics
                }
        return found


@contextmanager
def receiving() -> Generator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            packed = self.headers.get("content-encoding") == "gzip"
            receiver.bodies.append((self.path, gzip.decompress(body) if packed else body))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ARG002
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver = Receiver(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.asyncio
async def test_a_receiver_finds_one_trace_from_the_request_to_the_projected_outcome(
    redis_url: str, migrated_postgres_url: str, key_prefix: str
) -> None:
    with receiving() as receiver:
        telemetry.install("test", OTLPSpanExporter(endpoint=f"{receiver.url}/v1/traces"))
        try:
            async with everything(redis_url, migrated_postgres_url, key_prefix) as api:
                await api.caught_up()
                job = await api.create(jobName="sent")
                answer = await api.http.post(f"{JOBS}/{job['id']}/trigger", json={}, headers={"traceparent": CLIENT})
                await ended(api, answer.json()["runId"])
        finally:
            await asyncio.to_thread(telemetry.shutdown)

    trace = bytes.fromhex(CLIENT[3:35])
    spans = [span for span in receiver.spans() if span.trace_id == trace]
    by_id = {span.span_id: span for span in spans}
    assert {span.name for span in spans} == {"api", "append", "claim", "attempt"}
    for span in spans:
        assert span.parent_span_id in by_id or span.parent_span_id.hex() == CLIENT[36:52]
    projections = [span for span in receiver.spans() if span.name == "project"]
    attempt = next(span for span in spans if span.name == "attempt")
    assert any(link.span_id == attempt.span_id for span in projections for link in span.links)


@pytest.mark.asyncio
async def test_a_receiver_finds_the_metrics_that_a_process_tells() -> None:
    with receiving() as receiver:
        exposition = exposed("worker")
        async with pushing(exposition, receiver.url, instance="one"):
            told = {metric.name for metric in exposition.metrics if metric.series}

    assert told
    found = receiver.metrics()
    assert set(found) == told
    assert found["waterclock_claims_total"].sum.is_monotonic
