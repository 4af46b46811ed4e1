"""What a partition holds, as its archived events tell it: the state from which a log that lost its end is repaired.

What stands in a partition's keys follows from events: definitions and marks are folded into the read model of jobs;
here is the rest. An unfinished run is folded from its own events (`evolve`), its place behind others of its job from
all unfinished ones (`waiting_from`), and what a repeated call is answered from single events (`ended`, `answered`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

import msgspec
from msgspec.structs import replace

from waterclock.model.definition import Definition
from waterclock.model.events import (
    JobEvent,
    LogsCleared,
    NoticesMuted,
    NoticesUnmuted,
    QueuePaused,
    QueueResumed,
    ResultRefused,
    RunCancelled,
    RunCancelRequested,
    RunDied,
    RunFailed,
    RunLost,
    RunRequested,
    RunRetryScheduled,
    RunStarted,
    RunSucceeded,
    RunTimedOut,
    StoredEvent,
)
from waterclock.model.ids import JobId, RunId
from waterclock.model.outcomes import RunStatus
from waterclock.model.positions import Position
from waterclock.model.timestamps import Stamp, millis

ENDS_KEPT_MS = 600_000
"""How long ends and our own command ids are remembered."""
KEYS_KEPT_MS = 86_400_000
"""How long the keys of clients are."""

_STATUS: dict[type[StoredEvent], RunStatus] = {
    RunSucceeded: "succeeded",
    RunFailed: "failed",
    RunTimedOut: "timedOut",
    RunCancelled: "cancelled",
    RunDied: "died",
}


class KnownJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job that exists. `barred_through`: place of the last event that barred its runs."""

    job_id: JobId
    version: int
    definition: Definition
    created_at: Stamp
    updated_at: Stamp
    mark: int  # ms
    barred_through: Position | None
    last_success: int = 0  # ms: the latest instant, or request without one, of its runs that succeeded


class Unfinished(msgspec.Struct, frozen=True, kw_only=True):
    """A run that has not ended. A *placed* one is due, or will be at `ready_at`."""

    run_id: RunId
    job_id: JobId | None
    queue: str
    serial: bool
    requested: Position
    requested_at: int  # ms
    state: Literal["placed", "waiting", "running"]
    again: bool = False  # given back: before those that are due
    ready_at: int = 0  # ms; 0: at once
    attempt: int = 0  # the last granted
    fence: int = 0
    failures: int = 0  # attempts that used one up
    losses: int = 0  # of those that count
    cancel_requested: Position | None = None
    settled: int = 0  # fence of the last attempt that its worker ended itself


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    run_id: RunId
    status: RunStatus
    settled: int  # as of an unfinished one
    position: Position


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """What a command was answered. `fingerprint` None: it was one of our own."""

    command_id: str
    fingerprint: str | None
    position: Position
    run_id: RunId | None = None
    version: int = 0  # of the job after it
    at_once: bool = False  # a cancel that ended the run


class Standing(NamedTuple):
    """An unfinished run of a job. `waits`: it was told to, and has not started since.

    `released` is the place of the last event that let runs of the job overlap.
    """

    job_id: JobId
    requested: Position
    waits: bool
    released: Position | None


def evolve(run: Unfinished | None, position: Position, event: StoredEvent, *, at: int) -> Unfinished | None:
    """Apply the next event of one run, requested at `at` (ms); None when the run has ended.

    Events that change nothing may be among them.
    """
    match event:
        case RunRequested():
            return _requested(position, event, at)
        case _ if run is None or type(event) in _STATUS:
            return None
        case RunStarted(attempt=attempt, fence=fence):
            return replace(run, state="running", again=False, attempt=attempt, fence=fence)
        case RunRetryScheduled(fence=fence, ready_at=ready_at):
            failures = run.failures + 1
            return replace(run, state="placed", ready_at=millis(ready_at), failures=failures, settled=fence)
        case RunLost(reason="handedBack", fence=fence, ready_at=str(ready_at)):
            return replace(run, state="placed", ready_at=millis(ready_at), settled=fence)
        case RunLost(reason="handedBack", fence=fence):
            return replace(run, state="placed", again=True, settled=fence)
        case RunLost(reason=reason):
            return replace(run, state="placed", again=True, losses=run.losses + (reason == "leaseExpired"))
        case RunCancelRequested() if run.cancel_requested is None:
            return replace(run, cancel_requested=position)
        case _:
            return run


