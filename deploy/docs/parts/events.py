"""The stored events, made from their structs and from what the API's documents say of them."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from waterclock.model.events import Event, StoredEvent
from waterclock_api.documents.event_texts import WHEN, meaning

EXAMPLES = Path(__file__).with_name("event_examples.json")
"""Of a `waterclock dev`, by type."""
COMMON = {field.name for field in msgspec.structs.fields(Event)}
GROUPS: Mapping[str, tuple[str, ...]] = {
    "Jobs": ("job.created", "job.changed", "job.enabled", "job.disabled", "job.deleted", "logs.cleared"),
    "Decisions": ("run.requested", "fire.skipped", "fire.coalesced"),
    "Runs and attempts": (
        *("run.started", "run.succeeded", "run.failed", "run.timedOut", "run.retryScheduled"),
        *("run.cancelRequested", "run.cancelled", "run.lost", "run.died", "result.refused"),
    ),
    "Steps": ("step.started", "step.log", "step.progress", "step.finished"),
    "Notices": ("notices.muted", "notices.unmuted"),
    "Queues and workers": ("queue.paused", "queue.resumed", "worker.joined", "worker.left"),
    "Schedulers and the event log": (
        *("leadership.taken", "epoch.began", "log.forked", "archive.lost", "log.truncated"),
    ),
}
LINKS = {"definition": ", see [job](job.md)"}
"""Behind what is said of a member."""
_TYPES = {str: "text", int: "number", float: "number", bool: "boolean"}


def text() -> str:
    """
    Raises:
        ValueError: an event has no text or no group, a member has no meaning, or an example is none.
    """
    kinds = {str(kind.__struct_config__.tag): kind for kind in StoredEvent.__args__}
    grouped = [tag for tags in GROUPS.values() for tag in tags]
    if sorted(grouped) != sorted(kinds) or WHEN.keys() != kinds.keys():
        raise ValueError(f"events differ: {sorted(set(grouped) ^ kinds.keys() | WHEN.keys() ^ kinds.keys())}")
    examples: dict[str, dict[str, Any]] = json.loads(EXAMPLES.read_text(encoding="utf-8"))
    rows = [f"| [`{tag}`](#{tag.replace('.', '').lower()}) | {WHEN[tag]} |" for tag in grouped]
    parts = ["## All events\n", "| Type | When it is written |", "|---|---|", *rows, ""]
    for title, tags in GROUPS.items():
        parts.append(f"## {title}\n")
        for tag in tags:
            parts += _section(tag, kinds[tag], examples.get(tag))
    return "\n".join(parts)


def _section(tag: str, kind: type[Event], example: dict[str, Any] | None) -> Iterator[str]:
    yield f"### `{tag}`\n\n{WHEN[tag]}\n"
    yield "| Member | Type | Meaning |\n|---|---|---|"
    for field in sorted(msgspec.structs.fields(kind), key=lambda field: not field.required):
        if field.name not in COMMON:
            said = meaning(tag, field.name) + LINKS.get(field.name, "")
            yield f"| `{field.encode_name}` | {_type(field.type)} | {said}{'' if field.required else ' (optional)'} |"
    yield ""
    if example is not None:
        place = {name: example[name] for name in ("id", "at", "type")}
        msgspec.convert({name: value for name, value in example.items() if name not in ("id", "at")}, kind)
        shown = json.dumps(place | example, ensure_ascii=False, separators=(",", ":"))
        yield f"```json\n{shown}\n```\n"


def _type(kind: Any) -> str:
    while typing.get_origin(kind) is Annotated:
        kind = typing.get_args(kind)[0]
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(dict.fromkeys(_type(each) for each in typing.get_args(kind) if each is not type(None)))
    if origin is Literal:
        return ", ".join(f"`{each}`" for each in typing.get_args(kind))
    if origin is tuple:
        return "list"
    if isinstance(kind, typing.NewType):
        return "time" if kind.__name__ == "Stamp" else _type(kind.__supertype__)
    if kind is Any:
        return "JSON"
    return _TYPES.get(kind, "object")
