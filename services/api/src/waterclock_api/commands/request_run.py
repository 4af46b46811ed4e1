"""Requests for runs: appended with patience, and answered with the run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from waterclock.log.commands.idempotency import Command, Replayed
from waterclock.log.commands.idempotency import KeyReused as Reused
from waterclock.log.commands.jobs import StoredJob
from waterclock.log.commands.requests import Blocked, Granted, NoJob, Request, Requested, StaleJob
from waterclock.model.durations import moment_ms
from waterclock.model.errors import Flaw, Invalid, KeyReused, NotFound, RunBlocked, TryLater
from waterclock.model.ids import RunId
from waterclock_api.access.credentials import BeyondRun
from waterclock_api.commands.context import CommandContext
from waterclock_api.commands.idempotency import REPLAYED
from waterclock_api.commands.outage_retry import PATIENCE, appended
from waterclock_api.http.response import Answer, answer
from waterclock_api.queries.executor_waits import executor_awaited
from waterclock_api.schemas.requests import RunWrite, TriggerWrite
from waterclock_api.schemas.responses import Asked, Note
from waterclock_api.telemetry import tracing
from waterclock_api.validation.values import duration

PATH = "/v1/monitor/runs"


class Outcome(NamedTuple):
    """`replayed`: the run had been requested by the same command before."""

    run_id: RunId
    replayed: bool


async def request_alone(context: CommandContext, command: Command, wanted: Request) -> Outcome:
    """Request a run that has no job.

    Raises:
        KeyReused: the command's id was used for something else.
    """
    match await _append(context, command, wanted):
        case Requested(run_id=run_id, state=state):
            tracing.became(run_id, state)
            return Outcome(run_id, replayed=False)
        case Replayed(answer=given):
            return Outcome(RunId(given.run_id or wanted.run_id), replayed=True)
        case Reused():
            raise KeyReused
        case Blocked() | NoJob() | StaleJob():
            raise AssertionError("a run without a job has no overlap policy")


async def request_of_job(
    context: CommandContext, command: Command, job_id: str, wish: Callable[[StoredJob], Awaitable[Request]]
) -> Outcome:
    """Request the run that `wish` makes of the job as it stands; asked again when the job has changed meanwhile.

    Raises:
        NotFound: no such job.
        RunBlocked: it may not overlap.
        KeyReused: the command's id was used for something else.
        TryLater: the job changes all the time.
        BeyondRun, Invalid: `wish` refuses, by the job as it is now.
    """
    deadline = context.clock.monotonic() + PATIENCE
    while context.clock.monotonic() < deadline:
        stored = await context.memory.job(job_id)
        try:
            wanted = await wish(stored)
        except (BeyondRun, Invalid):  # by what the job was, perhaps
            if await context.memory.is_as_stored(stored):
                raise
            continue
        match await _append(context, command, wanted, stored.version):
            case Requested(run_id=run_id, state=state):
                tracing.became(run_id, state)
                return Outcome(run_id, replayed=False)
            case Replayed(answer=given):
                return Outcome(RunId(given.run_id or wanted.run_id), replayed=True)
            case Blocked(run_id=run_id):
                raise RunBlocked(run_id, await executor_awaited(context, run_id))
            case NoJob():
                context.memory.forget(job_id)
                raise NotFound("job", job_id)
            case StaleJob():
                context.memory.forget(job_id)
            case Reused():
                raise KeyReused
    raise TryLater("The job keeps changing.")


async def ready_at_of(context: CommandContext, some_id: str, write: TriggerWrite | RunWrite, flaws: list[Flaw]) -> int:
    """When the run of a job, or with an id, may start, ms, by the clock of its partition; 0: at once.

    Raises:
        TryLater: that clock has leapt ahead, and is not believed yet.
    """
    if write.delay is None and write.run_at is None:
        return 0
    return _ready_at(write, await store_now(context, some_id), flaws)


async def store_now(context: CommandContext, some_id: str) -> int:
    """A reading of the clock of the partition that the id belongs to, ms: the one by which its runs start.

    Raises:
        TryLater: it has leapt ahead, and is not believed yet.
    """
    partition = context.log.partition_of(some_id)
    return await appended(context.clock, lambda: context.store_clocks.read(context.log, partition))


def _ready_at(write: TriggerWrite | RunWrite, now: int, flaws: list[Flaw]) -> int:
    if write.delay is not None and write.run_at is not None:
        flaws.append(Flaw("/runAt", "cannot be combined with delay"))
    if write.delay is not None:
        after = duration("delay", write.delay, flaws)
        return now + round(after * 1000) if after else 0
    if write.run_at is None:
        return 0
    try:
        at = moment_ms(write.run_at)
    except ValueError as error:
        flaws.append(Flaw("/runAt", str(error)))
        return 0
    return at if at > now else 0


async def executor_notes(context: CommandContext, run_id: str, executor: str, queue: str) -> tuple[Note, ...]:
    """That runs wait where no live worker can take them; the id is one of a run, or of its job."""
    if not await context.live.lacked(context.log.partition_of(run_id), executor, queue):
        return ()
    said = f"no live worker of queue {queue} has the executor {executor}: its runs wait for one"
    return (Note(pointer=None, message=said),)


def told_run(run_id: RunId, *, replayed: bool = False, notes: tuple[Note, ...] = ()) -> Answer:
    """202 with the run that the command is about."""
    headers = {"Location": f"{PATH}/{run_id}"} | (REPLAYED if replayed else {})
    return answer(Asked(run_id=run_id, notes=notes), status=202, headers=headers)


async def _append(context: CommandContext, command: Command, wanted: Request, version: int | None = None) -> Granted:
    return await appended(context.clock, lambda: context.gathering.request(wanted, command=command, version=version))
