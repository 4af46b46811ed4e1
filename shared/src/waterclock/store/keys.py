"""Keys of the API, as they are stored: by the hash of their secret."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from waterclock.store.pool import Connection
from waterclock.store.statements import statement


class StoredKey(msgspec.Struct, frozen=True, kw_only=True):
    key_id: str
    name: str
    secret_sha256: bytes
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None

    def is_live(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


async def all_keys(connection: Connection) -> list[StoredKey]:
    """Also those that are over, oldest first."""
    rows = await (await connection.execute(statement("api_keys"))).fetchall()
    names = StoredKey.__struct_fields__
    return [msgspec.convert(dict(zip(names, row, strict=True)), StoredKey) for row in rows]


async def add(
    connection: Connection,
    *,
    key_id: str,
    name: str,
    secret_sha256: bytes,
    scopes: Sequence[str],
    valid_for: timedelta | None,
) -> datetime | None:
    """Store a new key; when it expires, if ever."""
    values = {
        "key_id": key_id,
        "name": name,
        "secret_sha256": secret_sha256,
        "scopes": list(scopes),
        "valid_for": valid_for,
    }
    row = await (await connection.execute(statement("add_api_key"), values)).fetchone()
    assert row is not None
    return row[0]


async def revoke(connection: Connection, which: str) -> list[str]:
    """End the key of this id, or all of this name; the ids of those that were not revoked yet."""
    rows = await (await connection.execute(statement("revoke_api_keys"), {"which": which})).fetchall()
    return [row[0] for row in rows]


async def retire(connection: Connection, name: str, overlap: timedelta) -> tuple[str, ...] | None:
    """Let the live keys of a name end after `overlap`, if not sooner; the scopes of the newest, if there is one."""
    values = {"name": name, "overlap": overlap}
    row = await (await connection.execute(statement("retire_api_keys"), values)).fetchone()
    return None if row is None else tuple(row[0])


async def note_used(connection: Connection, used: Mapping[str, datetime]) -> None:
    """Keys by their ids, and when they were last used."""
    values = {"key_ids": list(used), "ats": list(used.values())}
    await connection.execute(statement("note_api_keys_used"), values)
