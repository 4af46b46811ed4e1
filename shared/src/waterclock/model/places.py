"""Places: where executors that reach into systems may go, as a worker announces them.

A worker's configuration names and describes places; a job names one of them. What a worker announces lets the API
refuse a job when it is written, and tell an operator of stored jobs that would be stopped; what counts is the check
that the worker makes by its own configuration before it opens anything. Connections, endpoints and keys are never
announced: of the values that older jobs give by themselves only digests are.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from waterclock.model.ids import digest
from waterclock.model.stored_parameters import UnfitParams

DEFAULT = "default"
"""The place of a job that names none."""
PLACED = frozenset({"db.backup", "db:backup", "db.restore-drill", "db:restore-drill"})
"""Executors that work at places, also where the worker that announced them is of a release that did not say so."""
DRILLS = frozenset({"db.restore-drill", "db:restore-drill"})
OWN = ("connection", "bucket", "endpoint", "region", "accessKey", "secretKey", "target")
"""Members by which a job says itself what its place says: kept for older jobs, and taken where the place lists them."""
REFERENCES = frozenset({"connection", "accessKey", "secretKey", "target"})
"""Those of `OWN` that are references."""

Drills = Literal["scratch", "source", "sourceUnlisted", "none"]
"""Where a drill without `target` restores: on the scratch server of the place; on the source's, because the place lists
it; there because stored drills of a place made of variables go on (told, and refused to new jobs); nowhere."""


class ReferenceSpec(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A pattern of references (`env:BOOKS_*`) that jobs may give; `hosts`: it is listed with those it may be sent to.

    Without hosts it is the older form: it works for what is stored, and is refused to what is newly written.
    """

    pattern: Annotated[str, Meta(description="The pattern.", examples=["env:BOOKS_*"])]
    hosts: Annotated[bool, Meta(description="Whether it is listed with the hosts that it may be sent to.")]


class PlaceSpec(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A place, as a worker announces it."""

    name: Annotated[str, Meta(description="Its name.")]
    databases: Annotated[
        tuple[str, ...] | None,
        Meta(description="Databases that a job may name; absent: the worker looks at each run."),
    ] = None
    prefix: Annotated[
        str | None, Meta(description="Folder that the job's own `prefix` must lie in; absent: any folder.")
    ] = None
    retention_days: Annotated[int, Meta(description="Lowest `retentionDays` that a job may set.")] = 0
    keep_last: Annotated[int, Meta(description="Lowest `keepLast` that a job may set.")] = 1
    free: Annotated[
        tuple[str, ...], Meta(description="Parameters that a caller with the scope `run` alone may set.")
    ] = ()
    adhoc: Annotated[bool, Meta(description="Whether such a caller may start runs without a job here.")] = False
    drills: Annotated[Drills, Meta(description="Where a restore drill without a target restores.")] = "none"
    references: Annotated[
        tuple[ReferenceSpec, ...],
        Meta(description="References that a job may give for `connection`, `accessKey`, `secretKey` and `target`."),
    ] = ()
    accepts: Annotated[
        Mapping[str, tuple[str, ...]],
        Meta(description="Digests of the values that a job may give itself, by the member."),
    ] = {}


class Reach(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a start of a worker announced: its places, and by executor the references that are listed besides."""

    places: tuple[PlaceSpec, ...]
    references: Mapping[str, tuple[ReferenceSpec, ...]] = {}
    unfit: tuple[UnfitParams, ...] = ()
    """Parameters of stored jobs that it would refuse."""


def accepted(place: str, member: str, value: str) -> str:
    """The digest by which `PlaceSpec.accepts` knows a value, however it is spelled."""
    return digest(f"{place}\0{member}\0{_spelled(member, value)}", 32)


def reference(text: str) -> str:
    """A reference as patterns are compared with it: the path of a file without `..` and doubled slashes."""
    kind, colon, name = text.partition(":")
    return f"{kind}:{posixpath.normpath(name)}" if kind == "file" and name else kind + colon + name


def _spelled(member: str, value: str) -> str:
    if member == "endpoint":
        return value.rstrip("/").lower()  # it has no path
    return reference(value) if member in REFERENCES else value
