"""Keys of the API, as they are stored: by the hash of their secret."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement


class StoredKey(msgspec.Struct, frozen=True, kw_only=True):
    key_id: str
    name: str
    secret_sha256: bytes
    scopes: tuple[str, ...]
    rate: float | None  # requests a second, if it is the key's own
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None

    def is_live(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class KeyChange(msgspec.Struct, frozen=True, kw_only=True):
    """What a key was after a change of it. `said_by` is what the verb told; role and address are the session's own.

    `verb` None: none of ours did it.
    """

    at: datetime
    change: str
    key_id: str
    name: str
    scopes: tuple[str, ...]
    rate: float | None
    expires_at: datetime | None
    verb: str | None
    said_by: str | None
    reason: str | None
    db_role: str
    address: str | None


async def all_keys(connection: Connection) -> list[StoredKey]:
    """Also those that are over, oldest first."""
    rows = await (await connection.execute(statement("api_keys"))).fetchall()
    names = StoredKey.__struct_fields__
    return [msgspec.convert(dict(zip(names, row, strict=True)), StoredKey) for row in rows]


async def changes(connection: Connection, which: str | None = None) -> list[KeyChange]:
    """What was done with keys, oldest first: with all, or with those of an id or a name."""
    rows = await (await connection.execute(statement("api_key_changes"), {"which": which})).fetchall()
    names = KeyChange.__struct_fields__
    return [msgspec.convert(dict(zip(names, row, strict=True)), KeyChange) for row in rows]


async def say_who(connection: Connection, *, verb: str, said_by: str, reason: str | None) -> None:
    """Whom changes of keys are put down to, until the transaction ends that must be under way."""
    await connection.execute(statement("say_who"), {"verb": verb, "said_by": said_by, "reason": reason or ""})


async def add(
    connection: Connection,
    *,
    key_id: str,
    name: str,
    secret_sha256: bytes,
    scopes: Sequence[str],
    valid_for: timedelta | None,
    rate: float | None = None,
) -> datetime | None:
    """Store a new key; when it expires, if ever."""
    values = {
        "key_id": key_id,
        "name": name,
        "secret_sha256": secret_sha256,
        "scopes": list(scopes),
        "rate": rate,
        "valid_for": valid_for,
    }
    row = await (await connection.execute(statement("add_api_key"), values)).fetchone()
    assert row is not None
    return row[0]


async def revoke(connection: Connection, which: str) -> list[str]:
    """End the key of this id, or all of this name; the ids of those that were not revoked yet."""
    rows = await (await connection.execute(statement("revoke_api_keys"), {"which": which})).fetchall()
    return [row[0] for row in rows]


async def retire(connection: Connection, name: str, overlap: timedelta) -> tuple[tuple[str, ...], float | None] | None:
    """Let the live keys of a name end after `overlap`, if not sooner; scopes and rate of the newest, if any."""
    values = {"name": name, "overlap": overlap}
    row = await (await connection.execute(statement("retire_api_keys"), values)).fetchone()
    return None if row is None else (tuple(row[0]), row[1])


async def note_used(connection: Connection, used: Mapping[str, datetime]) -> None:
    """Keys by their ids, and when they were last used."""
    values = {"key_ids": list(used), "ats": list(used.values())}
    await connection.execute(statement("note_api_keys_used"), values)
