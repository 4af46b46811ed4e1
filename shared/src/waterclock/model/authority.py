"""What a caller that may only run may send: what the stored job says, where more would reach beyond it.

A job is written by those who may `edit` it; the scope `run` asks for what is written. Parameters of an executor that
works at places say where a worker goes and what it deletes, and those of `http.request` may hold references to the
worker's secrets: there, a caller with `run` alone sends what the job has, but for members that the place leaves free.
Whatever is not known to be harmless is held by this, also what an executor learns to take later.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias, cast

import msgspec

from waterclock.model.errors import Flaw
from waterclock.model.events import ExecutorSpec
from waterclock.model.place_bounds import place_named
from waterclock.model.places import PLACED, PlaceSpec

HTTP = "http.request"
Held: TypeAlias = Literal["free", "places", "references", "unknown"]
"""By what a caller with `run` alone is held; `unknown`: nobody has announced the executor, so it may work at places."""

_HARMLESS = frozenset({"timeout"})
"""Members of a request with references that such a caller may set beside them."""
_BODY = frozenset({"json", "text"})
"""So is its body, unless it is signed."""
_EXACT = 1 << 53


class Asked(NamedTuple):
    """What is asked of an executor, or what a stored job asks. `queue`: which workers take it."""

    target: str
    params: Mapping[str, Any]
    queue: str


def held_by(target: str, spec: ExecutorSpec | None) -> Held:
    """`spec`: what was announced of the target, under its key or an alias."""
    names = {target} if spec is None else {target, spec.key, *spec.aliases}
    if names & PLACED or (spec is not None and spec.placed):
        return "places"
    if HTTP in names or (spec is not None and spec.references):
        return "references"
    return "unknown" if spec is None else "free"


def beyond_run(
    asked: Asked, stored: Asked | None, *, spec: ExecutorSpec | None, places: Sequence[PlaceSpec]
) -> tuple[Flaw, ...]:
    """What a caller with `run` alone may not send; pointers into the parameters, `/queue` and the like beside them.

    `stored`: what the job says; None: there is none. `places`: what the workers that may take the run have announced:
    a member is free, or a place open to runs without a job, where all of them say so.
    """
    held = held_by(asked.target, spec)
    if held == "free":
        return ()
    if held == "references" and not references_in(asked.params, http=_is_http(asked.target, spec)):
        return ()
    if stored is not None and not _same_executor(asked.target, stored.target, spec):
        return (Flaw("", "is for another executor than the job has now"),)
    match held:
        case "places":
            found = _beyond_places(asked, stored, spec, places)
        case "references":
            found = _beyond_references(asked, stored, spec)
        case "unknown":
            found = _beyond_unknown(asked, stored)
    return tuple(found)


def references_in(params: Mapping[str, Any], *, http: bool) -> list[str]:
    """Pointers to what a worker would look up, or might; of a request whatever stands in the place of a reference."""
    found: dict[str, None] = {}
    if http:
        headers = params.get("headers")
        if isinstance(headers, Mapping):
            named = cast("Mapping[str, Any]", headers).items()
            found |= {_pointer("headers", name, "from"): None for name, value in named if not isinstance(value, str)}
        elif headers is not None:
            found["/headers"] = None
        if params.get("sign") is not None:
            found["/sign/key"] = None
        params = {name: value for name, value in params.items() if name not in _BODY}
    return list(found | dict.fromkeys(_strings(params, "")))


def _beyond_places(
    asked: Asked, stored: Asked | None, spec: ExecutorSpec | None, places: Sequence[PlaceSpec]
) -> Iterator[Flaw]:
    name = place_named(asked.params)
    here = [one for one in places if one.name == name]
    named = {member for one in here for member in one.free} - {"place"}
    free = frozenset(member for member in named if all(member in one.free for one in here))
    if stored is None:
        if not here or not all(one.adhoc for one in here):
            yield Flaw("/place", f"the place {_shown(name)} is not open to runs without a job (`adhoc`)")
        for member in asked.params:
            if member != "place" and member not in free:
                yield Flaw(_pointer(member), f"the place {_shown(name)} does not leave it free")
        return
    yield from _differing(asked, stored, spec, free | {"place"})
    if name != place_named(stored.params):
        yield Flaw("/place", "is not the job's")
    yield from _other_queue(asked, stored)


def _beyond_references(asked: Asked, stored: Asked | None, spec: ExecutorSpec | None) -> Iterator[Flaw]:
    """Beside a reference: where it is sent, by which method, under which name, and what is signed with it."""
    http = _is_http(asked.target, spec)
    if stored is None:
        said = "is a reference to a secret of the worker"
        yield from (Flaw(pointer, said) for pointer in references_in(asked.params, http=http))
        return
    signed = asked.params.get("sign") is not None
    free = (_HARMLESS if signed else _HARMLESS | _BODY) if http else frozenset[str]()
    yield from _differing(asked, stored, spec, free)
    yield from _other_queue(asked, stored)


def _beyond_unknown(asked: Asked, stored: Asked | None) -> Iterator[Flaw]:
    if stored is None:
        yield Flaw("", "no worker has announced the executor, so it may work at places")
        return
    yield from _differing(asked, stored, None, frozenset())


def _differing(asked: Asked, stored: Asked, spec: ExecutorSpec | None, free: frozenset[str]) -> Iterator[Flaw]:
    """Members that are not as the job has them; what is left out is as the schema's default, where that is known."""
    defaults = {} if spec is None else _defaults(spec.params_schema)
    for member in dict.fromkeys((*asked.params, *stored.params)):
        if member in free:
            continue
        here, there = (_canonical(one, member, defaults) for one in (asked.params, stored.params))
        if here != there:
            yield Flaw(_pointer(member), "is not what the job has")


