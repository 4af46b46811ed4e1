"""The zone of jobs that name none (`WATERCLOCK_TIMEZONE`): each API tells its own by the names of its sessions."""

from __future__ import annotations

from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement
from waterclock.wire.level import LEVEL

_TELLS = "zone="


def session_of(zone: str | None) -> str:
    """What the sessions of an API with that setting are called, after the name of the service: its level, and that."""
    return f"level={LEVEL}" + ("" if zone is None else f" {_TELLS}{zone}")


async def zones_told(connection: Connection) -> list[str | None]:
    """The settings of the APIs that have a session with this database now, each once; None: not set."""
    rows = await (await connection.execute(statement("api_sessions", "waterclock_api"))).fetchall()
    return sorted({said.partition(_TELLS)[2] or None for (said,) in rows}, key=str)
