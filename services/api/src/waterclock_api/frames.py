"""Events as a client of a stream gets them. One stored event is one frame."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from waterclock.model.events import RunCancelled, RunDied, RunFailed, RunSucceeded, RunTimedOut, StepLogged
from waterclock.model.outcomes import RunStatus
from waterclock.model.positions import Position
from waterclock.wire.envelope import Entry, UnknownEvent

HEARTBEAT = b":\n\n"

_ENDS: dict[type[object], RunStatus] = {
    RunSucceeded: "succeeded",
    RunFailed: "failed",
    RunTimedOut: "timedOut",
    RunCancelled: "cancelled",
    RunDied: "died",
}
STATUS_OF_END: dict[str, RunStatus] = {f"run.{status}": status for status in _ENDS.values()}
_encoder = msgspec.json.Encoder()


class Frame(NamedTuple):
    position: Position
    data: bytes
    ends: RunStatus | None  # how the run ended that it is about


def frame_of(entry: Entry) -> Frame:
    """The stored event as it is; where its lines were cleared away, the gap they left."""
    event = entry.event
    ends = _ENDS.get(type(event))
    if isinstance(event, StepLogged) and event.lines_count and not event.lines:
        told = {"runId": event.run_id, "jobId": event.job_id, "reason": "logsCleared", "lines": event.lines_count}
        return Frame(entry.position, _frame("gap", _encoder.encode(told), entry.position), None)
    tag = event.type if isinstance(event, UnknownEvent) else str(event.__struct_config__.tag)
    return Frame(entry.position, _frame(tag, entry.document, entry.position), ends)


def lost_frame(position: Position, kind: str, some_id: str) -> Frame:
    """Says that what stood between the client's place and this one is not known; it has no id, for what follows has."""
    told = {f"{kind}Id": some_id, "reason": "placeLost"}
    return Frame(position, _frame("gap", _encoder.encode(told), None), None)


def end_frame(run_id: str, status: RunStatus) -> bytes:
    """Says that nothing follows; without a position, so that a client that comes again is told so again."""
    return _frame("end", _encoder.encode({"runId": run_id, "status": status}), None)


def _frame(kind: str, data: bytes, position: Position | None) -> bytes:
    place = b"" if position is None else b"id: %b\n" % str(position).encode()
    return b"%bevent: %b\ndata: %b\n\n" % (place, kind.encode(), data)
