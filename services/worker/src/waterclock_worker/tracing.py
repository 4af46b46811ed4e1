"""What a worker tells of its runs in their traces. Called only while tracing is on.

create │ request ─► claim ─► attempt 1 ─► steps, and spans of the executor's own
                 ─► claim ─► attempt 2, linked to attempt 1 ─► …
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from opentelemetry.trace import Span, SpanKind

from waterclock.kit.telemetry import catalog, traces
from waterclock.kit.telemetry.semantics import messaging
from waterclock.log.commands.attempts import Grant
from waterclock.model.events import RunRequested
from waterclock.model.outcomes import Error

GROUP = "workers"
_WELL = frozenset({"succeeded", "cancelled", "returned"})


class Granted(Protocol):
    """What is told of an attempt."""

    traceparent: str | None

    @property
    def grant(self) -> Grant: ...
    @property
    def request(self) -> RunRequested: ...
    @property
    def partition(self) -> int: ...


def claimed(attempts: Sequence[Granted], *, seconds: float, session: str) -> None:
    """Tell of a claim in the trace of each run that it granted, and once of all of them, where they are several."""
    parents = [
        traces.origin(one.grant.run_id) if one.request.traceparent is None else traces.decided(one.request.traceparent)
        for one in attempts
    ]
    whole = _whole(attempts, parents, seconds, session) if len(attempts) > 1 else None
    for attempt, parent in zip(attempts, parents, strict=True):
        if not traces.sampled(parent):
            attempt.traceparent = parent
            continue
        attempt.traceparent = traces.past(
            f"claim {attempt.request.queue}",
            seconds=seconds,
            parent=parent,
            state=attempt.request.tracestate,
            links=() if whole is None else (whole,),
            kind=SpanKind.CLIENT,
            attributes=messaging(
                "receive",
                "claim",
                attempt.request.queue,
                partition=attempt.partition,
                message=attempt.grant.run_id,
                group=GROUP,
                client=session,
                run=attempt.grant.run_id,
                waited_ms=attempt.grant.waited,
            ),
        )
        if attempt.grant.waited >= 0:
            catalog.START_DELAY.exemplify(attempt.traceparent, attempt.grant.waited / 1000, attempt.request.queue)


def _whole(attempts: Sequence[Granted], parents: Sequence[str | None], seconds: float, session: str) -> str | None:
    links = [parent for parent in parents if parent is not None and traces.sampled(parent)]
    if not links:
        return None
    queues = ",".join(sorted({one.request.queue for one in attempts}))
    return traces.past(
        f"claim {queues}",
        seconds=seconds,
        parent=None,
        links=links,
        kind=SpanKind.CLIENT,
        attributes=messaging(
            "receive",
            "claim",
            queues,
            partition=attempts[0].partition,
            count=len(attempts),
            group=GROUP,
            client=session,
        ),
    )


def begun(attempt: Granted, *, executor: str) -> Span:
    """The attempt's span, beneath its claim; it is linked to the attempt before."""
    grant, queue = attempt.grant, attempt.request.queue
    parent = attempt.traceparent
    assert parent is not None
    if not traces.sampled(parent):
        return traces.begun("", parent=parent, state=attempt.request.tracestate)
    span = traces.begun(
        f"attempt {queue}",
        parent=parent,
        state=attempt.request.tracestate,
        at=traces.of_attempt(parent, grant.run_id, grant.attempt),
        links=() if grant.attempt == 1 else (traces.of_attempt(parent, grant.run_id, grant.attempt - 1),),
        kind=SpanKind.CONSUMER,
        attributes=messaging(
            "process",
            "attempt",
            queue,
            partition=attempt.partition,
            message=grant.run_id,
            group=GROUP,
            run=grant.run_id,
            attempt=grant.attempt,
            fence=grant.fence,
            executor=executor,
            job=attempt.request.job_id or "",
        ),
    )
    attempt.traceparent = traces.inject(span)
    return span


def ended(span: Span, outcome: str, error: Error | None) -> None:
    span.set_attribute("waterclock.outcome", outcome)
    if outcome not in _WELL:
        traces.failed(span, outcome if error is None else error.type)
    span.end()


def step(
    traceparent: str, tracestate: str | None, name: str, number: int, *, seconds: float, status: str, error: str | None
) -> None:
    """Tell of a step that has ended now."""
    traces.past(
        f"step {name}",
        seconds=seconds,
        parent=traceparent,
        state=tracestate,
        attributes={"waterclock.step": number, "waterclock.status": status},
        error=error,
    )
