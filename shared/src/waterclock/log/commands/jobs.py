"""Definitions of jobs: read them, and change them at the version and mark that the caller saw."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Literal, NamedTuple, cast

import msgspec

from waterclock.log.client import Log
from waterclock.log.clock import TOLERANCE_MS
from waterclock.log.commands.bodies import Body, body_of
from waterclock.log.commands.idempotency import AnswerGiven, Command, KeyReused, Replayed
from waterclock.log.commands.requests import Unit, check_queues, with_replacing
from waterclock.log.connection.errors import ClockAhead, Halted, Unreadable
from waterclock.log.connection.scripts import Script, Told, always
from waterclock.log.gates import gate_of
from waterclock.model.definition import Definition
from waterclock.model.events import AnyJobEvent
from waterclock.model.ids import JobId
from waterclock.model.positions import Position, at_entry
from waterclock.model.timestamps import Stamp

_SCANNED = 500  # jobs asked for at once


class StoredJob(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A job as its partition holds it. `mark` is the moment through which it is decided, ms."""

    job_id: JobId
    version: int
    definition: Definition
    created_at: Stamp
    updated_at: Stamp
    barred_through: str = "0-0"  # entry id of the last disable
    mark: int = 0


class Appended(NamedTuple):
    position: Position
    mark: int


class Raced(NamedTuple):
    """The job's version (0: it does not exist) and mark are these, or the new mark is beyond the partition's clock."""

    version: int
    mark: int


Defined = Appended | Raced | Replayed | KeyReused


class _Define(msgspec.Struct, frozen=True, kw_only=True):
    job_id: JobId
    command: Command
    expected_version: int
    expected_mark: int | None
    through: int | None
    expected_now: int | None
    tolerance: int
    units: Sequence[Unit]
    body: Body
    version: int
    job: str | None
    bars: bool
    releases: bool


class _Reply(Told, frozen=True, kw_only=True):
    status: Literal["done", "raced", "ahead", "replayed", "reused"]
    entry: str = ""
    version: int = 0
    mark: int = 0
    now: int = 0
    answer: AnswerGiven | None = None


_DEFINE = Script("define", _Reply, acknowledges=always)
_RELIEVE = Script("define", _Reply, relieving=True, acknowledges=always)
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(StoredJob)


async def load_job(log: Log, job_id: str) -> StoredJob | None:
    """A job; None if there is none.

    Raises:
        Unreadable: something else is in its place.
        Halted: as `load_jobs`.
    """
    (found,) = await load_jobs(log, [JobId(job_id)])
    if isinstance(found, Unreadable):
        raise found
    return found


async def load_jobs(log: Log, job_ids: Sequence[JobId]) -> list[StoredJob | Unreadable | None]:
    """Each of these jobs, which all belong to one partition; None where there is none.

    Raises:
        Halted: one is not there, and the partition is not open, so it may have been lost.
    """
    if not job_ids:
        return []
    partition = log.partition_of(job_ids[0])
    stored = await _fields(log, log.keys.partition(partition, "jobs"), job_ids)
    if None in stored:
        if not (await gate_of(log, partition)).opened:
            raise Halted(f"Partition {partition} is not open on this Redis server.")
        stored = await _fields(log, log.keys.partition(partition, "jobs"), job_ids)
    marks = await _fields(log, log.keys.partition(partition, "marks"), job_ids)
    return [
        _read(job_id, one, mark) if one is not None else None
        for job_id, one, mark in zip(job_ids, stored, marks, strict=True)
    ]


async def scan_jobs(log: Log, partition: int) -> AsyncIterator[list[StoredJob | Unreadable]]:
    """All jobs of a partition, in batches; one that changes meanwhile may come twice."""
    key = log.keys.partition(partition, "jobs")
    cursor = b"0"
    while True:
        cursor, flat = cast(
            "tuple[bytes, list[bytes]]", await log.execute(key, "HSCAN", key, cursor, "COUNT", _SCANNED)
        )
        if flat:
            names = [name.decode(errors="replace") for name in flat[::2]]
            marks = await _fields(log, log.keys.partition(partition, "marks"), names)
            yield [_read(name, one, mark) for name, one, mark in zip(names, flat[1::2], marks, strict=True)]
        if cursor == b"0":
            return


