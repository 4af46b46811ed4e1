"""What a backup is asked, and what it answers."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from waterclock.kit.references import END
from waterclock.model.parameters.builtin_checks import backup_flaws, refuse, store_flaws
from waterclock.model.places import DEFAULT
from waterclock_worker.executors.reach.references import Reference

ENDPOINT = rf"^https?://[A-Za-z0-9._:\[\]-]+/?{END}"
_FOLDER = rf"^[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*{END}"
_TEXT = rf"^[^\x00-\x1f\x7f]+{END}"
_BUCKET = rf"^[A-Za-z0-9._-]{{1,255}}{END}"
_REGION = rf"^[a-z0-9-]{{1,64}}{END}"

Name = Annotated[
    str, Meta(pattern=_TEXT, max_length=63, description="A name without the controls of ASCII.", examples=["shop"])
]
Folder = Annotated[
    str,
    Meta(
        pattern=_FOLDER,
        max_length=200,
        description="Folders with / between them, not before or behind: letters, digits and - _ . in each, no . first.",
        examples=["backups/shop"],
    ),
]
Bucket = Annotated[
    str, Meta(pattern=_BUCKET, description="1 to 255 letters, digits, dots, - and _.", examples=["shop-backups"])
]
Endpoint = Annotated[
    str,
    Meta(
        pattern=ENDPOINT,
        max_length=255,
        description="http:// or https://, a host, and a port if it has one; no path but a last /.",
        examples=["https://s3.example.com"],
    ),
]
Region = Annotated[str, Meta(pattern=_REGION, description="1 to 64 of a-z, 0-9 and -.", examples=["eu-central-1"])]
PlaceName = Annotated[
    str,
    Meta(pattern=rf"^[A-Za-z0-9_-]{{1,64}}{END}", description="1 to 64 letters, digits, - and _.", examples=["shop"]),
]
Older = Meta(
    description="Of a job of before places: taken where it is what the place has or lists. Name a `place` instead.",
    extra_json_schema={"deprecated": True},
)
Pattern = Annotated[
    str,
    Meta(pattern=_TEXT, max_length=200, description="A name or a pattern as pg_dump reads it.", examples=["public.t*"]),
]
Patterns = Annotated[tuple[Pattern, ...], Meta(max_length=200)]


class StoreParams(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Which database, and where its backups lie: a place, which the worker's configuration describes."""

    place: PlaceName = DEFAULT
    database: Name | None = None
    """By default the one in the connection's URL."""
    prefix: Folder | None = None
    """By default the place's folder, or `backups`."""
    connection: Annotated[Reference | None, Older] = None
    bucket: Annotated[Bucket | None, Older] = None
    endpoint: Annotated[Endpoint | None, Older] = None
    region: Annotated[Region | None, Older] = None
    access_key: Annotated[Reference | None, Older] = None
    secret_key: Annotated[Reference | None, Older] = None

    def __post_init__(self) -> None:
        refuse(store_flaws({"database": self.database, "endpoint": self.endpoint}, stored=True))


class BackupParams(StoreParams, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What is left out is as the place has it; secrets are named, never given."""

    include_schemas: Patterns = ()
    exclude_tables: Patterns = ()
    compress: bool = True
    upload_to_s3: bool = msgspec.field(default=True, name="uploadToS3")
    """Always true: a backup that stays on the worker would be no backup."""
    cleanup_old_backups: bool = True
    retention_days: Annotated[int, Meta(ge=0, le=36_500)] | None = None
    """By default 7, or the place's floor where that is higher."""
    keep_last: Annotated[int, Meta(ge=1, le=100_000)] | None = None
    """By default 1, or the place's floor where that is higher."""
    verify: bool = True
    part_size_mib: Annotated[int, Meta(ge=5, le=512)] = msgspec.field(default=8, name="partSizeMiB")
    """At least this; more where the database is so large that the parts would be too many."""
    lock_timeout: Annotated[float, Meta(gt=0, le=86_400)] = 60
    """Seconds to wait for a lock that somebody else holds on a table."""

    def __post_init__(self) -> None:
        refuse(backup_flaws({"uploadToS3": self.upload_to_s3}, stored=True))
        super().__post_init__()


class BackupResult(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The backup that stands now."""

    database: str
    bucket: str
    object: str
    """The object's key."""
    manifest: str
    """The manifest's key."""
    size: int
    sha256: str
    parts: int
    verified: bool
    duration_ms: int
    restore_command: str
    """For a shell; `$TARGET_URL` names the database to restore into."""
    deleted: tuple[str, ...] = ()
    """Keys that the clean-up removed, at most 200 of them."""
    deleted_count: int = 0
    cleanup_error: str | None = None
    """Why the clean-up failed; the backup stands all the same."""
    repeated: bool = False
    """An earlier attempt of this run had made it: this one did nothing."""
