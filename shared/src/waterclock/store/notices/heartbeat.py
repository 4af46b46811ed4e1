"""Who sends the heartbeat, and when: a lease of one row."""

from __future__ import annotations

from collections.abc import Sequence

from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement


async def claim(connection: Connection, *, every: float, lease: float, claim: str) -> int | None:
    """Claim the next heartbeat for so many seconds, if it is due: how often it has failed; None: not now."""
    arguments = {"every": every, "lease": lease, "claim": claim}
    row = await (await connection.execute(statement("claim_heartbeat"), arguments)).fetchone()
    return None if row is None else row[0]


async def sent(connection: Connection, claim: str) -> None:
    await _settle(connection, claim, said=None, sent=True, after=0.0)


async def failed(connection: Connection, claim: str, *, said: str, after: float) -> None:
    """It was sent and not taken: it is sent again after so many seconds."""
    await _settle(connection, claim, said=said, sent=True, after=after)


async def withheld(connection: Connection, claim: str, *, said: str, after: float) -> None:
    """It was not sent, for not all is well as this notifier sees it."""
    await _settle(connection, claim, said=said, sent=False, after=after)


async def untried(connection: Connection, channels: Sequence[str], *, after: float) -> int:
    """How many messages of these channels have been due for so many seconds, and nobody has tried to send them."""
    arguments = {"channels": list(channels), "after": after}
    row = await (await connection.execute(statement("untried_messages"), arguments)).fetchone()
    assert row is not None
    return row[0]


async def _settle(connection: Connection, claim: str, *, said: str | None, sent: bool, after: float) -> None:
    arguments = {"claim": claim, "said": said, "sent": sent, "after": after}
    await connection.execute(statement("settle_heartbeat"), arguments)
