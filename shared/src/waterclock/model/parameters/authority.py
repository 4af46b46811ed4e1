"""What a caller that may only run may send: what the stored job says, where more would reach beyond it.

A job is written by those who may `edit` it; the scope `run` asks for what is written. Parameters of an executor that
works at places say where a worker goes and what it deletes, and those of `http.request` may hold references to the
worker's secrets: there, a caller with `run` alone sends what the job has, but for members that the place leaves free.
Whatever is not known to be harmless is held by this, also what an executor learns to take later.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Literal, NamedTuple, TypeAlias, cast

import msgspec

from waterclock.model.errors import Flaw
from waterclock.model.events import ExecutorSpec
from waterclock.model.parameters.place_bounds import place_named
from waterclock.model.places import PLACED, PlaceSpec

HTTP = "http.request"
Held: TypeAlias = Literal["free", "places", "references", "unknown"]
"""By what a caller with `run` alone is held; `unknown`: nobody has announced the executor, so it may work at places."""

MOST = 100
"""Members that are named as beyond it."""
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
    """What a caller with `run` alone may not send, by pointers into a run: `/params/bucket`, `/queue`, `/invokeTarget`.

    `stored`: what the job says; None: there is none. `places`: what the workers that may take the run have announced:
    a member is free, or a place open to runs without a job, where all of them say so.
    """
    if not is_held(asked, spec):
        return ()
    if stored is not None and not same_executor(asked.target, stored.target, spec):
        return (Flaw("/invokeTarget", "differs from the job's executor now"),)
    match held_by(asked.target, spec):
        case "places":
            found = _beyond_places(asked, stored, spec, places)
        case "references":
            found = _beyond_references(asked, stored, spec)
        case _:
            found = _beyond_unknown(asked, stored)
    # workers of another queue may know another place by that name, or another secret by that reference
    moved = stored is not None and asked.queue != stored.queue
    return (*islice(found, MOST), *((Flaw("/queue", "is not the job's"),) if moved else ()))


def is_held(asked: Asked, spec: ExecutorSpec | None) -> bool:
    """Whether a caller with `run` alone may not send whatever it likes."""
    held = held_by(asked.target, spec)
    return held != "free" and (held != "references" or bool(references_in(asked.target, spec, asked.params)))


def references_in(target: str, spec: ExecutorSpec | None, params: Mapping[str, Any]) -> dict[str, Any]:
    """What a worker would look up, or might, by pointers into the parameters.

    Of a request that is whatever stands where a reference may, and no text of its body.
    """
    found: dict[str, Any] = {}
    if _is_http(target, spec):
        headers = params.get("headers")
        if isinstance(headers, Mapping):
            named = cast("Mapping[str, Any]", headers).items()
            found |= {
                _pointer("headers", name, "from"): _member(value, "from")
                for name, value in named
                if not isinstance(value, str)
            }
        elif headers is not None:
            found["/headers"] = headers
        if params.get("sign") is not None:
            found["/sign/key"] = _member(params["sign"], "key")
        params = {name: value for name, value in params.items() if name not in _BODY}
    return found | {pointer: text for pointer, text in _strings(params, "") if pointer not in found}


def _beyond_places(
    asked: Asked, stored: Asked | None, spec: ExecutorSpec | None, places: Sequence[PlaceSpec]
) -> Iterator[Flaw]:
    name = place_named(asked.params)
    here = [one for one in places if one.name == name]
    named = {member for one in here for member in one.free} - {"place"}
    free = frozenset(member for member in named if all(member in one.free for one in here))
    if stored is None:
        if not here or not all(one.adhoc for one in here):
            yield Flaw("/params/place", f"the place {_shown(name)} does not allow runs without a job (`adhoc`)")
        for member in asked.params:
            if member != "place" and member not in free:
                yield Flaw(_pointer("params", member), f"the place {_shown(name)} does not list it as free")
        return
    yield from _differing(asked, stored, spec, free | {"place"})
    if name != place_named(stored.params):
        yield Flaw("/params/place", "is not the job's")


def _beyond_references(asked: Asked, stored: Asked | None, spec: ExecutorSpec | None) -> Iterator[Flaw]:
    """Beside a reference: where it is sent, by which method, under which name, and what is signed with it."""
    if stored is None:
        said = "is a reference to a secret of the worker"
        yield from (Flaw(f"/params{pointer}", said) for pointer in references_in(asked.target, spec, asked.params))
        return
    signed = asked.params.get("sign") is not None
    free = (_HARMLESS if signed else _HARMLESS | _BODY) if _is_http(asked.target, spec) else frozenset[str]()
    yield from _differing(asked, stored, spec, free)


def _beyond_unknown(asked: Asked, stored: Asked | None) -> Iterator[Flaw]:
    if stored is None:
        yield Flaw("/invokeTarget", "has not been announced by any worker, so it may use places")
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
            yield Flaw(_pointer("params", member), "is not what the job has")


def same_member(one: Mapping[str, Any], other: Mapping[str, Any], member: str) -> bool:
    """Whether both have it alike, or not at all."""
    return _canonical(one, member, {}) == _canonical(other, member, {})


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


def same_executor(one: str, other: str, spec: ExecutorSpec | None) -> bool:
    """`spec`: of either."""
    if one == other:
        return True
    if spec is not None:
        return {one, other} <= {spec.key, *spec.aliases}
    return {one, other} <= PLACED and one.replace(":", ".") == other.replace(":", ".")


def _member(value: Any, name: str) -> Any:
    return cast("Mapping[str, Any]", value).get(name) if isinstance(value, Mapping) else value


def _strings(value: Any, at: str) -> Iterator[tuple[str, str]]:
    """Texts that read like references, by pointers to them."""
    inner: Iterable[tuple[str | int, Any]] = ()
    if isinstance(value, str):
        if value.startswith(("env:", "file:")):
            yield at, value
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
