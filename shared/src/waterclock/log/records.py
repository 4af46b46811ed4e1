"""The control record of an unfinished run, as `lua/prelude/` writes it: the order of the fields is the agreement."""

from __future__ import annotations

from typing import Literal

import msgspec

from waterclock.model.outcomes import RunStatus


class Record(msgspec.Struct, frozen=True, array_like=True):
    state: Literal["queued", "delayed", "waiting", "running"]
    job_id: str  # empty: a run without a job
    queue: str
    serial: bool  # must not overlap other runs of its job
    requested: str  # entry id of its RunRequested
    ready_at: int  # ms; 0: at once
    place: Literal["due", "again", "suspect", ""]
    entry: str  # its entry there
    attempt: int  # the last granted; 0: none yet
    fence: int
    failures: int  # attempts that used one up
    losses: int
    session: str
    claim: int
    cancel_requested: str  # entry id of its RunCancelRequested; empty: not asked
    steps: int  # number of the attempt's last batch of step events
    settled: int  # fence of the last attempt that its worker ended itself
    requested_at: int = 0  # ms
    aside: str = ""  # what names it in `aside`, where it lies there; place and entry are empty then


class End(msgspec.Struct, frozen=True, array_like=True):
    status: RunStatus
    settled: int  # fence of the last attempt that its worker ended itself
    entry: str  # its last event


record_of = msgspec.msgpack.Decoder(Record).decode
end_of = msgspec.msgpack.Decoder(End).decode