def _other_queue(asked: Asked, stored: Asked) -> Iterator[Flaw]:
    """Workers of another queue may know another place by that name, or another secret by that reference."""
    if asked.queue != stored.queue:
        yield Flaw("/queue", "is not the job's")


def _canonical(params: Mapping[str, Any], member: str, defaults: Mapping[str, Any]) -> bytes | None:
    if member in params:
        return msgspec.json.encode(_plain(params[member]), order="deterministic")
    return msgspec.json.encode(_plain(defaults[member]), order="deterministic") if member in defaults else None


def _plain(value: Any) -> Any:
    """Whole numbers are one, however they are written; what is equal in Python only (`1` and `true`) stays two."""
    if isinstance(value, float) and abs(value) < _EXACT and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in cast("Mapping[str, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in cast("Sequence[Any]", value)]
    return value


def _defaults(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Of a schema's members, by name; it may stand among its own definitions."""
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference.startswith("#/$defs/"):
        found = schema.get("$defs", {}).get(reference.removeprefix("#/$defs/"), {})
        schema = cast("Mapping[str, Any]", found)
    members = schema.get("properties", {})
    if not isinstance(members, Mapping):
        return {}
    return {
        name: one["default"]
        for name, one in cast("Mapping[str, Any]", members).items()
        if isinstance(one, Mapping) and "default" in one
    }


def _is_http(target: str, spec: ExecutorSpec | None) -> bool:
    return HTTP in ({target} if spec is None else {target, spec.key, *spec.aliases})


def _same_executor(one: str, other: str, spec: ExecutorSpec | None) -> bool:
    if one == other:
        return True
    if spec is not None:
        return {one, other} <= {spec.key, *spec.aliases}
    return {one, other} <= PLACED and one.replace(":", ".") == other.replace(":", ".")


def _strings(value: Any, at: str) -> Iterator[str]:
    """Pointers to texts that read like references."""
    inner: Iterable[tuple[str | int, Any]] = ()
    if isinstance(value, str):
        if value.startswith(("env:", "file:")):
            yield at
    elif isinstance(value, Mapping):
        inner = cast("Mapping[str, Any]", value).items()
    elif isinstance(value, list | tuple):
        inner = enumerate(cast("Sequence[Any]", value))
    for name, one in inner:
        yield from _strings(one, at + _pointer(name))


def _pointer(*parts: str | int) -> str:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def _shown(name: object) -> str:
    return repr(name) if isinstance(name, str) else "that is named"
