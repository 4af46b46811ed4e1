"""Events as a client of a stream gets them. One stored event is one frame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from waterclock.model.events import RunCancelled, RunDied, RunFailed, RunSucceeded, RunTimedOut, StepLogged
from waterclock.model.outcomes import RunStatus
from waterclock.model.positions import Position
from waterclock.model.timestamps import stamp
from waterclock.wire.envelope import UNREADABLE, Entry, UnknownEvent
from waterclock_api.access.credentials import EndOfGrant

HEARTBEAT = b":\n\n"

_ENDS: dict[type[object], RunStatus] = {
    RunSucceeded: "succeeded",
    RunFailed: "failed",
    RunTimedOut: "timedOut",
    RunCancelled: "cancelled",
    RunDied: "died",
}
_SUBJECT = (("run_id", "runId"), ("job_id", "jobId"), ("attempt", "attempt"))
_encoder = msgspec.json.Encoder()
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Frame(NamedTuple):
    position: Position
    place: bytes  # from which a client that has this frame goes on; empty: as before it
    told: bytes
    ends: RunStatus | None  # how the run ended that it is about

    @property
    def data(self) -> bytes:
        return placed(self.place, self.told)


def frame_of(entry: Entry) -> Frame:
    """The stored event as it is; where its lines were cleared away, the gap they left."""
    event = entry.event
    ends = ends_of(entry)
    place = str(entry.position).encode()
    if isinstance(event, StepLogged) and event.lines_count and not event.lines:
        told = {"runId": event.run_id, "jobId": event.job_id, "attempt": event.attempt, "at": stamp(entry.at)}
        told |= {"reason": "logsCleared", "lines": event.lines_count}
        return Frame(entry.position, place, _told("gap", _encoder.encode(told)), None)
    return Frame(entry.position, place, _told(_name_of(entry), _in_a_line(_with_subject(entry))), ends)


def ends_of(entry: Entry) -> RunStatus | None:
    """How the run ended that an entry ends."""
    event = entry.event
    return event.ends if isinstance(event, UnknownEvent) else _ENDS.get(type(event))


def _with_subject(entry: Entry) -> bytes:
    """The event's document, in which run, job and attempt are named also where it is about none."""
    event = entry.event
    wanting = {wire: value for name, wire in _SUBJECT if not (value := getattr(event, name, None))}
    document = entry.told
    if not wanting:
        return document
    try:
        stored = _members.decode(document)
    except (ValueError, RecursionError):  # of a log batch nobody looks how deep something else in it lies
        return document
    beside = {wire: value for wire, value in wanting.items() if wire not in stored}
    return b"%b,%b" % (document[:-1], _encoder.encode(beside)[1:]) if beside else document


def _in_a_line(document: bytes) -> bytes:
    """As we write it, for nothing in JSON is a line end but blanks: who wrote it by hand may have done otherwise."""
    return document if b"\n" not in document and b"\r" not in document else b" ".join(document.splitlines())


def _name_of(entry: Entry) -> str:
    kind = tag_of(entry)
    return kind if kind.isprintable() else UNREADABLE


def tag_of(entry: Entry) -> str:
    return entry.type


def lost_frame(position: Position, about: Mapping[str, object]) -> Frame:
    """Says that what stood between the client's place and this one is not known; it has no id, for what follows has."""
    return Frame(position, b"", _told("gap", _encoder.encode({**about, "reason": "placeLost"})), None)


def gap_frame(place: bytes, told: Mapping[str, object]) -> bytes:
    """Says that something is missing, and why; with the place from which what follows goes on, if there is one."""
    return placed(place, _told("gap", _encoder.encode(told)))


def end_frame(run_id: str, status: RunStatus) -> bytes:
    """Says that nothing follows; without a position, so that a client that comes again is told so again."""
    return _told("end", _encoder.encode({"runId": run_id, "status": status}))


def closed_frame(why: EndOfGrant) -> bytes:
    """Says that the caller would not be let in any more, and that nothing follows; without a position."""
    return _told("closed", _encoder.encode({"reason": why}))


def placed(place: bytes, told: bytes) -> bytes:
    return b"id: %b\n%b" % (place, told) if place else told


def place_only(place: bytes) -> bytes:
    """A heartbeat that moves the client's place and tells it nothing."""
    return b":\nid: %b\n\n" % place


def _told(kind: str, data: bytes) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), data)
