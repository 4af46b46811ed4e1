"""The members of a job, with what the code says of them: their table, and a section for each group."""

from __future__ import annotations

import json
from collections.abc import Mapping
from textwrap import fill
from typing import Any

import msgspec

from waterclock.kit.text.members import Said, members
from waterclock.model.definition import PARTS, Definition
from waterclock.model.parameters.bounds import RANGES
from waterclock.model.words import CODED
from waterclock_api.schemas.requests import READ_ONLY, JobWrite
from waterclock_api.schemas.responses import Job

GROUPS: Mapping[str, tuple[str, ...]] = {
    "what": ("jobName", "jobGroup", "invokeTarget", "invokeParams", "queue", "status"),
    "when": ("cronExpression", "timezone", "cronDialect", "dstGap", "dstFold", "startAt", "endAt", "jitter"),
    "late": ("misfirePolicy", "misfireThreshold", "catchupWindow", "catchupLimit", "catchupPace"),
    "overlap": ("concurrent", "overlapPolicy"),
    "failures": ("timeout", "retry"),
    "promise": ("promise",),
    "notes": ("remark", "labels"),
}
_UNITS = ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
_CREATED: Mapping[str, str] = {"misfirePolicy": "; `waterclock job create` writes `runOnce`"}
_JOB: Mapping[str, Said] = {member.name: member for member in members(Definition)}
_WRITTEN: Mapping[str, str] = {"retry": "RetryWrite", "promise": "PromiseWrite"}
_PART: Mapping[str, Said] = {
    f"{whole}/{member.name}": member for whole, kind in PARTS.items() for member in members(kind)
}


def text(group: str) -> str:
    match group:
        case "all":
            return _table()
        case "read-only":
            return _read_only()
        case _:
            return "\n\n".join(_section(name) for name in GROUPS[group])


def _table() -> str:
    names = [name for group in GROUPS.values() for name in group]
    assert sorted(names) == sorted(_JOB), "each member is in one group"
    rows = [
        f"| [`{name}`](#{name.lower()}) | {_default(name)}{_CREATED.get(name, '')} | {_JOB[name].summary} |"
        for name in names
    ]
    return "\n".join(["| member | default | meaning |", "|---|---|---|", *rows])


def _section(name: str) -> str:
    if name not in PARTS:
        return f"### `{name}`\n\n{_facts(name)}\n\n{fill(_JOB[name].description, 120)}"
    parts = "\n".join(
        f"| `{path.partition('/')[2]}` | {_kind(path)} | {_default(path)} | {member.description} |"
        for path, member in _PART.items()
        if path.startswith(f"{name}/")
    )
    table = f"| member | type | default | meaning |\n|---|---|---|---|\n{parts}"
    return f"### `{name}`\n\nobject\n\n{_JOB[name].description}\n\n{table}"


def _facts(name: str) -> str:
    default = _default(name)
    shown = [_kind(name), default if default == "required" else f"default {default}", f"example {_example(name)}"]
    return " · ".join(shown)


def _kind(path: str) -> str:
    if path in RANGES:
        low, high = RANGES[path]
        return f"duration, {_length(low) if low else 0} to {_length(high)}"
    whole, _, name = path.rpartition("/")
    if name in CODED:
        return " or ".join(f"`{word}`" for word in CODED[name].values())
    if name == "finishBy":
        return "time of day (HH:MM)"
    schema = _schemas()[_WRITTEN.get(whole, "JobWrite")]["properties"][name]
    schema = next((one for one in schema.get("anyOf", ()) if one != {"type": "null"}), schema)
    if schema.get("format") == "date-time":
        return "time (RFC 3339)"
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    if schema["type"] == "integer":
        return f"integer, {schema['minimum']} to {schema['maximum']}"
    if schema["type"] == "object":
        return "object of strings" if "additionalProperties" in schema else "object"
    most = schema.get("maxLength", 256)
    return f"string, {schema['minLength']} to {most} characters" if "minLength" in schema else f"string, up to {most}"


def _default(path: str) -> str:
    whole, _, name = path.rpartition("/")
    kind = PARTS.get(whole, Definition)
    field = next(one for one in msgspec.structs.fields(kind) if one.encode_name == name)
    if field.required:
        return "required"
    if name == "retry":
        return "see below"
    value = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
    if value is None or value is msgspec.UNSET:
        return "none"
    told = f"`{CODED[name][value] if name in CODED else json.dumps(value)}`".replace('"', "")
    return f"{told} ({_length(value)})" if path in RANGES and value > 60 else told


def _example(name: str) -> str:
    if name in CODED:
        usual = _default(name)
        return next(f"`{word}`" for word in reversed(list(CODED[name].values())) if f"`{word}`" != usual)
    return f"`{json.dumps(_JOB[name].examples[0], ensure_ascii=False)}`"


def _read_only() -> str:
    known = {member.name: member for member in members(Job) if member.name in READ_ONLY}
    assert known.keys() == READ_ONLY
    rows = [f"| `{name}` | {member.description} |" for name, member in known.items()]
    return "\n".join(["| member | meaning |", "|---|---|", *rows])


def _schemas() -> dict[str, Any]:
    return msgspec.json.schema(JobWrite)["$defs"]


def _length(seconds: float) -> str:
    size, unit = next((size, unit) for size, unit in _UNITS if seconds % size == 0)
    count = int(seconds // size)
    return f"{count} {unit}{'s' * (count != 1)}"
