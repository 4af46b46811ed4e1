"""Reading requests: body and query into structs, with every flaw found, not only the first."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import islice
from typing import Any, TypeVar, cast

import msgspec
from litestar import Request

from waterclock.kit.text.validation_messages import message_of, pointer_of
from waterclock.model.errors import Flaw, Invalid, pointer_to
from waterclock.wire.doubles import doubles, may_have_doubles
from waterclock_api.access.guard import admit_still
from waterclock_api.http.flaw_limits import MOST, bounded, full, guess
from waterclock_api.http.headers import header
from waterclock_api.http.problems import BadRequest, UnsupportedBody
from waterclock_api.http.receive_body import SMALL, received_body
from waterclock_api.http.unreadable_body import why_unreadable
from waterclock_api.limits.thread_turns import in_thread

T = TypeVar("T", bound=msgspec.Struct)
VALUES_LIMIT = 80_000  # by the commas: what parameters of their largest size hold, and more
DEPTH_LIMIT = 32  # arrays and objects within each other; schemas and databases walk them by recursion
_OBJECT = 64  # bytes that a member takes once it is read, about
_JSON = re.compile(r"application/(?:[\w.+-]+\+)?json\s*(?:;.*)?", re.IGNORECASE)


async def read_json(request: Request[Any, Any, Any], *, optional: bool = False) -> Any:
    """The body as JSON; `{}` for an optional one that is not there.

    Raises:
        BadRequest: not JSON.
        UnsupportedBody: it says that it is something else.
        Invalid: it is nested too deeply, holds too many values, or a member more than once.
        SlowBody, Crowded: it did not come in time, or there is no room for it.
        Unauthenticated, Forbidden, CredentialsUnknown: who asks was let in, and would not be by the time that it came.
    """
    body, hold = await received_body(request)
    await admit_still(request)
    if not body:
        if optional:
            return {}
        raise BadRequest("The body is empty: JSON is expected.")
    kind = header(request, b"content-type")
    if kind is not None and _JSON.fullmatch(kind.strip()) is None:
        raise UnsupportedBody(f"The body is {kind}; send application/json.")
    if body.count(b",") > VALUES_LIMIT:
        raise Invalid(Flaw("", f"holds more than {VALUES_LIMIT} values"))
    if hold is not None:
        hold.resize(2 * len(body) + _OBJECT * (body.count(b",") + body.count(b"{") + body.count(b"[")))
        hold.check()
    try:
        found = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadRequest(f"The body {why_unreadable(body, error)}.") from error
    except RecursionError as error:
        raise BadRequest("The body is nested too deeply.") from error
    if body.count(b"[") + body.count(b"{") > DEPTH_LIMIT:
        _check_depth(found)
    if may_have_doubles(body, found):
        refuse(_doubled(body) if len(body) <= SMALL else await in_thread(_doubled, body))
    return found


def read_struct(
    kind: type[T],
    found: Any,
    flaws: list[Flaw],
    *,
    ignored: frozenset[str] = frozenset(),
    stand_ins: Mapping[str, Any] | None = None,
) -> T:
    """The body as a struct. What is wrong is added to `flaws`, and the field keeps its default or its stand-in.

    `stand_ins` are for required fields, by their Python name; `ignored` members may be there.

    Raises:
        Invalid: it is no object.
    """
    if not isinstance(found, dict):
        raise Invalid(Flaw("", f"must be an object, not {_kind_of(found)}"))
    if b"\\u0000" in msgspec.json.encode(found):  # which takes far less than to look at each value
        flaws.extend(islice(_unstorable(found), MOST))
    members = {name: value for name, value in cast("dict[str, Any]", found).items() if name not in ignored}
    return kind(**dict(stand_ins or {}) | _read(kind, members, "", flaws))


def refuse(flaws: list[Flaw]) -> None:
    """
    Raises:
        Invalid: there are flaws.
    """
    if flaws:
        raise Invalid(*bounded(flaws))


def _doubled(body: bytes) -> list[Flaw]:
    return [Flaw(pointer_to(*path), "is given more than once") for path in islice(doubles(body), MOST + 1)]


def _check_depth(found: Any) -> None:
    """
    Raises:
        Invalid: names the first place that lies too deep.
    """
    for path, value in _walk(found):
        if len(path) == DEPTH_LIMIT and isinstance(value, dict | list):
            raise Invalid(Flaw(pointer_to(*path), f"is nested more than {DEPTH_LIMIT} deep"))


def _walk(found: Any) -> Iterator[tuple[list[str | int], Any]]:
    """Every value with the path to it, the outer before the inner ones. The path is one list, which changes."""
    path: list[str | int] = []
    open_: list[Iterator[tuple[str | int, Any]]] = [_inner(found)]
    yield path, found
    while open_:
        following = next(open_[-1], None)
        if following is None:
            open_.pop()
            if path:
                path.pop()
            continue
        name, value = following
        path.append(name)
        yield path, value
        if isinstance(value, dict | list):
            open_.append(_inner(value))
        else:
            path.pop()


def _inner(value: Any) -> Iterator[tuple[str | int, Any]]:
    if isinstance(value, dict):
        return iter(cast("dict[str, Any]", value).items())
    return iter(enumerate(cast("list[Any]", value)) if isinstance(value, list) else ())


def _read(kind: type[msgspec.Struct], members: Mapping[str, Any], at: str, flaws: list[Flaw]) -> dict[str, Any]:
    """The fields that are given and right."""
    fields = fields_of(kind)
    read: dict[str, Any] = {}
    for name, value in members.items():
        if full(flaws):
            return read
        field = fields.get(name)
        if field is None:
            flaws.append(Flaw(at + pointer_to(name), unknown(name, fields, flaws)))
            continue
        before = len(flaws)
        converted = _convert(field.type, value, at + pointer_to(name), flaws)
        if len(flaws) == before:
            read[field.name] = converted
    missing = (name for name, field in fields.items() if field.required and name not in members)
    flaws.extend(Flaw(at + pointer_to(name), "is required") for name in missing)
    return read


def _convert(kind: Any, value: Any, at: str, flaws: list[Flaw]) -> Any:
    inner = _struct_in(kind)
    if inner is not None and isinstance(value, dict):
        return inner(**_read(inner, cast("dict[str, Any]", value), at, flaws))
    values = _values_of(kind)
    if values is not None and isinstance(value, dict):
        members = cast("dict[str, Any]", value)
        return {
            name: _convert(values, each, at + pointer_to(name), flaws)
            for name, each in members.items()
            if not full(flaws)
        }
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        flaws.append(Flaw(at + pointer_of(error), message_of(error, kind)))
        return None


@cache
def fields_of(kind: type[msgspec.Struct]) -> dict[str, msgspec.structs.FieldInfo]:
    return {field.encode_name: field for field in msgspec.structs.fields(kind)}


@cache
def _struct_in(kind: Any) -> type[msgspec.Struct] | None:
    """The struct that a field holds, also where it may be null."""
    bare = bare_type(kind)
    options = typing.get_args(bare) if isinstance(bare, types.UnionType) else (bare,)
    return next((one for one in options if isinstance(one, type) and issubclass(one, msgspec.Struct)), None)


def bare_type(kind: Any) -> Any:
    return typing.get_args(kind)[0] if typing.get_origin(kind) is typing.Annotated else kind


def unknown(name: str, fields: Mapping[str, Any], flaws: Sequence[Flaw]) -> str:
    return f"is unknown{guess(name, fields, flaws)}"


def _kind_of(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a truth value"
        case str():
            return "a string"
        case list():
            return "an array"
        case _:
            return "a number"


def _unstorable(found: Any) -> Iterator[Flaw]:
    """Strings with U+0000: Postgres has no text and no JSON with it."""
    for path, value in _walk(found):
        if isinstance(value, str):
            if "\0" in value:
                yield Flaw(pointer_to(*path), "holds the character U+0000, which cannot be stored")
        elif isinstance(value, dict) and any("\0" in name for name in cast("dict[str, Any]", value)):
            yield Flaw(pointer_to(*path), "has a member whose name holds the character U+0000")


@cache
def _values_of(kind: Any) -> Any:
    """The type of the values of a mapping with values of one type; None for any other type."""
    bare = bare_type(kind)
    if typing.get_origin(bare) is dict and typing.get_args(bare)[1] is not Any:
        return typing.get_args(bare)[1]
    return None
