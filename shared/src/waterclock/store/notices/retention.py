"""Notices are kept for a time: what was told, to whom, by which readings of clocks it was judged, and what was broken.

What waits stays, and so does the notice of something that lasts: its end takes that back.
"""

from __future__ import annotations

from datetime import timedelta

from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement

AT_ONCE = 1_000  # rows in one transaction
_SWEPT = ("forget_notices", "forget_digests", "forget_trips", "forget_readings", "forget_broken_promises")


async def take(connection: Connection) -> bool:
    """Be the only one who forgets notices, until the session ends; False: another is."""
    row = await (await connection.execute(statement("take_notices"))).fetchone()
    return row is not None and row[0]


async def forget(connection: Connection, age: timedelta) -> int:
    """Let go what is older, by the clock of Postgres; how many rows. The caller is the only one (`take`)."""
    gone = 0
    for name in _SWEPT:
        swept = AT_ONCE
        while swept == AT_ONCE:
            arguments = {"age": age.total_seconds(), "limit": AT_ONCE}
            swept = (await connection.execute(statement(name), arguments)).rowcount
            gone += swept
    return gone
