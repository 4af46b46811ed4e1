"""A command's span, from the moment its request is read."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from litestar import Request
from opentelemetry.trace import SpanKind

from waterclock.kit import telemetry
from waterclock_api.caller import Caller
from waterclock_api.problems import note_trace


@contextmanager
def asked(request: Request[Any, Any, Any], caller: Caller, what: str) -> Generator[None]:
    """Work under the span `api`, a child of the client's; a refusal names the trace."""
    attributes = {"http.request.method": request.method, "waterclock.command": what}
    with telemetry.span("api", parent=caller.traceparent, attributes=attributes, kind=SpanKind.SERVER):
        note_trace(request, telemetry.trace_id() or (caller.traceparent and caller.traceparent[3:35]))
        yield
