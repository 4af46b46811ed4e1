"""Messages that are muted: settled as such, and not sent; but what lasts when the mute is over is sent then.

Which mutes there are is a read model, written with their events: whoever looks here knows each mute that is archived.
"""

from __future__ import annotations

from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement
from waterclock.store.notices.deliveries import Claimed


async def release(connection: Connection) -> int:
    """Let go out what a mute that is over had kept back, as far as it lasts; how many messages."""
    return (await connection.execute(statement("release_messages"))).rowcount


async def settle_waiting(connection: Connection) -> int:
    """Settle those that nobody has; how many."""
    return (await connection.execute(statement("mute_messages"), {"number": None, "claim": None})).rowcount


async def settle_claimed(connection: Connection, one: Claimed, claim: str) -> bool:
    """Whether one that is about to be sent is muted, and so is not sent."""
    settled = await connection.execute(statement("mute_messages"), {"number": one.number, "claim": claim})
    return settled.rowcount == 1


async def count(connection: Connection, channel: str, since: int, through: int) -> int:
    """How many messages of a channel are muted that would have told of something between these moments, ms."""
    arguments = {"channel": channel, "since": since, "through": through}
    row = await (await connection.execute(statement("count_muted"), arguments)).fetchone()
    assert row is not None
    return row[0]
