"""What the HTTP API declares of itself: routes, members of bodies and answers, and kinds of problems."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from waterclock_api.app import ROUTES
from waterclock_api.documents import openapi
from waterclock_api.http.problem_types import KINDS

PREFIX = "/v1/monitor"
VERBS = ("get", "post", "put", "delete")
_UNWRITTEN = {
    "GET /": "Lead browsers (`Accept: text/html`) to the [console](console.md), 303; others get the page of `/api`",
    "GET /api": "Show the routes, to read and to try",
    "GET /console/": "The [console](console.md), at this path and at every path below it",
    "GET /schema/openapi.json": "OpenAPI 3.1 document",
    "GET /schema/asyncapi.json": "AsyncAPI 3.0 document: events and streams",
}
"""Routes that the document does not have: it would name itself."""


def text(part: str, name: str = "") -> str:
    match part:
        case "routes":
            return _routes(name)
        case "members":
            return _members(name)
        case "filters":
            return _filters(name)
        case _:
            return _problems()


@cache
def _document() -> dict[str, Any]:
    return openapi.document(ROUTES)


def _routes(tag: str) -> str:
    rows = [
        (f"`{verb.upper()} {path.removeprefix(PREFIX)}`", operation)
        for path, verbs in _document()["paths"].items()
        for verb, operation in verbs.items()
        if verb in VERBS and tag in operation["tags"]
    ]
    lines = ["| route | does | answer |", "|---|---|---|"]
    lines += [f"| {route} | {operation['summary'].rstrip('.')} | {_statuses(operation)} |" for route, operation in rows]
    if tag == "process":
        lines += [f"| `{route}` | {said} | 200 |" for route, said in _UNWRITTEN.items()]
    return "\n".join(lines)


def _statuses(operation: Mapping[str, Any]) -> str:
    return ", ".join(status for status in operation["responses"] if status < "300")


def _members(name: str) -> str:
    schema = _document()["components"]["schemas"][name]
    required = schema.get("required", [])
    writes = name.endswith("Write")
    head = "| member | type | default | meaning |" if writes else "| member | type | meaning |"
    lines = [head, "|---" * (head.count("|") - 1) + "|"]
    for member, each in schema["properties"].items():
        default = [_default(each, needed=member in required)] if writes else []
        lines.append("| " + " | ".join([f"`{member}`", _kind(each), *default, _cell(each["description"])]) + " |")
    return "\n".join(lines)


def _filters(operation_id: str) -> str:
    found = next(
        operation
        for verbs in _document()["paths"].values()
        for operation in verbs.values()
        if operation["operationId"] == operation_id
    )
    lines = ["| parameter | type | meaning |", "|---|---|---|"]
    for one in found["parameters"]:
        if one["in"] == "query":
            kind = one["schema"].get("items", one["schema"])
            lines.append(f"| `{one['name']}` | {_kind(kind)} | {_cell(one['description'])} |")
    return "\n".join(lines)


def _problems() -> str:
    rows = [f"| {kind.status} | [`{kind.name}`](problems.md#{kind.name}) | {kind.title} |" for kind in KINDS.values()]
    return "\n".join(["| status | `type` after `/problems#` | meaning |", "|---|---|---|", *rows])


def _kind(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return _named(schema["$ref"])
    if "enum" in schema:
        words = [value for value in schema["enum"] if isinstance(value, str) and not value.isdecimal()]
        return ", ".join(f"`{value}`" for value in words or schema["enum"]) if len(words) < 12 else "string"
    if "anyOf" in schema:
        kinds = list(dict.fromkeys(_kind(one) for one in schema["anyOf"] if one != {"type": "null"}))
        if {"number", "string"} <= set(kinds):
            return "duration"
        return f"{kinds[0]}, or a list" if kinds[1:] == [f"list of {kinds[0]}"] else " or ".join(kinds)
    if schema.get("format") == "date-time" or re.search(r"Stamp", str(schema.get("title", ""))):
        return "time"
    kind = schema.get("type", "any")
    if kind == "array":
        return f"list of {_kind(schema['items'])}" if schema.get("items") else "list"
    return kind


def _named(reference: str) -> str:
    name = reference.rpartition("/")[2]
    return "object" if not name.startswith("Event") else "event"


def _default(schema: Mapping[str, Any], *, needed: bool) -> str:
    if needed:
        return "required"
    value = schema.get("default")
    return "none" if value is None or value == {"$ref": ""} else f"`{json.dumps(value)}`".replace('"', "")


def _cell(said: str) -> str:
    return said.replace("|", "\\|")
