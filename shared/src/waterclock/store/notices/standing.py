"""What was told of the installation itself, kept in one row for all notifiers."""

from __future__ import annotations

import msgspec

from waterclock.model.notices.installation.incidents import Standing
from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement

_decode = msgspec.json.Decoder(Standing).decode


async def read(connection: Connection) -> Standing:
    row = await (await connection.execute(statement("standing"))).fetchone()
    return Standing() if row is None else _decode(bytes(row[0]))


async def hold(connection: Connection) -> Standing:
    """The same; nobody else tells more of it until the caller's transaction ends."""
    row = await (await connection.execute(statement("hold_standing"))).fetchone()
    assert row is not None
    return _decode(bytes(row[0]))


async def keep(connection: Connection, standing: Standing) -> None:
    await connection.execute(statement("keep_standing"), {"document": msgspec.json.encode(standing)})
