"""Spans, as a test looks at them; and a receiver of OTLP over HTTP that keeps what it is sent."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from typing import Any

import grpc
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from waterclock.kit.telemetry import traces

_TRACES: Any = import_module("opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc")  # they have no types
_METRICS: Any = import_module("opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc")


class Spans:
    """Those that have ended in this process."""

    def __init__(self, exporter: InMemorySpanExporter) -> None:
        self._exporter = exporter

    def all(self) -> list[ReadableSpan]:
        return list(self._exporter.get_finished_spans())

    def operations(self, name: str, **ours: Any) -> list[ReadableSpan]:
        """By `messaging.operation.name`; `ours`: attributes, without their prefix."""
        wanted = {"messaging.operation.name": name} | {f"waterclock.{key}": value for key, value in ours.items()}
        return [span for span in self.all() if wanted.items() <= dict(span.attributes or {}).items()]

    def one(self, name: str, **ours: Any) -> ReadableSpan:
        (found,) = self.operations(name, **ours)
        return found

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.all() if span.name == name]

    def of_trace(self, trace: str) -> list[ReadableSpan]:
        return [span for span in self.all() if trace_of(span) == trace]


@contextmanager
def collected(service: str = "test") -> Generator[Spans]:
    """Tracing is on while the context lasts."""
    exporter = InMemorySpanExporter()
    traces.install(service, SimpleSpanProcessor(exporter))
    try:
        yield Spans(exporter)
    finally:
        traces.shutdown()


def trace_of(span: ReadableSpan) -> str:
    assert span.context is not None
    return f"{span.context.trace_id:032x}"


def id_of(span: ReadableSpan) -> str:
    assert span.context is not None
    return f"{span.context.span_id:016x}"


def parent_of(span: ReadableSpan) -> str | None:
    return None if span.parent is None else f"{span.parent.span_id:016x}"


def links_of(span: ReadableSpan) -> set[tuple[str, str]]:
    """Trace and span."""
    return {(f"{link.context.trace_id:032x}", f"{link.context.span_id:016x}") for link in span.links}


def place(span: ReadableSpan) -> tuple[str, str]:
    """As in `links_of`."""
    return trace_of(span), id_of(span)


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

    def resources(self, signal: str) -> list[dict[str, str]]:
        """What each process that has sent says of itself, once."""
        kinds: dict[str, Any] = {"traces": ExportTraceServiceRequest, "metrics": ExportMetricsServiceRequest}
        found: list[dict[str, str]] = []
        for path, body in self.bodies:
            if path != f"/v1/{signal}":
                continue
            request = kinds[signal].FromString(body)
            for one in request.resource_spans if signal == "traces" else request.resource_metrics:
                told = {each.key: each.value.string_value for each in one.resource.attributes}
                if told not in found:
                    found.append(told)
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
def receiving(*, hanging: threading.Event | None = None) -> Generator[Receiver]:
    """`hanging`: nothing is answered until it is set."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told = self.headers["content-length"]
            body = self._chunks() if told is None else self.rfile.read(int(told))
            if hanging is not None:
                hanging.wait()
            packed = self.headers.get("content-encoding") == "gzip"
            receiver.bodies.append((self.path, gzip.decompress(body) if packed else body))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def _chunks(self) -> bytes:
            """A body whose length nobody told, as Traefik sends it."""
            found = b""
            while size := int(self.rfile.readline(), 16):
                found += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return found

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ARG002
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver = Receiver(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield receiver
    finally:
        if hanging is not None:
            hanging.set()
        server.shutdown()
        thread.join()
        server.server_close()


class GrpcReceiver:
    def __init__(self) -> None:
        self.url = ""
        self.spans: list[Any] = []
        self.metrics: list[str] = []
        self.tenants: set[str] = set()

    def keep(self, request: Any, context: Any) -> None:
        self.tenants |= {value for key, value in context.invocation_metadata() if key == "x-tenant"}
        for one in getattr(request, "resource_spans", ()):
            self.spans += [span for scope in one.scope_spans for span in scope.spans]
        for one in getattr(request, "resource_metrics", ()):
            self.metrics += [metric.name for scope in one.scope_metrics for metric in scope.metrics]


@contextmanager
def receiving_grpc() -> Generator[GrpcReceiver]:
    """A receiver of OTLP over gRPC."""
    receiver = GrpcReceiver()

    class Traces(_TRACES.TraceServiceServicer):
        def Export(self, request: Any, context: Any) -> Any:  # noqa: N802 - its name in the service
            receiver.keep(request, context)
            return ExportTraceServiceResponse()

    class Metrics(_METRICS.MetricsServiceServicer):
        def Export(self, request: Any, context: Any) -> Any:  # noqa: N802 - its name in the service
            receiver.keep(request, context)
            return ExportMetricsServiceResponse()

    server: Any = grpc.server(ThreadPoolExecutor(2))
    _TRACES.add_TraceServiceServicer_to_server(Traces(), server)
    _METRICS.add_MetricsServiceServicer_to_server(Metrics(), server)
    receiver.url = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield receiver
    finally:
        server.stop(None).wait(20)
