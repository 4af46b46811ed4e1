"""A command in its request's trace, and the traces of the runs that it asks for.

One run stands in the trace of its request. Of many each has a trace of its own, linked with the request's both ways:
one trace of a thousand runs, a week long, tells nobody anything.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from opentelemetry.trace import SpanKind

from waterclock.kit.telemetry import traces
from waterclock.kit.telemetry.propagation import Given
from waterclock.kit.telemetry.semantics import messaging
from waterclock.model.ids import RunId
from waterclock_api.http.caller import Caller

_OFF = nullcontext()


def asked(caller: Caller, what: str) -> AbstractContextManager[None]:
    """Work on a command: its request's span names it, and what it is refused for."""
    return _told(caller, what) if traces.tracing() else _OFF


@contextmanager
def _told(caller: Caller, what: str) -> Generator[None]:
    traces.describe({"waterclock.command": what, "waterclock.command_id": caller.command.id})
    try:
        yield
    except Exception as error:
        traces.describe({"waterclock.refused": type(error).__name__})
        raise


def became(run_id: RunId, state: str) -> None:
    """Tell of the run that a request has made, and whether it may start, or waits for a time or another run."""
    if traces.tracing():
        traces.describe({"waterclock.run": run_id, "waterclock.state": state})


def apart(run_id: RunId) -> str | None:
    """Where the trace of one of many runs begins; None while tracing is off."""
    return traces.origin(run_id, _cause())


def apart_or_of(caller: Caller, run_id: RunId) -> Given:
    """The trace of one of many runs: its own, or while tracing is off its request's."""
    own = apart(run_id)
    return Given(caller.traceparent, caller.tracestate) if own is None else Given(own)


def created(run_id: RunId, queue: str, *, job: str | None, like: str | None = None) -> None:
    """Tell that one of many runs was requested. `like`: the trace of the run that it repeats."""
    at = apart(run_id)
    if at is None or not traces.sampled(at):
        return
    traces.past(
        f"create {queue}",
        seconds=0,
        parent=None,
        at=at,
        links=[*_cause(), *(() if like is None else (like,))],
        kind=SpanKind.PRODUCER,
        attributes=messaging("create", "create", queue, message=run_id, run=run_id, job=job or ""),
    )
    traces.link(at)


def _cause() -> tuple[str, ...]:
    here = traces.inject()
    return () if here is None else (here,)
