"""Live events without I/O: bytes of a stream (SSE) → events, and where to go on when it breaks off."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from waterclock.client.errors import (
    Closed,
    Forbidden,
    Refused,
    TryLater,
    Unauthenticated,
    Uncertain,
    Unreachable,
    Unreadable,
)
from waterclock.client.exchange import Request, back_off, target_of
from waterclock.client.request import Stream

END, GAP, CLOSED = "end", "gap", "closed"
UNKNOWN = "credentialsUnknown"
"""The reason of a stream that is closed since credentials cannot be checked: they may be good, so it is tried again."""
SILENCE = 45.0
"""s without a byte after which a stream is taken for broken: the API sends a comment each 15 s."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """`kind`: `run.started`, `step.log`, …; `gap`: what stood there is gone; `end`: nothing follows.

    `closed`: nothing more is told, since the credential has ended; what is followed goes on.
    `position` is the place from which a stream can go on after it, in the log or, in a stream of all events, in every
    partition; `end`, `closed`, and some gaps, have none.
    """

    kind: str
    position: str | None
    data: dict[str, Any]

    @property
    def run_id(self) -> str | None:
        return self.data.get("runId")

    @property
    def job_id(self) -> str | None:
        return self.data.get("jobId")


_FIELDS = frozenset({"data", "event", "id"})
_LINE_MOST = 64 * 1024 * 1024  # bytes; far more than any of ours


class Frame(NamedTuple):
    """A place alone says how far a stream is that has nothing to tell."""

    place: str | None
    event: Event | None


class Frames:
    """Bytes as they come → frames as they are whole."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._fields: dict[str, str] = {}

    def feed(self, data: bytes) -> Iterator[Frame]:
        """
        Raises:
            Unreadable: it is no stream of ours.
        """
        first, *more = data.split(b"\n")
        self._rest += first
        if len(self._rest) > _LINE_MOST:
            raise Unreadable("the stream is not from a Waterclock API: it has a line without an end")
        if not more:
            return
        lines, self._rest = [bytes(self._rest), *more[:-1]], bytearray(more[-1])
        for raw in lines:
            line = raw.decode(errors="replace").removesuffix("\r")
            if line:
                name, _, value = line.partition(":")
                if name in _FIELDS:
                    self._fields[name] = value.removeprefix(" ")
                continue
            fields, self._fields = self._fields, {}
            if "event" in fields:
                yield Frame(fields.get("id"), _event(fields))
            elif "id" in fields:
                yield Frame(fields["id"], None)


class Follower:
    """Where a stream is. The shell opens `request()`, feeds what comes, and pauses as `broken` says.

    `patience`: seconds of pauses without a byte between them, after which it is given up.
    """

    def __init__(self, stream: Stream, *, patience: float) -> None:
        self.ended = False
        self._heard = False
        self._stream = stream
        self._patience = patience
        self._place = stream.after
        self._frames = Frames()
        self._tries, self._waited = 0, 0.0
        self._hole = False

    def request(self) -> Request:
        headers = {"Accept": "text/event-stream"}
        if self._place is not None:
            headers["Last-Event-ID"] = self._place
        return Request(method="GET", target=target_of(self._stream.path, self._stream.query), headers=headers)

    def feed(self, data: bytes) -> Iterator[Event]:
        """
        Raises:
            Closed: after the event that says so; what opened the stream opens it no more.
        """
        self._tries, self._waited, self._heard = 0, 0.0, True
        if self._hole:
            self._hole = False
            yield Event(kind=GAP, position=None, data={"reason": "reconnectedWithoutPlace"})
        for place, event in self._frames.feed(data):
            self._place = place or self._place
            if event is None:
                continue
            if event.kind == CLOSED and event.data.get("reason") == UNKNOWN:
                continue
            self.ended = event.kind == END
            yield event
            if event.kind == CLOSED:
                raise Closed(str(event.data.get("reason")))
            if self.ended:
                return

    def broken(self, error: Refused | Unreachable | None) -> float:
        """Seconds after which to come again; `error` None: the stream was closed without one.

        Raises:
            ApiError: it is no use, or `patience` is at its end.
        """
        self._frames = Frames()
        # A run's stream begins with its first event each time; any other that named no place yet begins anew, with now.
        self._hole = self._place is None and self._stream.subject != "run"
        if self._heard and isinstance(error, Unauthenticated | Forbidden):
            raise Closed(str(error)) from error
        if isinstance(error, Refused) and not isinstance(error, TryLater | Uncertain):
            raise error
        self._tries += 1
        seconds = back_off(self._tries, error.retry_after if isinstance(error, Refused) else None)
        if self._waited + seconds > self._patience:
            raise error or Unreadable("the stream ends as soon as it is opened")
        self._waited += seconds
        return seconds


def _event(fields: dict[str, str]) -> Event:
    try:
        data = msgspec.json.decode(fields.get("data", ""), type=dict[str, Any])
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"the stream is not from a Waterclock API: {error}") from None
    return Event(kind=fields["event"], position=fields.get("id"), data=data)
