"""The present as the judge begins with it: jobs, unfinished runs and positions, read at one moment."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from waterclock.model.definition import Definition
from waterclock.model.events import JobChanged, JobCreated
from waterclock.model.ids import JobId, RunId
from waterclock.model.notices.inputs import JobNow, RunNow, Snapshot
from waterclock.model.positions import Position
from waterclock.model.timestamps import stamp
from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement
from waterclock.wire.envelope import decode_document

_definition: msgspec.json.Decoder[Definition] = msgspec.json.Decoder(Definition)
_labels: msgspec.json.Decoder[dict[str, str]] = msgspec.json.Decoder(dict[str, str])


async def read(connection: Connection, positions: Mapping[int, Position], *, partitions: int) -> Snapshot:
    """Jobs and unfinished runs of these partitions, which are projected up to there.

    The caller has read where they are in the same transaction of `one_moment`.
    """
    return Snapshot(
        positions=tuple(positions[partition] for partition in sorted(positions)),
        partitions=partitions,
        jobs=tuple(await _jobs(connection, positions)),
        runs=tuple(await _runs(connection, positions)),
    )


async def _jobs(connection: Connection, partitions: Collection[int]) -> list[JobNow]:
    cursor = await connection.execute(statement("snapshot_jobs"), {"partitions": list(partitions)})
    return [
        JobNow(
            job_id=JobId(job_id),
            definition=_definition.decode(definition),
            version=version,
            defined=Position(*place[0:3]),
            changed=Position(*place[3:6]),
            quiet_since=place[6],
            barred=None if place[8] is None else Position(*place[7:10]),
        )
        for job_id, version, definition, *place in await cursor.fetchall()
    ]


async def _runs(connection: Connection, partitions: Collection[int]) -> list[RunNow]:
    cursor = await connection.execute(statement("snapshot_runs"), {"partitions": list(partitions)})
    return [run_now(*row) for row in await cursor.fetchall()]


def run_now(
    run_id: str,
    trigger: Any,
    partition: int,
    epoch: int,
    seq: int,
    requested_at: int,
    queue: str,
    job_id: str | None,
    labels: str,
    nominal: int | None,
    started: bool,
    attempt: int,
    attempt_at: int | None,
    *defined: Any,
) -> RunNow:
    document = defined[3]
    event = None if document is None else decode_document(bytes(document))
    of = event.definition if isinstance(event, JobCreated | JobChanged) else None
    return RunNow(
        run_id=RunId(run_id),
        trigger=trigger,
        requested=Position(partition, epoch, seq),
        requested_at=requested_at,
        queue=queue,
        job_id=None if job_id is None else JobId(job_id),
        definition=of,
        defined=Position(*defined[:3]) if of is not None else None,
        labels=_labels.decode(labels),
        nominal_at=None if nominal is None else stamp(nominal),
        started=started,
        attempt=attempt,
        attempt_at=attempt_at,
    )
