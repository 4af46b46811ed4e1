"""The AsyncAPI 3.0 document: the stream of events in Redis, and those of server-sent events, made from the types."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version
from typing import Any, Literal

import msgspec
from litestar.handlers import HTTPRouteHandler

from waterclock.model.events import Event, StoredEvent
from waterclock.model.outcomes import RunStatus
from waterclock.model.timestamps import Stamp
from waterclock.wire.keys import Keys
from waterclock_api.access.credentials import EndOfGrant
from waterclock_api.documents.openapi import stored_events
from waterclock_api.schemas.responses import Pulse

_REF = "#/components/schemas/{name}"
_KINDS: tuple[type[Event], ...] = StoredEvent.__args__
_PULSE = "Server-sent events without an `id`: what is told at first is everything."
_SSE = "Server-sent events: `event` is the type, `id` the position, `data` the payload. A comment comes every 15 s."


class Gap(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`lines`: how many were cleared away; `after`: the place that was named, or told, and that this log has not.

    `from`: where it goes on instead.
    """

    reason: Literal["logsCleared", "placeLost", "placeUnknown"]
    run_id: str | None = None
    job_id: str | None = None
    attempt: int | None = None
    at: Stamp | None = None
    partition: int | None = None
    lines: int | None = None
    after: str | None = None
    from_: str | None = msgspec.field(default=None, name="from")


class End(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    run_id: str
    status: RunStatus


class Closed(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    reason: EndOfGrant


def document(handlers: Iterable[HTTPRouteHandler], prefix: str = "") -> dict[str, Any]:
    """`prefix`: what a gateway has put before our paths."""
    _, components = msgspec.json.schema_components([*_KINDS, Gap, End, Closed, Pulse], ref_template=_REF)
    schemas: dict[str, Any] = {**components, **stored_events(components)}
    del schemas["Event"]  # a message is one of them
    channels = {"events": _log()} | {name: channel for name, channel in map(_streamed, handlers) if channel}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Waterclock",
            "version": version("waterclock-api"),
            "description": "What happens, as it is stored and as it is sent. More types may come: skip unknown ones.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "log": {
                "host": "localhost:6379",
                "protocol": "redis",
                "description": "Valkey or Redis, to be read only.",
            },
            "api": {
                "host": "localhost:8080",
                "pathname": prefix or "/",
                "protocol": "http",
                "description": "Any replica of the API.",
            },
        },
        "channels": channels,
        "operations": {f"send{name[0].upper()}{name[1:]}": _operation(name) for name in channels},
        "components": {"schemas": schemas, "messages": {tag_of(kind): _message(kind) for kind in _KINDS} | _BESIDE},
    }


def tag_of(kind: type[Event]) -> str:
    return str(kind.__struct_config__.tag)


def _log() -> dict[str, Any]:
    key = Keys().partition(0, "events").replace("0", "<partition>")
    return {
        "address": None,
        "title": "The log",
        "description": f"The stream `{key}` of each partition: every event, in its order. An entry's id is "
        "`<epoch>-<seq>`; its fields are `b` the body, `p` the id of the entry before, `t` the time in ms, `x` what "
        "only the script knew. The payload is what they make together. Trimmed below what the archive has.",
        "servers": [{"$ref": "#/servers/log"}],
        "messages": _messages(map(tag_of, _KINDS)),
    }


def _streamed(handler: HTTPRouteHandler) -> tuple[str, dict[str, Any]]:
    """The channel of a route that answers a stream; empty for any other."""
    spec = handler.opt.get("spec")
    if spec is None or not {"events", "pulse"} & {one for one in spec.answers.values() if isinstance(one, str)}:
        return "", {}
    (path,) = handler.paths
    if "pulse" in spec.answers.values():
        return "pulseStream", _channel(handler, path, _PULSE, ("pulse", "closed"))
    address = path.replace("{job_id:str}", "{id}").replace("{run_id:str}", "{id}")
    subject = "job" if "{job_id" in path else "run" if "{run_id" in path else None
    concerned = [tag_of(kind) for kind in _KINDS if subject is None or f"{subject}_id" in kind.__struct_fields__]
    beside = ["gap", "end", "closed"] if subject == "run" else ["gap", "closed"]
    channel = _channel(handler, address, _SSE, [*concerned, *beside])
    if subject is not None:
        channel["parameters"] = {"id": {"description": f"The id of the {subject}."}}
    return f"{subject or 'all'}Stream", channel


def _channel(handler: HTTPRouteHandler, address: str, description: str, messages: Iterable[str]) -> dict[str, Any]:
    return {
        "address": address,
        "title": handler.fn.__doc__.partition(".")[0] if handler.fn.__doc__ else address,
        "description": description,
        "servers": [{"$ref": "#/servers/api"}],
        "messages": _messages(messages),
    }


def _operation(channel: str) -> dict[str, Any]:
    return {"action": "send", "channel": {"$ref": f"#/channels/{channel}"}}


def _messages(names: Iterable[str]) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/messages/{name}"} for name in names}


def _message(kind: type[Event]) -> dict[str, Any]:
    told = {"summary": kind.__doc__.partition("\n")[0]} if kind.__doc__ else {}
    return {"name": tag_of(kind), "title": kind.__name__, "payload": {"$ref": _REF.format(name=kind.__name__)}} | told


_BESIDE: dict[str, dict[str, Any]] = {
    "gap": {
        "name": "gap",
        "title": "Gap",
        "summary": "Something is missing here: lines that were cleared, or a place that was lost or never was.",
        "payload": {"$ref": _REF.format(name=Gap.__name__)},
    },
    "pulse": {
        "name": "pulse",
        "title": "Pulse",
        "summary": "How the installation is, and what has changed since the message before.",
        "payload": {"$ref": _REF.format(name=Pulse.__name__)},
    },
    "end": {
        "name": "end",
        "title": "End",
        "summary": "The run is over and the stream ends; without a position.",
        "payload": {"$ref": _REF.format(name=End.__name__)},
    },
    "closed": {
        "name": "closed",
        "title": "Closed",
        "summary": "The credential that opened the stream opens it no more: it ends, and what it told of goes on.",
        "payload": {"$ref": _REF.format(name=Closed.__name__)},
    },
}
