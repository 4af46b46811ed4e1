"""What the projector takes out of the streams: old entries that are archived, and log lines that were cleared."""

from __future__ import annotations

from typing import Any, cast

import msgspec

from waterclock.log import tail
from waterclock.log.client import Log
from waterclock.model.positions import Position, at_entry
from waterclock.store import archive, dropped
from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement
from waterclock.store.readmodels.clear_logs import clear_lines

MARGIN = 1_000
"""Entries below the archived position that stay: for readers that are a little behind, and for a look back."""
_AT_ONCE = 1_000  # entries deleted in one call


class Keeping(msgspec.Struct, frozen=True, kw_only=True):
    """What of the log stays hot: entries younger than `trim_after` s, and the newest `keep_bytes` of all streams."""

    keep_bytes: int = 256 * 1024 * 1024
    trim_after: float = 3600


async def trim(log: Log, fresh: Connection, partition: int, keeping: Keeping) -> int:
    """Trim a partition's stream; how many entries went.

    `fresh` is a connection made for this: what counts as archived is what the server that now answers has committed.
    """
    archived = await archive.position(fresh, partition)
    if archived is None:
        return 0
    below = Position(partition, archived.epoch, max(0, archived.seq - MARGIN))
    return await tail.trim(
        log,
        partition,
        archived=below,
        keep_bytes=keeping.keep_bytes // log.partitions,
        older_than_ms=int(keeping.trim_after * 1000),
    )


async def delete_cleared(log: Log, connection: Connection, partition: int) -> None:
    """Delete the stream entries of log lines that were cleared, and then the lines. May be stopped and repeated.

    There may be very many, so they go in pieces, beside the projection; nobody is shown them meanwhile.
    """
    mine = {"partition": partition, "partitions": log.partitions}
    clearings = await (await connection.execute(statement("clearings"), mine)).fetchall()
    for number, job_id, epoch, seq in clearings:
        before = Position(number, epoch, seq)
        if number < log.partitions and (oldest := await _oldest(log, number)) is not None:
            await _delete(log, connection, job_id, oldest, before)
        await clear_lines(connection, job_id, before)
        await dropped.clear_job(connection, job_id)
        place = {"partition": number, "job_id": job_id, "epoch": epoch, "seq": seq}
        await connection.execute(statement("forget_clearing"), place)


async def _delete(log: Log, connection: Connection, job_id: str, first: Position, before: Position) -> None:
    """Delete a job's log entries in [first, before)."""
    while True:
        bounds = {
            "job_id": job_id,
            "partition": before.partition,
            "from_epoch": first.epoch,
            "from_seq": first.seq,
            "before_epoch": before.epoch,
            "before_seq": before.seq,
            "limit": _AT_ONCE,
        }
        cursor = await connection.execute(statement("cleared_entries"), bounds)
        rows = await cursor.fetchall()
        await tail.delete_entries(log, before.partition, [f"{epoch}-{seq}" for epoch, seq in rows])
        if len(rows) < _AT_ONCE:
            return
        epoch, seq = rows[-1]
        first = Position(before.partition, epoch, seq + 1)


async def _oldest(log: Log, partition: int) -> Position | None:
    """Where the stream begins now; None while it is empty."""
    key = log.keys.partition(partition, "events")
    rows = cast("list[list[Any]]", await log.execute(key, "XRANGE", key, "-", "+", "COUNT", 1))
    return at_entry(partition, rows[0][0].decode()) if rows else None
