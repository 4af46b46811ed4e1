"""One transaction for a batch of events: archive, read models and position move together or not at all.

Who moves the position from where it was is the only one to write; another projector waits at that row and then finds
that it came too late. So each event counts once, however many projectors there are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec
from psycopg import Rollback
from psycopg.types.json import Jsonb

from waterclock.model.positions import Position
from waterclock.model.readmodels.change_types import Change
from waterclock.model.readmodels.changes_by_event import ended_unreadably, project
from waterclock.model.readmodels.merge import Batch, fold
from waterclock.store import archive, job_ends, quarantine
from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement
from waterclock.wire.envelope import Entry, UnknownEvent

_encoder = msgspec.json.Encoder()
_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")


def batch_of(entries: Sequence[Entry]) -> Batch:
    """What consecutive entries of one partition change."""
    return fold(change for entry in entries for change in changes_of(entry))


def changes_of(entry: Entry) -> tuple[Change, ...]:
    """What an entry changes: of one that cannot be read as much as its tag tells, of an unknown type nothing."""
    event = entry.event
    if not isinstance(event, UnknownEvent):
        return project(entry.position, entry.at, event)
    if event.ends is None or event.run_id is None:
        return ()
    return ended_unreadably(
        entry.position,
        entry.at,
        tag=event.named,
        run_id=event.run_id,
        attempt=event.attempt,
        reason=event.flaw or "",
    )


async def apply(connection: Connection, after: Position | None, entries: Sequence[Entry], batch: Batch) -> bool:
    """Archive and project entries that follow `after`; False, and nothing done, if that is not the position (any more).

    `batch` is `batch_of(entries)`. The partition has its row in `partitions`.
    """
    async with connection.transaction() as transaction:
        if not await _advance(connection, after, entries[-1], batch.server):
            raise Rollback(transaction)
        leaves = await archive.write(connection, entries, batch.lines)
        await quarantine.add(connection, entries)
        async with connection.pipeline():  # Postgres works them off while we read on
            await write_models(connection, batch)
            if batch.cleared:
                rows = Jsonb(batch.cleared, dumps=_encode)
                await connection.execute(statement("note_clearings"), {"rows": rows})
            await job_ends.count(connection, entries[-1].position.partition)
            await archive.link(connection, entries, leaves)
            await connection.execute(statement("notify_projected"), {"position": str(entries[-1].position)})
        return True
    return False


async def write_models(connection: Connection, batch: Batch) -> None:
    """Write a batch to the read models, in the caller's transaction."""
    await connection.execute(statement("prefer_lookups"))
    for name, rows in (
        ("end_attempts", batch.all_ended),
        ("end_steps", batch.ended),
        ("write_jobs", batch.jobs),
        ("write_runs", batch.runs),
        ("write_attempts", batch.attempts),
        ("write_steps", batch.steps),
        ("write_decisions", batch.decisions),
        ("write_workers", batch.workers),
        ("write_executors", batch.executors),
        ("write_mutes", batch.mutes),
    ):
        if rows:
            await connection.execute(statement(name), {"rows": Jsonb(rows, dumps=_encode)})


async def _advance(connection: Connection, after: Position | None, last: Entry, server: str | None) -> bool:
    place = last.position
    old_epoch, old_seq = (after.epoch, after.seq) if after is not None else (0, 0)
    cursor = await connection.execute(
        statement("advance"),
        {
            "partition": place.partition,
            "old_epoch": old_epoch,
            "old_seq": old_seq,
            "epoch": place.epoch,
            "seq": place.seq,
            "at": last.at,
            "server": server,
        },
    )
    return cursor.rowcount == 1


def _encode(rows: Any) -> bytes:
    """Rows as JSON without the character that Postgres cannot store; the archived document still has it."""
    text = _encoder.encode(rows)
    return _NUL.sub(rb"\1\\ufffd", text) if rb"\u0000" in text else text
