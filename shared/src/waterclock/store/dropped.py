"""What repairs have dropped: entries that only a log knew, which another has taken the place of.

They are written before the fork that drops them, and count once its `log.forked` is archived. Until then the repair may
come to nothing, and what it would have dropped is still there; or its stream is lost, and nobody else has it any more.
The next opening tells these apart, and lets what is nowhere else count with its own event.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from waterclock.model.positions import Position
from waterclock.store.archive import storable
from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement
from waterclock.wire.envelope import Entry

_TYPES = ["int4", "int8", "int8", "int8", "text", "timestamptz", "text", "text", "text", "bytea"]
_EPOCH = datetime.fromtimestamp(0, UTC)


async def keep(connection: Connection, fork: int, entries: Sequence[Entry]) -> None:
    """Keep entries that the repair in the epoch `fork` is about to drop; each only once."""
    async with (
        connection.transaction(),
        connection.cursor() as cursor,
        cursor.copy(statement("copy_dropped")) as copy,
    ):
        copy.set_types(_TYPES)
        for entry in entries:
            place, told = entry.position, storable(entry)
            at = _EPOCH + timedelta(milliseconds=entry.at)
            await copy.write_row((place.partition, fork, place.epoch, place.seq, entry.prev, at, *told, entry.document))


async def clear_within(connection: Connection, partition: int, fork: int) -> None:
    """Forget the log lines among what one repair drops that were cleared by an event among it."""
    await connection.execute(statement("clear_within_dropped"), {"partition": partition, "fork": fork})


async def clear_job(connection: Connection, job_id: str) -> None:
    """Forget the log lines of a job whose logs were cleared."""
    await connection.execute(statement("clear_dropped"), {"job_id": job_id})


class Kept(NamedTuple):
    """How many entries, and where they begin and end."""

    entries: int
    first: Position
    last: Position


async def open_forks(connection: Connection, partition: int) -> list[int]:
    """Epochs of repairs that have kept something, in which no opening is archived."""
    cursor = await connection.execute(statement("open_forks"), {"partition": partition})
    return [row[0] for row in await cursor.fetchall()]


async def kept(connection: Connection, partition: int, forks: Sequence[int]) -> Kept | None:
    """What is kept of the repairs in these epochs; None for nothing."""
    cursor = await connection.execute(statement("kept_range"), {"partition": partition, "forks": list(forks)})
    row = await cursor.fetchone()
    if row is None or not row[0]:
        return None
    entries, first, last = row
    return Kept(entries, Position(partition, *first), Position(partition, *last))


async def forget_present(connection: Connection, partition: int, forks: Sequence[int], stream: Sequence[Entry]) -> None:
    """Forget what repairs in these epochs kept of entries that are in the stream."""
    places = [entry.position for entry in stream]
    found = {
        "epochs": [place.epoch for place in places],
        "seqs": [place.seq for place in places],
        "prevs": [entry.prev for entry in stream],
    }
    await connection.execute(statement("forget_present"), {"partition": partition, "forks": list(forks), **found})


async def carry(connection: Connection, partition: int, forks: Sequence[int], to: int) -> None:
    """Have what repairs in these epochs kept count with the opening in the epoch `to`, but for what is archived."""
    of = {"partition": partition, "forks": list(forks)}
    async with connection.transaction():
        await connection.execute(statement("forget_known"), of)
        await connection.execute(statement("carry_dropped"), of | {"fork": to})
