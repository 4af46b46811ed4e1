"""The file of places: TOML, a table for each. Whatever is wrong is told with file, place and member."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from waterclock.kit.references import END
from waterclock.kit.settings import SettingsError
from waterclock.kit.text.validation_messages import message_of, pointer_of
from waterclock.model.places import OWN, REFERENCES
from waterclock_worker.executors.backup.params import Bucket, Endpoint, Folder, Name, Region
from waterclock_worker.executors.places.place import REGION, Place
from waterclock_worker.executors.reach.references import Listed, Reference, listed

FREE = frozenset({
    "cleanupOldBackups", "compareWithSource", "compress", "database", "excludeTables", "includeSchemas", "keepLast",
    "lockTimeout", "maxAge", "partSizeMiB", "prefix", "retentionDays", "uploadToS3", "verify",
})  # fmt: skip
"""Members of all executors with places that a caller with the scope `run` alone may be allowed to set: none says where
something lies or what opens it."""
_PLACE_OF_FLAW = re.compile(r"at line [0-9]+, column [0-9]+|at end of document")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_VALUES: Mapping[str, Any] = {"bucket": Bucket, "endpoint": Endpoint, "region": Region}


class _Table(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    connection: str | None = None
    databases: Annotated[tuple[Name, ...], Meta(min_length=1, max_length=1000)] | None = None
    endpoint: Endpoint | None = None
    region: Region = REGION
    bucket: Bucket | None = None
    prefix: Folder | None = None
    access_key: str | None = None
    secret_key: str | None = None
    scratch: str | None = None
    retention_days: Annotated[int, Meta(ge=0, le=36_500)] = 0
    keep_last: Annotated[int, Meta(ge=1, le=100_000)] = 1
    free: tuple[str, ...] = ()
    adhoc: bool = False
    drills: Literal["source"] | None = None
    references: tuple[str, ...] = ()
    accepts: dict[str, tuple[str, ...]] = {}


def read_file(path: str) -> dict[str, Place]:
    """The places that a file describes, by name.

    Raises:
        SettingsError: it cannot be read, or something in it is wrong; no value that may be a secret is shown.
    """
    where = f"WATERCLOCK_PLACES: {path}"
    try:
        with Path(path).open("rb") as file:
            tables = tomllib.load(file)
    except OSError as error:
        raise SettingsError(f"{where}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{where}: is no TOML: it is not UTF-8") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        place = _PLACE_OF_FLAW.search(str(error))  # and no more: the parser repeats keys, which may be anything
        raise SettingsError(f"{where}: is no TOML{f': {place[0]}' if place else ''}") from None
    return {name: _place(f"{where}: {_shown(name)}", name, table) for name, table in tables.items()}


def _place(where: str, name: str, found: Any) -> Place:
    if not isinstance(found, dict):
        raise SettingsError(f"{where} is no table: a place is written as [name], and its members below")
    if _NAME.fullmatch(name) is None:
        raise SettingsError(f"{where}: a place's name has letters, digits, - and _, at most 64")
    try:
        table = msgspec.convert(found, _Table)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{where} {_told(error, _Table)}") from None
    if (table.access_key is None) != (table.secret_key is None):
        raise SettingsError(
            f"{where} {'accessKey' if table.access_key is None else 'secretKey'} is missing: keys come in pairs"
        )
    if table.drills is not None and table.scratch is not None:
        raise SettingsError(f'{where} drills: with `scratch` drills restore there: leave drills = "source" out')
    return Place(
        name=name,
        setting=f"WATERCLOCK_PLACES, [{name}]",
        hint="(WATERCLOCK_PLACES)",
        connection=_own(where, "connection", table.connection),
        databases=table.databases or (),
        endpoint=table.endpoint,
        region=table.region,
        bucket=table.bucket,
        prefix=table.prefix,
        access_key=_own(where, "accessKey", table.access_key),
        secret_key=_own(where, "secretKey", table.secret_key),
        scratch=_own(where, "scratch", table.scratch),
        retention_days=table.retention_days,
        keep_last=table.keep_last,
        free=_free(where, table.free),
        adhoc=table.adhoc,
        drills="scratch" if table.scratch is not None else table.drills or "none",
        references=_listed(f"{where} references", table.references),
        **_accepts(where, table.accepts),
    )


def _shown(name: str) -> str:
    """A table's name; not what is far from being one, which may be a URL that was left of its member."""
    return f"[{name}]" if re.fullmatch(r"[\w .-]{1,64}", name) else "a table"


def _own(where: str, member: str, text: str | None) -> Listed | None:
    """A reference of the place's own, with hosts or without: where it is sent, the place says itself."""
    if text is None:
        return None
    try:
        found = listed(text)
        msgspec.convert(found.pattern, Reference)
    except (ValueError, msgspec.ValidationError):
        found = None
    if found is None or not found.is_literal:
        raise SettingsError(
            f"{where} {member}: write where the secret is, env:NAME or file:/path, never the secret itself"
        )
    return found


def _free(where: str, names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name not in FREE:
            why = "says where something lies, or what opens it" if name in {*OWN, "place"} else "is no parameter"
            raise SettingsError(f"{where} free: {name[:64]!r} {why}: there are {', '.join(sorted(FREE))}")
    return names


def _accepts(where: str, accepts: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    references: dict[str, tuple[Listed, ...]] = {}
    values: dict[str, tuple[str, ...]] = {}
    for member, texts in accepts.items():
        told = f"{where} accepts.{member}"
        if member in REFERENCES:
            references[member] = _listed(told, texts)
        elif member in OWN:
            try:
                values[member] = tuple(msgspec.convert(text, _VALUES[member]) for text in texts)
            except msgspec.ValidationError as error:
                raise SettingsError(f"{told} {_told(error, _VALUES[member])}") from None
        else:
            hint = {"database": "databases", "prefix": "prefix", "databases": "databases"}.get(member)
            more = f": the place's own `{hint}` bounds it" if hint else f": there are {', '.join(OWN)}"
            raise SettingsError(f"{told} is not taken{more}")
    return {"listed": references, "values": values}


def _listed(where: str, texts: tuple[str, ...]) -> tuple[Listed, ...]:
    try:
        found = tuple(listed(text) for text in texts)
    except ValueError:
        found = None
    if found is None or not all(_is_pattern(one.pattern) for one in found):
        raise SettingsError(
            f"{where}: an entry is no reference with hosts: write env:NAME_*@name.example or file:/path@HOST"
        )
    return found


def _is_pattern(text: str) -> bool:
    return text == "*" or re.fullmatch(rf"env:[A-Za-z0-9_*?\[\]!-]+|file:[/*][^\x00-\x1f]*{END}", text) is not None


def _told(error: msgspec.ValidationError, kind: Any) -> str:
    """The member, and what it should be; no value is shown but a name that is not known."""
    at = pointer_of(error).strip("/").replace("/", ".")
    what = message_of(error, kind)
    return f"{at}: {what}" if at else what
