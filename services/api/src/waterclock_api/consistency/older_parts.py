"""Projectors and APIs of an earlier release that are at work beside this one: what they do not know, they lose.

An older projector leaves a member of a job that is new out of the read models, an older API out of what it answers and
writes. Each says its level to Postgres: a projector by a lock, an API by the name of its sessions.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement
from waterclock.wire.level import LEVEL


class OlderPart(NamedTuple):
    """`address`: from where its sessions come; empty where Postgres does not tell."""

    part: str
    address: str
    sessions: int

    def __str__(self) -> str:
        at = f" at {self.address}" if self.address else ""
        return f"{self.part}{at} ({self.sessions} session{'s' * (self.sessions != 1)})"


async def older_parts(connection: Connection, *, level: int = LEVEL) -> tuple[OlderPart, ...]:
    """Those that are connected with this database now, and know nothing of `level`."""
    rows = await (await connection.execute(statement("older_parts", "waterclock_api"), {"level": level})).fetchall()
    counted: Counter[tuple[str, str]] = Counter((part, address) for part, address in rows)
    return tuple(OlderPart(part, address, sessions) for (part, address), sessions in counted.items())
