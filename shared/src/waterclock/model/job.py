"""A job: what follows from a command (`decide`), and what an event makes of it (`evolve`).

An edit settles what the old definition still owes before it takes effect. Which instants those are is computed from the
schedule (`model.misfire.settle_edit`) by whoever asks for the edit; here is decided only whether they must be settled.
"""

from __future__ import annotations

from typing import assert_never

import msgspec

from waterclock.model.definition import Definition, Status
from waterclock.model.errors import NotFound, VersionMismatch
from waterclock.model.events import (
    AnyJobEvent,
    EditReason,
    JobChanged,
    JobCreated,
    JobDeleted,
    JobDisabled,
    JobEnabled,
    LogsCleared,
)
from waterclock.model.ids import JobId


class Job(msgspec.Struct, frozen=True, kw_only=True):
    job_id: JobId
    version: int  # grows by one with each change of definition or status
    definition: Definition


class Create(msgspec.Struct, frozen=True, kw_only=True):
    job_id: JobId
    definition: Definition


class Replace(msgspec.Struct, frozen=True, kw_only=True):
    """Replace the whole definition; `version` is the one the caller saw, if it says so."""

    definition: Definition
    reason: str | None = None
    version: int | None = None


class SetStatus(msgspec.Struct, frozen=True, kw_only=True):
    status: Status
    reason: str | None = None
    version: int | None = None


class Delete(msgspec.Struct, frozen=True, kw_only=True):
    reason: str | None = None
    version: int | None = None


class ClearLogs(msgspec.Struct, frozen=True, kw_only=True):
    pass


JobCommand = Create | Replace | SetStatus | Delete | ClearLogs


def decide(job: Job | None, command: JobCommand, *, job_id: JobId) -> tuple[AnyJobEvent, ...]:
    """Say what follows from `command`; nothing, if it already holds.

    Raises:
        NotFound: the job does not exist, or no longer.
        VersionMismatch: the caller decided on another version.
    """
    if isinstance(command, Create):
        if job is not None:
            return ()
        return (JobCreated(job_id=job_id, version=1, definition=command.definition),)
    if job is None:
        raise NotFound("job", job_id)
    if isinstance(command, ClearLogs):
        return (LogsCleared(job_id=job_id),)
    if command.version is not None and command.version != job.version:
        raise VersionMismatch(current=job.version, shown=command.version)
    following = job.version + 1
    match command:
        case Replace(definition=definition, reason=reason):
            if definition == job.definition:
                return ()
            return (JobChanged(job_id=job_id, version=following, definition=definition, reason=reason),)
        case SetStatus(status=status, reason=reason):
            if status == job.definition.status:
                return ()
            event = JobEnabled if status == "0" else JobDisabled
            return (event(job_id=job_id, version=following, reason=reason),)
        case Delete(reason=reason):
            return (JobDeleted(job_id=job_id, version=following, reason=reason),)
        case _:
            assert_never(command)


def evolve(job: Job | None, event: AnyJobEvent) -> Job | None:
    """Apply a fact; None once the job is deleted. It never refuses: what is stored has happened."""
    match event:
        case JobCreated() | JobChanged():
            return Job(job_id=event.job_id, version=event.version, definition=event.definition)
        case JobEnabled() | JobDisabled():
            assert job is not None
            status: Status = "0" if isinstance(event, JobEnabled) else "1"
            definition = msgspec.structs.replace(job.definition, status=status)
            return Job(job_id=job.job_id, version=event.version, definition=definition)
        case JobDeleted():
            return None
        case LogsCleared():
            return job
        case _:
            assert_never(event)


def must_settle(job: Job, events: tuple[AnyJobEvent, ...]) -> EditReason | None:
    """Why what the job still owes has to be settled before these events, or None when it stays owed."""
    if not job.definition.enabled:
        return None
    for event in events:
        match event:
            case JobDisabled():
                return "disabled"
            case JobDeleted():
                return "deleted"
            case JobChanged(definition=definition) if not definition.enabled:
                return "disabled"
            case JobChanged(definition=definition) if not job.definition.schedules_like(definition):
                return "edited"
            case _:
                continue
    return None
