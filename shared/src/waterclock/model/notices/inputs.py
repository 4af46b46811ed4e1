"""What the judge is given, in the order of each partition's events."""

from __future__ import annotations

import msgspec

from waterclock.model.definition import Definition
from waterclock.model.events import StoredEvent, Trigger
from waterclock.model.ids import JobId, RunId
from waterclock.model.outcomes import RunStatus
from waterclock.model.positions import Position
from waterclock.model.timestamps import Stamp


class Seen(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An archived event."""

    position: Position
    at: int  # ms, by the partition's clock
    event: StoredEvent


class Unread(msgspec.Struct, frozen=True, kw_only=True):
    """An archived event that nobody can read, and what it tells all the same."""

    position: Position
    at: int
    flaw: str
    job_id: JobId | None = None
    run_id: RunId | None = None
    ends: RunStatus | None = None  # how it ended its run


class Passed(msgspec.Struct, frozen=True, kw_only=True):
    """Up to here the partition has no more to judge."""

    position: Position


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """The clock of a partition, and its last position then, from a primary that no other has taken the place of.

    It is given when all events up to that position are. Before, it only says whether the clock has jumped.
    """

    clock: int
    last: Position
    partitions: int  # how many there are now
    expected: int | None = None  # the clock by the reading before, carried on; None: there was none


class JobNow(msgspec.Struct, frozen=True, kw_only=True):
    job_id: JobId
    definition: Definition
    version: int
    defined: Position  # of the event that says so
    changed: Position  # of its last change or enable
    quiet_since: int  # its last success that was no backfill's; or it was created, enabled or edited since
    barred: Position | None = None  # of its last disable: what runs requested before were to do is closed


class RunNow(msgspec.Struct, frozen=True, kw_only=True):
    """An unfinished run, and its job as it was when it was requested, as far as that is known."""

    run_id: RunId
    trigger: Trigger
    requested: Position
    requested_at: int
    queue: str
    job_id: JobId | None = None
    definition: Definition | None = None
    defined: Position | None = None
    labels: dict[str, str] = {}
    nominal_at: Stamp | None = None
    started: bool = False
    attempt: int = 0
    attempt_at: int | None = None  # since when the attempt runs; None: none does


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """All jobs and unfinished runs of these partitions, as they are at these positions."""

    positions: tuple[Position, ...]
    partitions: int  # how many there are
    jobs: tuple[JobNow, ...] = ()
    runs: tuple[RunNow, ...] = ()


class Hole(msgspec.Struct, frozen=True, kw_only=True):
    """Events that nobody has were not judged: all after `after`, up to `through`, where the snapshot was taken."""

    after: Position
    through: Position
    at: int
    snapshot: Snapshot


Input = Seen | Unread | Passed | Reading | Hole
