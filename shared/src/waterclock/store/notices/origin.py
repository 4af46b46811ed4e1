"""Whom a database tells notices for: one place, so that a copy of it in another sends nothing.

The first notifier that ever ran with it says which; `waterclock notices resume` changes that.
"""

from __future__ import annotations

from typing import NamedTuple

from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement
from waterclock.store.notices.outbox import OLD

SEEN_WITHIN = 30.0
"""Seconds; a place where no notifier was seen for so long has none."""


class Origin(NamedTuple):
    """A place as its settings name it. `address`: of the log, without credentials; `public_url`: empty for none."""

    public_url: str
    address: str
    prefix: str

    def __str__(self) -> str:
        log = f"log {self.address} {self.prefix}"
        return f"{self.public_url} ({log})" if self.public_url else log


async def sends(connection: Connection, here: Origin) -> bool:
    """Whether a notifier here may send; it is noted that there is one."""
    row = await (await connection.execute(statement("look_at_origin"), here._asdict())).fetchone()
    return row is not None and Origin(*row) == here


async def found(connection: Connection) -> tuple[Origin | None, list[Origin]]:
    """The place that sends, and others in which notifiers were seen in the last seconds."""
    rows = await (await connection.execute(statement("silent_origins"), {"within": SEEN_WITHIN})).fetchall()
    speaking = [Origin(*place) for *place, speaks in rows if speaks]
    return (speaking[0] if speaking else None), [Origin(*place) for *place, speaks in rows if not speaks]


async def move(connection: Connection, here: Origin, *, discard: bool) -> int:
    """Let this place send from now on; how many messages waited until now.

    What has waited for more than an hour is told in digests. `discard`: nothing of it is told, and no job is disabled
    because of it.
    """
    async with connection.transaction():
        await connection.execute(statement("silence_origins"))
        await connection.execute(statement("move_origin"), here._asdict())
        waiting = await (await connection.execute(statement("count_waiting_messages"))).fetchone()
        assert waiting is not None
        if discard:
            await connection.execute(statement("drop_messages"))
        else:
            await connection.execute(statement("age_messages"), {"old": OLD})
    return int(waiting[0])
