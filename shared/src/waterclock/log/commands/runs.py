"""Single runs: look one up before the read model knows it, or cancel it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Literal, NamedTuple, cast

import msgspec

from waterclock.log.client import Log
from waterclock.log.commands.aside import waits_for
from waterclock.log.commands.bodies import Body
from waterclock.log.commands.idempotency import AnswerGiven, Command, KeyReused, Replayed
from waterclock.log.connection.scripts import Script, always
from waterclock.log.records import Record, end_of, record_of
from waterclock.model.ids import RunId
from waterclock.model.outcomes import RunStatus
from waterclock.model.positions import Position, at_entry


class LiveRun(msgspec.Struct, frozen=True, kw_only=True):
    """An unfinished run. `body` is its RunRequested, `requested` that event's place."""

    run_id: RunId
    record: Record
    body: str
    requested: Position


class EndedRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run that ended not long ago; `position` is its last event's."""

    run_id: RunId
    status: RunStatus
    position: Position


class Cancelled(NamedTuple):
    """`at_once`: it had not started, and has ended; else its attempt was asked to stop. `position`: of the event."""

    position: Position
    at_once: bool


class AlreadyEnded(NamedTuple):
    status: RunStatus


class NoRun(NamedTuple):
    """No such run, or one that ended long ago."""


class _CancelAnswer(AnswerGiven, frozen=True, kw_only=True):
    at_once: bool = False


class _Reply(msgspec.Struct, frozen=True, kw_only=True):
    status: Literal["done", "ended", "norun", "replayed", "reused"]
    entry: str = ""
    at_once: bool = False
    ended: RunStatus = "cancelled"
    answer: _CancelAnswer | None = None


_AT_ONCE = 200  # records read in one call

_CANCEL = Script("cancel", _Reply, acknowledges=always)


async def find_run(log: Log, run_id: str) -> LiveRun | EndedRun | None:
    """A run as its partition knows it now; None if it never was, or ended longer ago than ends are remembered.

    None also where nobody can read its record: the next script that meets it ends the run.
    """
    partition = log.partition_of(run_id)
    packed, body = await _fields(log, partition, run_id, "runs", "specs")
    if packed is not None and body is not None:
        with suppress(msgspec.DecodeError):
            record = record_of(packed)
            requested = at_entry(partition, record.requested)
            return LiveRun(run_id=RunId(run_id), record=record, body=body.decode(), requested=requested)
    for found in await _fields(log, partition, run_id, "ended0", "ended1"):
        with suppress(msgspec.DecodeError):
            end = end_of(found or b"")
            return EndedRun(run_id=RunId(run_id), status=end.status, position=at_entry(partition, end.entry))
    return None


async def queued_since(log: Log, partition: int, run_ids: Sequence[str], *, now: int) -> Mapping[str, int]:
    """Since when those of these runs of a partition that are queued stand in their queues, or lie aside, ms.

    `now`: the partition's clock, ms: a run whose time has come is queued, also where nobody has moved it yet.
    """
    key, found = log.keys.partition(partition, "runs"), dict[str, int]()
    for start in range(0, len(run_ids), _AT_ONCE):
        batch = run_ids[start : start + _AT_ONCE]
        records = cast("list[bytes | None]", await log.execute(key, "HMGET", key, *batch))
        for run_id, packed in zip(batch, records, strict=True):
            with suppress(msgspec.DecodeError, ValueError):  # nobody can read it
                since = None if packed is None else _queued_since(record_of(packed), now)
                if since is not None:
                    found[run_id] = since
    return found


def _queued_since(record: Record, now: int) -> int | None:
    match record.state:
        case "queued" if (aside := waits_for(record)) is not None:
            return aside.since
        case "queued":
            return int(record.entry.partition("-")[0] or record.requested.partition("-")[0])
        case "delayed" if record.ready_at <= now:
            return record.ready_at
        case _:
            return None


async def cancel(
    log: Log, run_id: str, *, command: Command, body_requested: Body, body_cancelled: Body
) -> Cancelled | AlreadyEnded | NoRun | Replayed | KeyReused:
    """Ask that a run be stopped, or end it at once if it does not run. Asked again, it is answered the same.

    `body_requested`: RunCancelRequested, complete. `body_cancelled`: RunCancelled without attempt, fence and settled.
    """
    partition = log.partition_of(run_id)
    payload = {
        "run_id": run_id,
        "command": command,
        "body_requested": body_requested,
        "body_cancelled": body_cancelled,
    }
    reply = await log.call(_CANCEL, partition, payload)
    match reply.status:
        case "done":
            return Cancelled(at_entry(partition, reply.entry), reply.at_once)
        case "ended":
            return AlreadyEnded(reply.ended)
        case "norun":
            return NoRun()
        case "reused":
            return KeyReused()
        case "replayed":
            assert reply.answer is not None
            if command.client or reply.answer.burnt:
                return Replayed(reply.answer.at(partition))
            return Cancelled(at_entry(partition, reply.answer.entry), reply.answer.at_once)


async def _fields(log: Log, partition: int, field: str, *names: str) -> list[bytes | None]:
    keys = [log.keys.partition(partition, name) for name in names]
    return [cast("bytes | None", await log.execute(key, "HGET", key, field)) for key in keys]
