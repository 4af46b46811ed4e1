"""What a caller may be allowed to do, by the names of the permissions of the reference system."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

Scope: TypeAlias = Literal["list", "query", "add", "edit", "remove", "changeStatus", "run", "export", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
"""`admin` stands for all of them, and is what a route asks for that declares none."""
