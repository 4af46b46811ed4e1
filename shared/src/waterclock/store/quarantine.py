"""Events that nobody can read: kept beside the archive, counted, and told until somebody says that they are known."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import psycopg
from psycopg.errors import ProgramLimitExceeded

from waterclock.model.positions import Position
from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement
from waterclock.wire.envelope import FLAW_MOST, Entry, UnknownEvent

POISON: tuple[type[Exception], ...] = (
    psycopg.DataError, psycopg.IntegrityError, ProgramLimitExceeded, ValueError, OverflowError, RecursionError
)  # fmt: skip
"""What an event raises that cannot be stored: its values are beyond what columns, indexes or JSON hold."""

_EPOCH = datetime.fromtimestamp(0, UTC)


class Quarantined(NamedTuple):
    position: Position
    type: str
    run_id: str | None
    job_id: str | None
    reason: str


async def add(connection: Connection, entries: Sequence[Entry]) -> None:
    """Keep those of the entries that cannot be read, in the transaction that archives them."""
    rows = [_row(entry, entry.event) for entry in entries if isinstance(entry.event, UnknownEvent) and entry.event.flaw]
    if rows:
        async with connection.cursor() as cursor:
            await cursor.executemany(statement("add_quarantined"), rows)


async def count(connection: Connection) -> int:
    """How many there are that nobody has said are known."""
    row = await (await connection.execute(statement("count_quarantined"))).fetchone()
    assert row is not None
    return row[0]


async def listed(connection: Connection, limit: int, partition: int | None = None) -> list[Quarantined]:
    """The first of these."""
    cursor = await connection.execute(statement("quarantined"), {"limit": limit, "partition": partition})
    return [Quarantined(Position(*row[:3]), *row[3:]) for row in await cursor.fetchall()]


async def know(connection: Connection, partition: int) -> int:
    """Tell those of a partition no more; how many there were."""
    return (await connection.execute(statement("know_quarantined"), {"partition": partition})).rowcount


def reason_of(error: Exception) -> str:
    """Why an event cannot be stored: the same each time it is tried."""
    said = error.diag.message_primary if isinstance(error, psycopg.Error) else None
    return f"it cannot be stored: {said or ' '.join(str(error).split()) or type(error).__name__}"[:FLAW_MOST]


def _row(entry: Entry, event: UnknownEvent) -> dict[str, Any]:
    place = entry.position
    return {
        "partition": place.partition,
        "epoch": place.epoch,
        "seq": place.seq,
        "at": _EPOCH + timedelta(milliseconds=entry.at),
        "type": event.named,
        "job_id": event.job_id,
        "run_id": event.run_id,
        "reason": (event.flaw or "").replace("\0", "\N{REPLACEMENT CHARACTER}"),
        "document": entry.document,
    }
