"""The scope of each route, made from what the routes declare."""

from __future__ import annotations

import re

from waterclock_api.access.scopes import SCOPES
from waterclock_api.app import ROUTES
from waterclock_api.http.route import Spec


def text() -> str:
    rows: list[tuple[int, str, str]] = []
    for handler in ROUTES:
        spec: Spec = handler.opt["spec"]
        if spec.scope in SCOPES:
            (method,), (path,) = handler.http_methods, handler.paths
            shown = re.sub(r"\{\w+:str\}", "{id}", path).removeprefix("/v1/monitor")
            rows.append((SCOPES.index(spec.scope), spec.scope, f"{method} {shown}"))
    told = sorted(rows, key=lambda row: (row[0], row[2].split()[1], row[2]))
    return "\n".join(("| Scope | Route |", "|---|---|", *(f"| `{scope}` | `{route}` |" for _, scope, route in told)))
