"""Log lines that were cleared are deleted for good, in pieces: a busy job has millions, and nobody waits for them."""

from __future__ import annotations

from waterclock.model.positions import Position
from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement

AT_ONCE = 5_000  # lines in one transaction


async def clear_lines(connection: Connection, job_id: str, before: Position) -> int:
    """Delete the lines of a job that stand before the event by which they were cleared; how many. May be repeated."""
    place: tuple[int, int] = (0, 0)
    deleted = 0
    while True:
        bounds = {
            "job_id": job_id,
            "from_epoch": place[0],
            "from_seq": place[1],
            "before_epoch": before.epoch,
            "before_seq": before.seq,
            "limit": AT_ONCE,
        }
        async with connection.transaction():
            await connection.execute(statement("prefer_lookups"))
            rows = await (await connection.execute(statement("clear_lines"), bounds)).fetchall()
        deleted += len(rows)
        if len(rows) < AT_ONCE:
            return deleted
        place = max(rows)
