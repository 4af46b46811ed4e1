"""Commands on jobs: load, decide, settle what is owed, append at the version and mark that were seen.

A lost race is decided again, for 2 s.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from waterclock.kit.telemetry import traces
from waterclock.log.commands import fires
from waterclock.log.commands.idempotency import KeyReused as Reused
from waterclock.log.commands.idempotency import Replayed
from waterclock.log.commands.jobs import Appended, Defined, Raced, StoredJob, define, load_job
from waterclock.log.commands.requests import Request, Unit
from waterclock.model.definition import Definition
from waterclock.model.errors import KeyReused, NameTaken, NotFound, TryLater, VersionMismatch
from waterclock.model.events import AnyJobEvent, EditReason, JobCreated
from waterclock.model.ids import ID_PATTERN, JobId
from waterclock.model.instants.misfire import policy_of, settle_edit
from waterclock.model.instants.timetable import named_by
from waterclock.model.job import Create, Delete, Job, JobCommand, Replace, SetStatus, decide, evolve, must_settle
from waterclock.model.positions import Position
from waterclock.model.timestamps import Stamp, stamp
from waterclock_api.commands.context import CommandContext
from waterclock_api.commands.names import free_name, take_name
from waterclock_api.commands.outage_retry import PATIENCE, appended
from waterclock_api.http.caller import Caller
from waterclock_api.telemetry.tracing import apart, created

UNITS_MOST = 10
"""A longer backlog is left to the scheduler; the edit comes again."""


class Change(NamedTuple):
    """The job after a command, None when it is gone; `position` None: nothing had to change.

    `replayed`: the same command had changed it already.
    """

    job: StoredJob | None
    position: Position | None
    replayed: bool = False


class _Plan(NamedTuple):
    """What is appended with the event; `through` None: the mark stays."""

    units: tuple[Unit, ...] = ()
    after: Stamp | None = None
    through: int | None = None


async def create(context: CommandContext, caller: Caller, job_id: JobId, definition: Definition) -> Change:
    """
    Raises:
        NameTaken, KeyReused, TryLater.
    """
    await take_name(context.log, context.clock, context.odd_names, definition, job_id, caller.command)
    (event,) = decide(None, Create(job_id=job_id, definition=definition), job_id=job_id)
    deadline = context.clock.monotonic() + PATIENCE
    while context.clock.monotonic() < deadline:
        now = await appended(context.clock, lambda: _now(context, job_id))
        change = await _append(context, caller, None, event, _Plan(after=stamp(now), through=now))
        if isinstance(change, Change):
            return change
        if change.version:
            raise KeyReused  # the key is older than a day, and its job lives
    raise TryLater("The partition's clock keeps changing.")


async def load(context: CommandContext, job_id: str) -> StoredJob:
    """
    Raises:
        NotFound: no such job.
    """
    stored = await load_job(context.log, job_id) if ID_PATTERN.fullmatch(job_id) else None
    if stored is None:
        raise NotFound("job", job_id)
    return stored


async def edit(context: CommandContext, caller: Caller, job_id: str, command: JobCommand) -> Change:
    """
    Raises:
        NotFound, VersionMismatch, NameTaken, TryLater.
    """
    deadline = context.clock.monotonic() + PATIENCE
    while context.clock.monotonic() < deadline:
        stored = await load(context, job_id)
        job = Job(job_id=stored.job_id, version=stored.version, definition=stored.definition)
        events = decide(job, _at_version(command, caller, stored.version), job_id=stored.job_id)
        if not events:
            return Change(stored, None)
        following = evolve(job, events[0])
        if following is not None and _name(following.definition) != _name(stored.definition):
            after = following.definition
            await take_name(context.log, context.clock, context.odd_names, after, stored.job_id, caller.command)
        plan = await _plan(context, caller, stored, job, events)
        change = await _append(context, caller, stored, events[0], plan)
        if isinstance(change, Change):
            if change.job is None or _name(change.job.definition) != _name(stored.definition):
                after = None if change.job is None else change.job.definition
                await free_name(context.log, stored.definition, after, stored.job_id)
            return change
    raise TryLater("The job was changed by others at the same time; nothing was stored.")


async def _append(
    context: CommandContext, caller: Caller, stored: StoredJob | None, event: AnyJobEvent, plan: _Plan
) -> Change | Raced:
    event = msgspec.structs.replace(
        event,
        actor=caller.actor,
        command_id=caller.command.id,
        traceparent=traces.inject() or caller.traceparent,
        after=plan.after,
        through=None if plan.through is None else stamp(plan.through),
    )
    partition = context.log.partition_of(event.job_id)
    following = _following(stored, event, stamp(plan.through or await context.decisive_now(partition)))
    before, after = stored and stored.definition, following and following.definition

    async def call() -> Defined:
        return await define(
            context.log,
            event.job_id,
            command=caller.command,
            expected_version=stored.version if stored is not None else 0,
            expected_mark=stored.mark if stored is not None and plan.through is not None else None,
            through=plan.through,
            units=plan.units,
            event=event,
            job=following,
            bars=before is not None and before.enabled and after is not None and not after.enabled,
            releases=before is not None and after is not None and before.overlap != "allow" == after.overlap,
            expected_now=None if plan.through is None else context.store_clocks.of(partition).now(),
        )

    match await appended(context.clock, call):
        case Appended(position=position):
            for item in (item for unit in plan.units for item in unit.items if isinstance(item, Request)):
                created(item.run_id, item.queue, job=item.job_id)
            return Change(following, position)
        case Raced() as raced:
            return raced
        case Replayed(answer=answer) if answer.burnt:
            definition = after or before
            assert definition is not None
            raise NameTaken(*_name(definition))
        case Replayed(answer=answer):  # the first reply was lost on its way, or the client's key came twice at once
            return Change(following, answer.position, replayed=True)
        case Reused():
            raise KeyReused


async def _now(context: CommandContext, job_id: JobId) -> int:
    """A reading of the clock of the job's partition, ms.

    Raises:
        ClockAhead: it has leapt ahead, and is not believed yet.
    """
    return await context.store_clocks.read(context.log, context.log.partition_of(job_id))


async def _plan(
    context: CommandContext, caller: Caller, stored: StoredJob, job: Job, events: tuple[AnyJobEvent, ...]
) -> _Plan:
    """What the job still owes, and where its mark goes."""
    following = evolve(job, events[0])
    enables = not job.definition.enabled and following is not None and following.definition.enabled
    reason = must_settle(job, events)
    if reason is None and not enables:
        return _Plan()
    now = max(stored.mark, await _now(context, stored.job_id))
    units = () if reason is None else _owed(caller, stored, reason, now)
    settled = units[-1].through if units else stored.mark
    return _Plan(units, stamp(settled), now)


def _owed(caller: Caller, stored: StoredJob, reason: EditReason, now: int) -> tuple[Unit, ...]:
    """
    Raises:
        TryLater: the backlog is long.
    """
    definition = stored.definition
    named = named_by(stored.job_id, definition)
    units: list[Unit] = []
    mark = stored.mark
    while mark < now:
        settlement = settle_edit(named, mark=mark, now=now, policy=policy_of(definition), reason=reason)
        unit = fires.unit(stored, settlement, mark=mark, actor=caller.actor, command_id=caller.command.id, trace=apart)
        if unit.items:
            units.append(unit)
        if len(units) > UNITS_MOST:
            raise TryLater("The scheduler is still deciding a long backlog of this job.", after_s=5)
        mark = settlement.through
    return tuple(units)


def _following(stored: StoredJob | None, event: AnyJobEvent, at: Stamp) -> StoredJob | None:
    """The job as its partition shall hold it after the event."""
    job = stored and Job(job_id=stored.job_id, version=stored.version, definition=stored.definition)
    after = evolve(job, event)
    if after is None:
        return None
    if stored is None:
        assert isinstance(event, JobCreated)
        return StoredJob(
            job_id=after.job_id, version=after.version, definition=after.definition, created_at=at, updated_at=at
        )
    changed = after.version != stored.version
    return msgspec.structs.replace(
        stored, version=after.version, definition=after.definition, updated_at=at if changed else stored.updated_at
    )


def _at_version(command: JobCommand, caller: Caller, current: int) -> JobCommand:
    """The command with the version that the caller saw, if it says so."""
    if caller.versions is None or not isinstance(command, Replace | SetStatus | Delete):
        return command
    seen = current if current in caller.versions else max(caller.versions, default=None)
    if seen is None:
        raise VersionMismatch(current=current)
    return msgspec.structs.replace(command, version=seen)


def _name(definition: Definition) -> tuple[str, str]:
    return definition.job_group, definition.job_name
