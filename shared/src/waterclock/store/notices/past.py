"""A stretch of the past as the judge is given it: where it begins and ends, what was so then, the stored readings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import msgspec

from waterclock.model.events import JobChanged, JobCreated, JobDeleted, JobDisabled, JobEnabled
from waterclock.model.ids import JobId
from waterclock.model.job import Job, evolve
from waterclock.model.notices.inputs import JobNow, Reading, Snapshot
from waterclock.model.positions import Position
from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement
from waterclock.store.notices.archived import TYPES
from waterclock.store.notices.snapshot import run_now
from waterclock.wire.envelope import decode_document

JOBS_AT_ONCE = 500

_reading: msgspec.json.Decoder[Reading] = msgspec.json.Decoder(Reading)


class Stretch(NamedTuple):
    """From after one place of a partition through another; `events`: how many of them are judged."""

    after: Position
    through: Position
    events: int


async def stretch(connection: Connection, partition: int, from_ms: int, to_ms: int) -> Stretch | None:
    """What a partition was told from one moment until before another; None if there was nothing of it by then."""
    arguments = {"partition": partition, "from": from_ms, "to": to_ms, "types": TYPES}
    row = await (await connection.execute(statement("stretch"), arguments)).fetchone()
    assert row is not None
    first, last, events = row
    if first is not None:
        return Stretch(Position(partition, first[0], first[1] - 1), Position(partition, *last), events)
    row = await (await connection.execute(statement("place_before"), arguments)).fetchone()
    if row is None:
        return None
    place = Position(partition, *row)
    return Stretch(place, place, 0)


async def snapshot_then(connection: Connection, place: Position, at: int, *, partitions: int) -> Snapshot:
    """The jobs and unfinished runs of a partition after the event at `place`, before anything that was at `at` (ms).

    Runs that retention has deleted since are not there.
    """
    jobs: list[JobNow] = []
    after = ""
    while True:
        arguments = _at(place, at) | {"after": after, "limit": JOBS_AT_ONCE}
        page = await _rows(connection, "jobs_of_partition", arguments)
        if not page:
            break
        after = page[-1][0]
        jobs += await _jobs(connection, [job_id for (job_id,) in page], place, at)
    runs = await _rows(connection, "open_runs_then", _at(place, at))
    return Snapshot(
        positions=(place,), partitions=partitions, jobs=tuple(jobs), runs=tuple(run_now(*row) for row in runs)
    )


async def readings(connection: Connection, over: Stretch, to_ms: int, *, limit: int) -> list[Reading]:
    """Readings of clocks by which something was judged in a stretch, in the order in which they were taken."""
    arguments = {
        "partition": over.after.partition,
        "after_epoch": over.after.epoch,
        "after_seq": over.after.seq,
        "through_epoch": over.through.epoch,
        "through_seq": over.through.seq,
        "to": to_ms,
        "limit": limit,
    }
    return [_reading.decode(bytes(document)) for (document,) in await _rows(connection, "stored_readings", arguments)]


async def _jobs(connection: Connection, job_ids: Sequence[str], place: Position, at: int) -> list[JobNow]:
    arguments = _at(place, at) | {"job_ids": list(job_ids)}
    rows = await _rows(connection, "job_lives_then", arguments)
    succeeded = dict(await _rows(connection, "successes_then", arguments))
    lives = groupby(rows, key=lambda row: row[0])
    found = (_job(JobId(job_id), life, succeeded.get(job_id, 0)) for job_id, life in lives)
    return [job for job in found if job is not None]


def _job(job_id: JobId, life: Iterable[Sequence[Any]], succeeded: int) -> JobNow | None:
    """How a job stood after these events of its life; None if it was gone, or one of them cannot be read."""
    state: Job | None = None
    defined = changed = barred = None
    since = 0
    for _, partition, epoch, seq, at, document in life:
        position, event = Position(partition, epoch, seq), decode_document(bytes(document))
        match event:
            case JobCreated() | JobChanged():
                state, defined, changed, since = evolve(state, event), position, position, at
            case JobEnabled():
                state, changed, since = evolve(state, event), position, at
            case JobDisabled():
                state = evolve(state, event)
            case JobDeleted():
                state = None
            case _:
                return None
        if event.bars or isinstance(event, JobDisabled):
            barred = position
    if state is None or defined is None or changed is None:
        return None
    return JobNow(
        job_id=job_id,
        definition=state.definition,
        version=state.version,
        defined=defined,
        changed=changed,
        quiet_since=max(since, succeeded),
        barred=barred,
    )


def _at(place: Position, at: int) -> dict[str, object]:
    return {"partition": place.partition, "epoch": place.epoch, "seq": place.seq, "at": at}


async def _rows(connection: Connection, name: str, arguments: Mapping[str, object]) -> list[Any]:
    return await (await connection.execute(statement(name), arguments)).fetchall()
