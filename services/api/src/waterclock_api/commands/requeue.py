"""Asking again for runs whose requests a repair has dropped: as they were asked for, under their own keys.

Whoever asks again with the same key gets the same run, whether before or after. What a schedule had decided is decided
again by itself, for the marks of jobs went back with the log.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, NamedTuple

import msgspec

from waterclock.kit.text.members import said
from waterclock.log.commands.idempotency import Command
from waterclock.log.commands.jobs import StoredJob
from waterclock.log.commands.requests import Request
from waterclock.log.commands.runs import find_run
from waterclock.log.connection.errors import UnknownQueue
from waterclock.model.definition import Definition, Overlap
from waterclock.model.errors import JobGone, KeyReused, NotFound, RunBlocked
from waterclock.model.events import RunRequested, Trigger
from waterclock.model.outcomes import STATUS_OF_TAG, RunStatus
from waterclock.model.timestamps import Stamp, millis, stamp
from waterclock.store.connection.statements import statement
from waterclock.wire.envelope import Entry, request_body
from waterclock_api.commands.context import CommandContext
from waterclock_api.commands.request_run import Outcome, request_alone, request_of_job
from waterclock_api.queries.read_models import PACKAGE
from waterclock_api.queries.sources import COMMAND

KEYS_KEPT_MS = 86_400_000
"""For so long the log knows a client's key."""
DroppedFate = Literal["wouldRequeue", "requeued", "known", "scheduled", "ended", "refused"]
_SCHEDULED: tuple[Trigger, ...] = ("schedule", "catchup")


class RequeuedRun(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A run whose request was dropped."""

    run_id: Annotated[str | None, said("Id of the run.")]
    job_id: Annotated[str | None, said("Id of its job.")]
    fork: Annotated[int, said("Epoch of the repair that dropped the request.")]
    position: Annotated[str, said("Position of the dropped event.")]
    requested_at: Annotated[Stamp, said("When the run was requested.")]
    trigger: Annotated[str | None, said("Origin of the run.")]
    ended: Annotated[RunStatus | None, said("How it had ended, if it had.")]
    key_forgotten: Annotated[
        bool, said("Whether its idempotency key has expired: the same request would start another run.")
    ]
    fate: Annotated[
        DroppedFate,
        said(
            "`wouldRequeue` (dry run) or `requeued`; `known`: the run exists again; `scheduled`: the scheduler decides "
            "it again; `ended`: it had ended and is not executed twice; `refused`: see `detail`."
        ),
    ]
    detail: Annotated[str | None, said("Why it was refused.")] = None


class Requeued(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A page of dropped requests."""

    dry_run: Annotated[bool, said("Whether this is only a report.")]
    matched: Annotated[int, said("Dropped requests on this page.")]
    requeued: Annotated[int, said("Runs that were requested again.")]
    refused: Annotated[int, said("Requests that were refused.")]
    items: Annotated[list[RequeuedRun], said("The requests.")]
    next_cursor: Annotated[str | None, said("`cursor` of the next page; null on the last.")]


class DroppedEntry(NamedTuple):
    """`fork`: the epoch in which it was dropped."""

    fork: int
    entry: Entry


class _Known(NamedTuple):
    ended: RunStatus | None
    is_there: bool


async def requeue(
    context: CommandContext, found: Sequence[DroppedEntry], *, dry_run: bool, executed: bool
) -> list[RequeuedRun]:
    """What becomes of requests that were dropped, in their order.

    Raises:
        TryLater: a job changes all the time.
    """
    wanted = [one.entry.event.run_id for one in found if isinstance(one.entry.event, RunRequested)]
    known = await _known(context, wanted)
    told: list[RequeuedRun] = []
    for one in found:
        event = one.entry.event
        if not isinstance(event, RunRequested):
            told.append(_told(context, one, None, "refused", "Its stored request cannot be read."))
            continue
        fate, detail = await _fate(context, event, known[event.run_id], executed=executed)
        if fate == "wouldRequeue" and not dry_run:
            fate, detail = await _requeued(context, one.entry, event)
        told.append(_told(context, one, known[event.run_id].ended, fate, detail))
    return told


async def _known(context: CommandContext, run_ids: Sequence[str]) -> Mapping[str, _Known]:
    arguments = {"run_ids": list(dict.fromkeys(run_ids)), "ends": list(STATUS_OF_TAG)}
    async with context.reading(COMMAND) as connection:
        cursor = await connection.execute(statement("dropped_runs", PACKAGE), arguments)
        rows = await cursor.fetchall()
    return {run_id: _Known(STATUS_OF_TAG[kind] if kind else None, is_there) for run_id, kind, is_there in rows}


async def _fate(
    context: CommandContext, event: RunRequested, known: _Known, *, executed: bool
) -> tuple[DroppedFate, str | None]:
    if known.is_there or await find_run(context.log, event.run_id) is not None:
        return "known", None
    if event.trigger in _SCHEDULED:
        return "scheduled", None
    if known.ended is not None and not executed:
        return "ended", None
    if event.job_id is not None:
        try:
            await context.memory.job(event.job_id)
        except NotFound:
            return "refused", str(JobGone(event.job_id))
    return "wouldRequeue", None


async def _requeued(context: CommandContext, entry: Entry, event: RunRequested) -> tuple[DroppedFate, str | None]:
    try:
        outcome = await _request(context, entry, event)
    except NotFound:
        return "refused", str(JobGone(event.job_id or ""))
    except (RunBlocked, KeyReused, UnknownQueue) as refusal:
        return "refused", str(refusal)
    return ("known" if outcome.replayed else "requeued"), None


async def _request(context: CommandContext, entry: Entry, event: RunRequested) -> Outcome:
    command = command_of(event)
    body = request_body(entry.document).decode()

    def wanted(overlap: Overlap) -> Request:
        ready_at = 0 if event.ready_at is None else millis(event.ready_at)
        return Request(
            run_id=event.run_id,
            job_id=event.job_id,
            queue=event.queue,
            overlap=overlap,
            ready_at=ready_at,
            body=body,
        )

    async def wish(job: StoredJob) -> Request:
        return wanted(_overlap(job.definition))

    if event.job_id is None:
        return await request_alone(context, command, wanted("allow"))
    return await request_of_job(context, command, event.job_id, wish)


def command_of(event: RunRequested) -> Command:
    """As it was asked for. The many runs of a backfill have one key, and each is known by its own id."""
    client = event.fingerprint is not None and event.trigger != "backfill"
    return Command(id=event.command_id or event.run_id, fingerprint=event.fingerprint or "", client=client)


def _overlap(definition: Definition) -> Overlap:
    return "allow" if definition.concurrent == "0" else definition.overlap


def _told(
    context: CommandContext, one: DroppedEntry, ended: RunStatus | None, fate: DroppedFate, detail: str | None
) -> RequeuedRun:
    entry = one.entry
    event = entry.event if isinstance(entry.event, RunRequested) else None
    forgotten = event is not None and event.fingerprint is not None
    return RequeuedRun(
        run_id=event.run_id if event is not None else None,
        job_id=event.job_id if event is not None else None,
        fork=one.fork,
        position=str(entry.position),
        requested_at=stamp(entry.at),
        trigger=event.trigger if event is not None else None,
        ended=ended,
        key_forgotten=forgotten and context.clock.now_ms() - entry.at > KEYS_KEPT_MS,
        fate=fate,
        detail=detail,
    )
