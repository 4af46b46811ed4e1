"""Whose a database is: the identity that its log bears, too, and under which prefix that log is."""

from __future__ import annotations

from typing import NamedTuple

from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement


class Installation(NamedTuple):
    identity: str
    prefix: str


async def installation(connection: Connection) -> Installation | None:
    """None: nobody has said."""
    row = await (await connection.execute(statement("installation"))).fetchone()
    return Installation(*row) if row is not None else None


async def found(connection: Connection, wanted: Installation) -> Installation:
    """Say whose it is, unless that is said; whose it is now."""
    await connection.execute(statement("found_installation"), wanted._asdict())
    said = await installation(connection)
    assert said is not None
    return said


async def move(connection: Connection, prefix: str) -> bool:
    """Say that its log is under another prefix; False: it is there already."""
    return (await connection.execute(statement("move_installation"), {"prefix": prefix})).rowcount > 0