def waiting_from(runs: Iterable[Standing]) -> dict[JobId, Position]:
    """Where the line of each job begins: its waiting runs from there on still wait, any earlier one has been let go.

    A run that waits is let go by an event that releases all of its job, or, the first of the line, when no other run
    of the job is unfinished but those that wait too. So if none but waiting ones are left, the first has been let go.
    """
    firsts: dict[JobId, list[Position]] = {}  # the two that have waited longest
    busy: set[JobId] = set()
    for run in runs:
        if not run.waits or (run.released is not None and run.requested < run.released):
            busy.add(run.job_id)
        else:
            firsts[run.job_id] = sorted([*firsts.get(run.job_id, ()), run.requested])[:2]
    lines = {job_id: line if job_id in busy else line[1:] for job_id, line in firsts.items()}
    return {job_id: line[0] for job_id, line in lines.items() if line}


def lined_up(run: Unfinished, lines: dict[JobId, Position]) -> Unfinished:
    """The run where it stands now, by what `waiting_from` said."""
    if run.state != "waiting" or run.job_id is None:
        return run
    begins = lines.get(run.job_id)
    return run if begins is not None and run.requested >= begins else replace(run, state="placed")


def ended(position: Position, event: StoredEvent) -> Ended | None:
    """The end of a run, if the event is one."""
    match event:
        case RunSucceeded() | RunFailed() | RunTimedOut():
            settled = event.fence
        case RunCancelled() | RunDied():
            settled = event.fence if event.settled is None else event.settled
        case _:
            return None
    return Ended(run_id=event.run_id, status=_STATUS[type(event)], settled=settled, position=position)


def answered(position: Position, event: StoredEvent) -> Answered | None:
    """What the command that led to the event was answered, if it is remembered by its id.

    A run that was requested by a command of ours is not: its own id derives from the command's.
    """
    if isinstance(event, ResultRefused):
        return Answered(command_id=f"refused {event.run_id} {event.fence}", fingerprint=None, position=position)
    if event.command_id is None:
        return None
    known = Answered(command_id=event.command_id, fingerprint=event.fingerprint, position=position)
    match event:
        case RunRequested(run_id=run_id) if event.fingerprint is not None:
            return replace(known, run_id=run_id)
        case RunCancelRequested(run_id=run_id) | RunCancelled(run_id=run_id):
            return replace(known, run_id=run_id, at_once=isinstance(event, RunCancelled))
        case LogsCleared() | QueuePaused() | QueueResumed() | NoticesMuted() | NoticesUnmuted():
            return known
        case JobEvent():
            return replace(known, version=event.version)
        case _:
            return None


def paused(events: Iterable[tuple[Position, StoredEvent]]) -> dict[str, Position]:
    """The queues that are paused, and since which event; `events` are those of one partition, in order."""
    found: dict[str, Position] = {}
    for position, event in events:
        match event:
            case QueuePaused(queue=queue):
                found[queue] = position
            case QueueResumed(queue=queue):
                found.pop(queue, None)
            case _:
                continue
    return found


def _requested(position: Position, event: RunRequested, at: int) -> Unfinished:
    return Unfinished(
        run_id=event.run_id,
        job_id=event.job_id,
        queue=event.queue,
        serial=event.serial,
        requested=position,
        requested_at=at,
        state="waiting" if event.state == "waiting" else "placed",
        ready_at=millis(event.ready_at) if event.ready_at is not None else 0,
    )
