"""What a caller may be allowed to do, by the names of the permissions of the reference system."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias, get_args

Scope: TypeAlias = Literal["list", "query", "add", "edit", "remove", "changeStatus", "run", "export", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
"""`admin` stands for all of them, and is what a route asks for that declares none."""

Preset: TypeAlias = Literal["viewer", "operator", "admin"]
_VIEWER: tuple[Scope, ...] = ("list", "query", "export")
PRESETS: Mapping[Preset, tuple[Scope, ...]] = {
    "viewer": _VIEWER,
    "operator": (*_VIEWER, "run", "changeStatus"),
    "admin": ("admin",),
}
"""Scopes by what somebody does. A key is made with what its preset means then, and keeps that."""
