"""The manifest: written last, it says that a backup is whole. Who reads backups trusts it alone."""

from __future__ import annotations

from typing import Annotated

import msgspec

from waterclock_worker.executors.backup.faults import StoreFault
from waterclock_worker.executors.backup.s3.store import Store

FORMAT = "waterclock.backup/1"
_MOST = 1024 * 1024  # bytes


class Manifest(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What is known of a backup. Moments are RFC 3339 in UTC."""

    format: Annotated[str, msgspec.Meta(pattern=r"^waterclock\.backup/1$")] = FORMAT
    object: str
    database: str
    size: int
    sha256: str
    parts: int
    part_size: int
    verified_at: str | None
    """When the stored object was read back and found whole; null if nobody asked."""
    pg_dump_version: str
    server_version: str
    include_schemas: tuple[str, ...] = ()
    exclude_tables: tuple[str, ...] = ()
    compressed: bool
    run_id: str
    attempt: int
    fence: int
    nominal_at: str | None
    started_at: str
    finished_at: str

    @property
    def is_verified(self) -> bool:
        return self.verified_at is not None


_decode = msgspec.json.Decoder(Manifest).decode


async def write(store: Store, key: str, manifest: Manifest) -> None:
    body = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    await store.put(key, body, content_type="application/json")


async def read(store: Store, key: str) -> Manifest | None:
    """The manifest at `key`; None if there is none, or what is there is not one of ours."""
    try:
        return _decode(await store.get_small(key, most=_MOST))
    except StoreFault as fault:
        if fault.code == "NoSuchKey":
            return None
        raise
    except msgspec.DecodeError:
        return None
