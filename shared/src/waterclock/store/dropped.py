"""What repairs have dropped: entries that only a log knew, which another has taken the place of.

They are written before the fork that drops them, and count once its `log.forked` is archived. Until then the repair may
come to nothing, and what it would have dropped is still there.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

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


async def open_forks(connection: Connection, partition: int) -> list[int]:
    """Epochs of repairs that have kept something, and whose `log.forked` is not archived."""
    cursor = await connection.execute(statement("open_forks"), {"partition": partition})
    return [row[0] for row in await cursor.fetchall()]


async def forget(connection: Connection, partition: int, forks: Sequence[int]) -> None:
    """Forget what repairs in these epochs kept: they came to nothing."""
    await connection.execute(statement("forget_fork"), {"partition": partition, "forks": list(forks)})
