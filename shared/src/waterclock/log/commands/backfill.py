"""Many runs of a job by one command: all that one call requests, or none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import msgspec

from waterclock.log.client import Log
from waterclock.log.commands.idempotency import AnswerGiven, Command, KeyReused, Replayed
from waterclock.log.commands.requests import Blocked, NoJob, Request, StaleJob, check_queue
from waterclock.log.connection.scripts import Script, Told, always
from waterclock.log.tail import Archive, entries_back
from waterclock.model.events import RequestedState, RunRequested
from waterclock.model.ids import JobId, RunId
from waterclock.model.instants.backfill import RUNS_MOST
from waterclock.model.outcomes import RunStatus
from waterclock.model.positions import Position, at_entry


class Backfilled(NamedTuple):
    """`states`: of the first runs; those beyond would wait behind too many. `position`: of the last requested."""

    position: Position
    states: Sequence[RequestedState | RunStatus | Literal["ended"]]


class _Backfill(msgspec.Struct, frozen=True, kw_only=True):
    command: Command
    job_id: JobId
    version: int
    items: Sequence[Request]


class _Reply(Told, frozen=True, kw_only=True):
    status: Literal["done", "blocked", "nojob", "stale", "replayed", "reused"]
    entry: str = ""
    states: Sequence[RequestedState | RunStatus | Literal["ended"]] = ()
    run_id: str = ""
    answer: AnswerGiven | None = None


_BACKFILL = Script("backfill", _Reply, acknowledges=always)


async def backfill(
    log: Log, job_id: JobId, runs: Sequence[Request], *, command: Command, version: int
) -> Backfilled | Blocked | Replayed | KeyReused | NoJob | StaleJob:
    """Request these runs, 1 to 1000, of a job that has this version. Repeated with the same command, it is answered.

    Raises:
        UnknownQueue: no such queue.
    """
    for queue in {run.queue for run in runs}:
        await check_queue(log, queue)
    partition = log.partition_of(job_id)
    payload = _Backfill(command=command, job_id=job_id, version=version, items=runs)
    reply = await log.call(_BACKFILL, partition, payload)
    match reply.status:
        case "done":
            return Backfilled(at_entry(partition, reply.entry), reply.states)
        case "blocked":
            return Blocked(RunId(reply.run_id))
        case "nojob":
            return NoJob()
        case "stale":
            return StaleJob()
        case "replayed":
            assert reply.answer is not None
            return Replayed(reply.answer.at(partition))
        case "reused":
            return KeyReused()


async def requested_by(log: Log, command_id: str, last: Position, *, archive: Archive) -> list[RunRequested]:
    """The runs that a backfill requested, in their order; `last` is the place of the last, as a repeat is answered.

    They are one stretch of the stream; of what was trimmed since, the archive knows.
    """
    after, before = last._replace(seq=max(0, last.seq - RUNS_MOST)), last._replace(seq=last.seq + 1)
    entries = (await entries_back(log, last.partition, before, count=RUNS_MOST))[::-1]
    if len(entries) < RUNS_MOST and (not entries or entries[0].prev):
        entries = [*await archive.entries(last.partition, after, entries[0].position if entries else before), *entries]
    events = (entry.event for entry in entries)
    return [event for event in events if isinstance(event, RunRequested) and event.command_id == command_id]
