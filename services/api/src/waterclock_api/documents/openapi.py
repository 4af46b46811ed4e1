"""The OpenAPI 3.1 document, made from the routes: their paths, docstrings, `Spec` and structs.

It is long: what each part of the document is made of, and the words that stand beside.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import version
from typing import Any

import msgspec
from litestar.handlers import HTTPRouteHandler

from waterclock.model.events import StoredEvent
from waterclock_api.documents import event_texts, examples
from waterclock_api.http.problems import MEDIA_TYPE, Problem
from waterclock_api.http.route import Content, Spec
from waterclock_api.schemas.responses import Asked, Job, Pulse

_PARAMETER = re.compile(r"\{(\w+):str\}")
_REFUSED_ALWAYS = (400, 500, 503)
_REFUSALS = {
    400: "The body is not JSON, or a query parameter is unknown or wrong",
    401: "Unauthorized: missing or invalid credentials",
    403: "Forbidden: the caller lacks the scope",
    404: "Not found",
    408: "The body did not arrive in time",
    409: "Conflict with the present state",
    410: "This history has been deleted by the retention policy",
    412: "The job has another version than `If-Match`",
    413: "The body is too large",
    415: "The body is not JSON",
    422: "The body is not valid; `errors` names every flaw by a JSON pointer",
    429: "Too many requests, streams or slow reads of this caller; retry after `Retry-After`",
    500: "Internal error",
    503: "Redis, Postgres or another dependency is unavailable; retry after `Retry-After`",
}
_ANSWERS = {
    200: "OK",
    201: "Created",
    202: "Accepted and stored; the read models may not show it yet",
    204: "Done",
    304: "The caller has it already: its `ETag` is in `If-None-Match`",
}
_HEADERS = {
    "ETag": "The version of the job; of other answers, what changes with them.",
    "Location": "Where the job or the run can be read.",
    "Preference-Applied": "The preference of `Prefer` that was applied.",
    "Idempotency-Replayed": "`true`: the answer repeats that of the first request with this key.",
    "RateLimit": "How many requests are left, and in how many seconds the next one is allowed.",
    "RateLimit-Policy": "How many requests are allowed in how many seconds.",
    "Retry-After": "Seconds until the request may be repeated.",
    "WWW-Authenticate": "`Bearer`, with what is wrong with the credentials, or the scope that is missing.",
}
_BESIDE_REFUSALS = {
    "ETag": (412,),
    "RateLimit": (429,),
    "RateLimit-Policy": (429,),
    "Retry-After": (429, 503),
    "WWW-Authenticate": (401, 403),
}
_EVENTS = (
    "Server-sent events. `gap` marks where events are missing. `closed` is the last event if the credential of the "
    "stream has expired or was revoked"
)
_PULSE = (
    "Server-sent events `pulse`, whose `data` is a `Pulse`: at once, then when something has changed, at most one a "
    "second, and every 15 s anyway. They have no `id`: who comes again is told how everything is. `closed` is the last "
    "event if the credential of the stream has expired or was revoked"
)
_TAGS = {
    "jobs": "Create, change, trigger and backfill jobs; explain what became of each scheduled time.",
    "runs": "Read, start, cancel and retry runs; read and follow their logs.",
    "schedules": "Preview a schedule before a job uses it; see what comes next of all jobs.",
    "queues": "Read, pause and resume queues.",
    "workers": "See workers, and drain one.",
    "executors": "The executors that workers have announced, with their parameters.",
    "events": "Read events, and follow them live.",
    "pulse": "Follow how the installation is, and what changes.",
    "ledger": "Prove that every scheduled time has exactly one outcome.",
    "notices": "See what was told and what is promised; mute notices; rehearse rules.",
    "dropped": "What repairs of the event log have dropped.",
    "me": "Learn who the API takes you for, and what you may do.",
    "process": "Health and metrics of this API process.",
}
_IDS = {
    "jobs": "Id of the job.",
    "notices": "Id of the mute.",
    "queues": "Name of the queue.",
    "runs": "Id of the run.",
    "workers": "Name of the worker, or the id of one start of it.",
}
_BEARER = "bearer"
_SCHEME = {
    "type": "http",
    "scheme": "bearer",
    "description": "An API key (`wck_…`, made by `waterclock key create`) or a JWT of the configured issuer. None is "
    "needed where `WATERCLOCK_KEYLESS` allows that and no key was ever made.",
}
_PLAIN = {"events": "text/event-stream", "pulse": "text/event-stream", "html": "text/html", "text": "text/plain"}


def document(handlers: Iterable[HTTPRouteHandler], prefix: str = "") -> dict[str, Any]:
    """`prefix`: the path under which a gateway serves the API."""
    routes = [(handler, handler.opt["spec"]) for handler in handlers if "spec" in handler.opt]
    schemas, components = _schemas([spec for _, spec in routes])
    paths: dict[str, dict[str, Any]] = {}
    for handler, spec in routes:
        for path in sorted(handler.paths):
            method = next(iter(handler.http_methods)).lower()
            name = _PARAMETER.sub(r"{id}", path)
            operation = paths.setdefault(name, {})[method] = _operation(handler, path, spec, schemas)
            if method == "get":
                paths[name]["head"] = _head_of(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Waterclock",
            "version": version("waterclock-api"),
            "description": "An event-sourced job scheduler. Every scheduled time has exactly one recorded outcome.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": prefix or "/"}],
        "tags": [{"name": name, "description": text} for name, text in _TAGS.items()],
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": components, "securitySchemes": {_BEARER: _SCHEME}},
    }


def _schemas(specs: Iterable[Spec]) -> tuple[Mapping[type[Any], Any], dict[str, Any]]:
    kinds: dict[type[Any], None] = dict.fromkeys((Problem, Pulse, *StoredEvent.__args__))
    for spec in specs:
        told = [one for content in spec.answers.values() for one in _structs(content)]
        kinds |= dict.fromkeys(one for one in (spec.body, spec.query, *told) if one is not None)
    ordered = list(kinds)
    found, components = msgspec.json.schema_components(ordered, ref_template="#/components/schemas/{name}")
    return dict(zip(ordered, found, strict=True)), components | stored_events(components)


def _structs(content: Content) -> tuple[type[msgspec.Struct], ...]:
    """Of what an answer is JSON."""
    return content if isinstance(content, tuple) else (content,) if isinstance(content, type) else ()


def stored_events(components: Mapping[str, Any]) -> dict[str, Any]:
    """The schemas of events as they are stored and sent: with their place and time; `Event` is any of them."""
    place = {"type": "string", "description": "The position: <partition>-<epoch>-<seq>.", "pattern": r"^\d+-\d+-\d+$"}
    at = {"type": "string", "description": "When it was stored, by the clock of the partition.", "format": "date-time"}
    found: dict[str, Any] = {}
    for kind in StoredEvent.__args__:
        own = components[kind.__name__]
        tag = str(kind.__struct_config__.tag)
        names = {"type": "type"} | {field.encode_name: field.name for field in msgspec.structs.fields(kind)}
        properties = {"id": place, "at": at} | {
            name: schema | {"description": f"{event_texts.meaning(tag, names[name])}."}
            for name, schema in own["properties"].items()
        }
        said = {"description": event_texts.WHEN[tag], "properties": properties}
        found[kind.__name__] = own | said | {"required": ["id", "at", *own["required"]]}
    tags = {str(kind.__struct_config__.tag): f"#/components/schemas/{kind.__name__}" for kind in StoredEvent.__args__}
    choice = [{"$ref": name} for name in tags.values()]
    found["Event"] = {
        "title": "Event",
        "description": "A stored event. Later releases may add types: skip those that you do not know.",
        "anyOf": choice,
        "discriminator": {"propertyName": "type", "mapping": tags},
    }
    return found


def _operation(handler: HTTPRouteHandler, path: str, spec: Spec, schemas: Mapping[type[Any], Any]) -> dict[str, Any]:
    function = handler.fn
    name = _camel(str(function.__name__))
    summary, _, more = (inspect.getdoc(function) or "").partition("\n\n")
    parameters = [
        {
            "name": "id",
            "in": "path",
            "required": True,
            "description": _IDS[_tag(path)],
            "schema": {"type": "string", "pattern": "^[0-9a-z-]{1,64}$"},
        }
        for _ in _PARAMETER.findall(path)
    ]
    operation: dict[str, Any] = {
        "operationId": name,
        "summary": " ".join(summary.split()),
        **({"description": more} if more else {}),
        "tags": [_tag(path)],
        "parameters": parameters + _query(spec) + _headers(spec),
        "responses": _responses(name, spec, schemas),
    }
    if spec.scope not in ("open", "probe"):
        operation["security"] = [{_BEARER: [] if spec.scope == "caller" else [spec.scope]}]
    if spec.body is not None:
        content = {"application/json": {"schema": schemas[spec.body]} | examples.of_request(name)}
        operation["requestBody"] = {"required": not spec.body_optional, "content": content}
    return operation


def _head_of(operation: dict[str, Any]) -> dict[str, Any]:
    """The same without bodies."""
    responses = {
        status: {name: value for name, value in each.items() if name != "content"}
        for status, each in operation["responses"].items()
    }
    said = {"summary": f"Like GET, without a body: {operation['summary']}", "responses": responses}
    return operation | said | {"operationId": f"{operation['operationId']}Head"}


def _query(spec: Spec) -> list[dict[str, Any]]:
    schema = msgspec.json.schema(spec.query)
    own = schema["$defs"][spec.query.__name__]
    return [
        {"name": name, "in": "query", "required": False} | _said(each) | {"schema": _plain(each)}
        for name, each in own["properties"].items()
    ]


def _said(schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": schema["description"]} if "description" in schema else {}


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """Of a parameter: left out stands for null."""
    options = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    rest = {name: value for name, value in schema.items() if name not in {"anyOf", "default"} or value is not None}
    return options[0] if len(options) == 1 and len(schema["anyOf"]) == 2 else rest


def _headers(spec: Spec) -> list[dict[str, Any]]:
    taken = (
        (spec.if_match, "If-Match", "`ETag` of the version that you saw; 412 if the job has another one."),
        (spec.tagged, "If-None-Match", "`ETag` of the answer that you have; 304 if it is still the same."),
        (spec.command, "Prefer", "`wait=n`: wait up to n seconds (2) for the read models; `respond-async`: do not."),
        (spec.keyed, "Idempotency-Key", "A repeat with the same key gets the first answer again, for 24 hours."),
        ("events" in spec.answers.values(), "Last-Event-ID", "Position after which the stream continues."),
    )
    return [
        {"name": name, "in": "header", "required": False, "description": text, "schema": {"type": "string"}}
        for is_taken, name, text in taken
        if is_taken
    ]


def _responses(name: str, spec: Spec, schemas: Mapping[type[Any], Any]) -> dict[str, Any]:
    answers = {
        str(status): _answer(name, status, content, schemas) | _told_beside(*_beside(spec, status, content))
        for status, content in (dict(spec.answers) | ({304: None} if spec.tagged else {})).items()
    }
    if spec.text:
        answers["200"]["content"]["text/plain"] = {"schema": {"type": "string"}} | examples.of_text(name)
    refusals = {
        str(status): {
            "description": _REFUSALS[status],
            "content": {MEDIA_TYPE: {"schema": schemas[Problem]} | examples.of_problems(status)},
        }
        | _told_beside(*(name for name, kept in _BESIDE_REFUSALS.items() if status in kept))
        for status in sorted(
            {*_REFUSED_ALWAYS, *_refused_to_some(spec), *spec.refuses, *((408,) if spec.body is not None else ())}
        )
    }
    return answers | refusals


def _beside(spec: Spec, status: int, content: Content) -> Iterator[str]:
    """The headers that an answer may have."""
    if content is Job or spec.tagged:
        yield "ETag"
    if status == 201 or (status == 202 and (spec.command or content is Asked)):
        yield "Location"
    if spec.command:
        yield "Preference-Applied"
    if spec.keyed and status < 300:
        yield "Idempotency-Replayed"


def _told_beside(*names: str) -> dict[str, Any]:
    told = {name: {"description": _HEADERS[name], "schema": {"type": "string"}} for name in names}
    return {"headers": told} if told else {}


def _refused_to_some(spec: Spec) -> tuple[int, ...]:
    match spec.scope:
        case "probe":
            return ()
        case "open":
            return (429,)
        case "caller":
            return (401, 429)
        case _:
            return (401, 403, 429)


def _answer(name: str, status: int, content: Content, schemas: Mapping[type[Any], Any]) -> dict[str, Any]:
    described: dict[str, Any] = {"description": _ANSWERS[status]}
    if told := _structs(content):
        schema = schemas[told[0]] if len(told) == 1 else {"anyOf": [schemas[one] for one in told]}
        described["content"] = {"application/json": {"schema": schema} | examples.of_answer(name, status)}
    elif isinstance(content, str):
        if content in ("events", "pulse"):
            described["description"] = _EVENTS if content == "events" else _PULSE
        streams = {"events": examples.STREAM, "pulse": examples.PULSE}
        example = {"example": streams[content]} if content in streams else examples.of_text(name)
        described["content"] = {_PLAIN[content]: {"schema": {"type": "string"}} | example}
    return described


def _tag(path: str) -> str:
    name = path.split("/")[3].removesuffix("-index") if path.startswith("/v1/monitor/") else "process"
    return {"fires": "schedules", "promises": "notices"}.get(name, name)


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(other.capitalize() for other in others)
