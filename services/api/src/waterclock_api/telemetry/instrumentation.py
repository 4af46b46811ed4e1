"""Each request, measured and, while tracing is on, told as a span: around the application, so that nothing is missed.

What is measured has OpenTelemetry's name and labels for HTTP servers: method, route as it is declared, status. A live
stream counts among the clients of streams instead, for it lasts as long as its reader likes.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from functools import lru_cache
from typing import Any

from litestar import Litestar
from opentelemetry.trace import Span, SpanKind

from waterclock.kit.telemetry import catalog, propagation, traces

Scope = dict[str, Any]
Send = Callable[[Any], Awaitable[None]]

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"})
_QUIET = frozenset({"/livez", "/readyz", "/metrics"})
"""Asked all the time by what watches us: no spans."""
_STREAM = b"text/event-stream"
CLIENT_LEFT = 499
"""As other servers have it: the client did not wait for the answer."""
_UNTRACED = nullcontext()


class Instrumented:
    """An ASGI application: the given one, observed."""

    def __init__(self, application: Litestar) -> None:
        self.application = application

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.application(scope, receive, send)
            return
        began_at = time.perf_counter()
        answer = _Answer(send)
        span = _begun(scope) if traces.tracing() and scope["path"] not in _QUIET else None
        try:
            with _UNTRACED if span is None else traces.under(span):
                await self.application(scope, receive, answer.send)
        except asyncio.CancelledError:
            answer.left()
            raise
        finally:
            if span is not None:
                _describe(span, scope, answer)
                span.end()
            _measure(scope, answer, time.perf_counter() - began_at, span)


class _Answer:
    """What was answered, as it passes by."""

    __slots__ = ("_send", "status", "streams")

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0
        self.streams = False

    def left(self) -> None:
        """The client has gone: that is no fault of ours."""
        self.status = self.status or CLIENT_LEFT

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.streams = any(name == b"content-type" and _STREAM in value for name, value in message["headers"])
        await self._send(message)


def _measure(scope: Scope, answer: _Answer, seconds: float, span: Span | None) -> None:
    if answer.streams:
        return
    labels = _method(scope), route_of(scope), str(answer.status or 500)
    catalog.HTTP_DURATION.observe(seconds, *labels)
    if span is not None:
        catalog.HTTP_DURATION.exemplify(traces.inject(span), seconds, *labels)


def _begun(scope: Scope) -> Span:
    """A child of the client's span. The query is left out, for it is the client's text."""
    headers: dict[bytes, bytes] = dict(scope["headers"])
    attributes: dict[str, str | int] = {
        "http.request.method": _method(scope),
        "url.scheme": scope["scheme"],
        "url.path": scope["path"],
        "network.protocol.version": scope.get("http_version", "1.1"),
    }
    if (server := scope.get("server")) is not None:
        attributes |= {"server.address": server[0]} | ({} if server[1] is None else {"server.port": server[1]})
    if (agent := headers.get(b"user-agent")) is not None:
        attributes["user_agent.original"] = agent.decode("latin-1")[:200]
    parent, state = propagation.incoming(scope["headers"])
    return traces.begun(_method(scope), parent=parent, state=state, kind=SpanKind.SERVER, attributes=attributes)


def _describe(span: Span, scope: Scope, answer: _Answer) -> None:
    """What is known at the end: the route gives the span its name."""
    if not span.is_recording():
        return
    status = answer.status or 500
    span.set_attribute("http.response.status_code", status)
    if (route := route_of(scope)) != UNKNOWN:
        span.update_name(f"{_method(scope)} {route}")
        span.set_attribute("http.route", route)
    if status >= 500:
        traces.failed(span, str(status))


UNKNOWN = "none"
"""In place of a route, where no route fits: a label must not be what a client makes up."""


def route_of(scope: Scope) -> str:
    """The template of the route that was found, as in `/v1/monitor/jobs/{job_id}`."""
    return _plain(scope.get("path_template") or UNKNOWN)  # Litestar adds it


@lru_cache
def _plain(template: str) -> str:
    return re.sub(r":\w+}", "}", template)


def _method(scope: Scope) -> str:
    """`_OTHER`, as the convention has it, where it is none of HTTP's."""
    method: str = scope["method"]
    return method if method in _METHODS else "_OTHER"