async def marks_of(log: Log, partition: int) -> list[tuple[JobId, int]]:
    """The mark of each job of a partition, ms; one that changes meanwhile may come twice."""
    key = log.keys.partition(partition, "marks")
    found: list[tuple[JobId, int]] = []
    cursor = b"0"
    while True:
        cursor, flat = cast(
            "tuple[bytes, list[bytes]]", await log.execute(key, "HSCAN", key, cursor, "COUNT", _SCANNED)
        )
        found += [
            (JobId(name.decode(errors="replace")), int(mark)) for name, mark in zip(flat[::2], flat[1::2], strict=True)
        ]
        if cursor == b"0":
            return found


async def define(
    log: Log,
    job_id: JobId,
    *,
    command: Command,
    expected_version: int,
    expected_mark: int | None,
    through: int | None,
    units: Sequence[Unit],
    event: AnyJobEvent,
    job: StoredJob | None,
    bars: bool = False,
    releases: bool = False,
    expected_now: int | None = None,
) -> Defined:
    """Append what the job still owes and then a change of it, all or nothing.

    `expected_version` 0: the job must not exist. `through`: the new mark, ms, not before the old one and not beyond a
    reading of `clock.now`. `job`: as it is after the event; None deletes it. `bars`: runs requested before the event
    never start. `releases`: the job's waiting runs may overlap from now on.

    Raises:
        ClockAhead: the store's clock is far beyond `expected_now`.
        UnknownQueue: a unit names a queue that does not exist.
    """
    await check_queues(log, units)
    payload = _Define(
        job_id=job_id,
        command=command,
        expected_version=expected_version,
        expected_mark=expected_mark,
        through=through,
        expected_now=expected_now,
        tolerance=TOLERANCE_MS,
        units=with_replacing(units),
        body=body_of(event),
        version=job.version if job is not None else expected_version + 1,
        job=job and _encoder.encode(job).decode(),
        bars=bars,
        releases=releases,
    )
    partition = log.partition_of(job_id)
    reply = await log.call(_RELIEVE if bars or job is None else _DEFINE, partition, payload)
    match reply.status:
        case "done":
            return Appended(at_entry(partition, reply.entry), reply.mark)
        case "raced":
            return Raced(reply.version, reply.mark)
        case "replayed":
            assert reply.answer is not None
            return Replayed(reply.answer.at(partition))
        case "reused":
            return KeyReused()
        case "ahead":
            assert expected_now is not None
            raise ClockAhead(reply.now, expected_now)


def kept(job: StoredJob, barred_through: str) -> str:
    """The text of a job in its partition, as `define` writes it; its mark stands elsewhere."""
    return f"{job.version} {barred_through} {_encoder.encode(job).decode()}"


async def _fields(log: Log, key: str, fields: Sequence[str]) -> list[bytes | None]:
    return cast("list[bytes | None]", await log.execute(key, "HMGET", key, *fields))


def _read(job_id: str, stored: bytes, mark: bytes | None) -> StoredJob | Unreadable:
    try:
        return _stored_job(stored, mark)
    except (msgspec.DecodeError, ValueError) as error:
        return Unreadable("job", job_id, error)


def _stored_job(stored: bytes, mark: bytes | None) -> StoredJob:
    _, barred_through, told = stored.split(b" ", 2)
    job = _decoder.decode(told)
    # Set in place: nobody has seen the job yet, and a copy would be a third of what it costs to read one of a million.
    msgspec.structs.force_setattr(job, "barred_through", barred_through.decode())
    msgspec.structs.force_setattr(job, "mark", int(mark or 0))
    return job
