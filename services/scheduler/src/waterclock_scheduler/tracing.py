"""What a scheduler tells of its decisions in traces. Called only while tracing is on.

    decide, one for each instant or stretch of instants, where a run's trace begins ◄── linked ── append, one for a call

A decision is told once it is appended, for only then is it known what the store made of it: a run, or, where an
unfinished run of the job stood in the way, none. What has folded into the run of another instant is linked to it.
"""

from __future__ import annotations

import msgspec
from opentelemetry.trace import SpanKind

from waterclock.kit.telemetry import catalog, traces
from waterclock.kit.telemetry.semantics import EVENTS, messaging
from waterclock.log.commands.requests import Decided, Quiet, Request
from waterclock.model.events import FireCoalesced, FireSkipped
from waterclock.model.ids import JobId, RunId, was_requested
from waterclock.model.timestamps import Stamp, millis
from waterclock_scheduler.batches import Batch

_decode = msgspec.json.Decoder(FireSkipped | FireCoalesced).decode


class _Wanted(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What is told of a RunRequested."""

    trigger: str
    nominal_at: Stamp


_decode_wanted = msgspec.json.Decoder(_Wanted).decode


def decided(batch: Batch, done: Decided, *, partition: int, seconds: float) -> None:
    """Tell of the decisions of a call that were made, and of the call."""
    met = {(unit, item): (fate, other) for unit, item, fate, other in done.met}
    told: list[str] = []
    for place, ((planned, unit), result) in enumerate(zip(batch, done.results, strict=True)):
        if result != "done":
            continue
        for number, item in enumerate(unit.items):
            if isinstance(item, Quiet):
                one = _folded(unit.job_id, item, seconds)
            else:
                one = _requested(item, met.get((place, number)), done.now, seconds, partition)
                catalog.DECISION_DELAY.exemplify(one, max(0, done.now - planned.next_at) / 1000)
            if traces.sampled(one):
                assert one is not None
                told.append(one)
    if told:
        traces.past(
            f"append {EVENTS}",
            seconds=seconds,
            parent=None,
            links=told,
            kind=SpanKind.CLIENT,
            attributes=messaging("send", "append", EVENTS, partition=partition, count=len(told)),
        )


def _requested(item: Request, met: tuple[str, RunId] | None, now: int, seconds: float, partition: int) -> str | None:
    at = traces.origin(item.run_id)
    if not traces.sampled(at):
        return None
    wanted = _decode_wanted(item.body)
    fate, other = met if met is not None else ("fired", None)
    beside = {} if other is None else {"waterclock.into" if fate == "folded" else "waterclock.blocked_by": other}
    return traces.past(
        f"decide {item.queue}",
        seconds=seconds,
        parent=None,
        at=at,
        links=_of_run(other),
        kind=SpanKind.PRODUCER,
        attributes=messaging(
            "create",
            "decide",
            item.queue,
            partition=partition,
            message=item.run_id,
            run=item.run_id,
            job=item.job_id or "",
            fate=fate,
            trigger=wanted.trigger,
            nominal_at=wanted.nominal_at,
            late_ms=now - millis(wanted.nominal_at),
        )
        | beside,
    )


def _folded(job_id: JobId, item: Quiet, seconds: float) -> str | None:
    """A decision about instants that fire nothing; where they fold into a run, it is linked."""
    event = _decode(item.body)
    into = event.into if isinstance(event, FireCoalesced) else None
    return traces.past(
        "decide",
        seconds=seconds,
        parent=None,
        links=_of_run(into),
        attributes={
            "waterclock.job": job_id,
            "waterclock.fate": "skipped" if into is None else "coalesced",
            "waterclock.first": event.first,
            "waterclock.last": event.last,
            "waterclock.instants": event.count,
        }
        | ({} if into is None else {"waterclock.into": into}),
    )


def _of_run(run_id: RunId | None) -> tuple[str, ...]:
    """Where the trace of a run begins. One started by hand has that of its request, which only that knows."""
    if run_id is None or was_requested(run_id) or (found := traces.origin(run_id)) is None:
        return ()
    return (found,)
