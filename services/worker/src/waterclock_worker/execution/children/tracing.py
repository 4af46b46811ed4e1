"""Spans that an executor makes in a child process: beneath its attempt's, and sent from there.

What sends them takes 0.5 s to import, so it is not before the first of them begins.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any


@contextmanager
def beneath(traceparent: str | None, tracestate: str | None, *, instance: str | None) -> Generator[None]:
    """Let the attempt's span be the current one, and at the end send what stands beneath it, for a bounded time."""
    if traceparent is None:
        yield
        return
    from opentelemetry import trace  # noqa: PLC0415 - costs 60 ms, which only traced attempts shall pay
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

    class Late(trace.TracerProvider):
        def get_tracer(self, *args: Any, **kwargs: Any) -> trace.Tracer:
            return LateTracer(args, kwargs)

    class LateTracer(trace.NoOpTracer):
        def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            self._asked = args, kwargs

        def start_span(self, *args: Any, **kwargs: Any) -> trace.Span:
            return self._real().start_span(*args, **kwargs)

        def start_as_current_span(self, *args: Any, **kwargs: Any) -> Any:
            return self._real().start_as_current_span(*args, **kwargs)

        def _real(self) -> trace.Tracer:
            args, kwargs = self._asked
            return _provider(instance).get_tracer(*args, **kwargs)

    if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        trace.set_tracer_provider(Late())
    told = {"traceparent": traceparent} | ({} if tracestate is None else {"tracestate": tracestate})
    context = TraceContextTextMapPropagator().extract(told)
    try:
        with trace.use_span(trace.get_current_span(context), record_exception=False, set_status_on_exception=False):
            yield
    finally:
        if _made:
            from waterclock.kit.telemetry import traces  # noqa: PLC0415

            traces.shutdown()


_made: list[Any] = []


def _provider(instance: str | None) -> Any:
    """Ours, made where the first span begins; one that makes none while there is nowhere to send them."""
    if not _made:
        from waterclock.kit.settings import TelemetrySettings, read  # noqa: PLC0415
        from waterclock.kit.telemetry import traces  # noqa: PLC0415
        from waterclock.kit.telemetry.otel_settings import read_otel  # noqa: PLC0415

        traces.send_spans("worker", read_otel(read(TelemetrySettings, os.environ), instance=instance))
        _made.append(traces.provider())
    return _made[0]
