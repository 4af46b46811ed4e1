"""What an executor returned, as JSON that every reader of a run can read.

The limits are those of `docs/reference/limits.md`. They do not hang on what the process at hand is set to: not on
its recursion limit, nor on how many digits it reads, nor on what a subclass says of itself.
"""

from __future__ import annotations

import dataclasses
import inspect
import math
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from typing import Any, cast

import msgspec

from waterclock.executors.descriptions import written
from waterclock.kit.redaction import Redactor
from waterclock.wire.nesting import nested_deeper

RESULT_MOST = 64 * 1024  # bytes of JSON
NESTED_MOST = 32
"""Arrays and objects within each other, as in parameters."""
DIGITS_MOST = 4_300
"""Of a whole number, its sign among them: as many as msgspec reads, and Python unless it is told to read more."""
_LOOKED_AT = 4 * RESULT_MOST  # values: each takes a byte at least
_NULLS_TOLD = 10

_LEAST, _BEYOND = -(10 ** (DIGITS_MOST - 1)), 10**DIGITS_MOST
_Path = tuple["_Path", Any] | None  # to a value: the path to what it stands in, and its place there
_Told = Callable[[str], object]
_MANY: tuple[type[Any], ...] = (list, tuple, set, frozenset)


class BadResult(Exception):
    """It cannot be kept; the message says why."""


def result_of(returned: object, concealed: Redactor | None = None, tell: _Told | None = None) -> bytes:
    """The JSON of a returned value, without secrets. `tell` is told where null stands for a number that JSON has not.

    Raises:
        BadResult: it has none, or is beyond the limits.
    """
    try:
        _refuse_coroutine(returned)
        looked_at = _Look()
        looked_at.at(returned, 0, None)  # before it is encoded, which is recursion
        body = checked(_encode(_plain(returned) if looked_at.odd_keys else returned))
        if concealed is not None and concealed.known(text := body.decode()) != text:
            body = checked(_encode(_without(msgspec.json.decode(body), concealed)))
    except BadResult:
        raise
    except Exception as error:  # the values are others' code
        raise BadResult(f"the result cannot be written as JSON: {written(error, str)}") from error
    if tell is not None and looked_at.nulls:
        tell(_told(looked_at.nulls))
    return body


def _refuse_coroutine(returned: object) -> None:
    """
    Raises:
        BadResult: it is one.
    """
    if inspect.iscoroutine(returned):
        returned.close()
        raise BadResult("the function returned a coroutine that was never awaited: declare it as `async def`")


def checked(body: bytes) -> bytes:
    """What is given as a result's JSON, written as we write it: a `msgspec.Raw` in it is any bytes at all.

    Raises:
        BadResult: it is none, or is beyond the limits.
    """
    if len(body) > RESULT_MOST:
        raise BadResult(f"the result takes {len(body)} bytes as JSON; the limit is {RESULT_MOST}")
    if nested_deeper(body, NESTED_MOST):
        raise _too_deep()
    try:
        return _encode(msgspec.json.decode(body))
    except (ValueError, RecursionError) as error:
        raise BadResult(f"the result cannot be written as JSON: {error}") from error


class _Look:
    """A look at every value within a returned one, as msgspec would write it; `nulls`: paths to what JSON has not."""

    def __init__(self) -> None:
        self.nulls: list[_Path] = []
        self.odd_keys = False
        self._count = 0

    def at(self, one: object, depth: int, path: _Path) -> None:
        """
        Raises:
            BadResult: it is beyond the limits.
        """
        self._count += 1
        if self._count > _LOOKED_AT:
            raise BadResult(f"the result takes more than {RESULT_MOST} bytes as JSON, which is the limit")
        if one is None or isinstance(one, str | bytes | bytearray | memoryview):
            return
        if isinstance(one, int):
            if not _LEAST < int.__int__(one) < _BEYOND:
                raise BadResult(f"the result cannot be written as JSON: a number has more than {DIGITS_MOST} digits")
        elif isinstance(one, float):
            if not math.isfinite(float.__float__(one)):
                self.nulls.append(path)
        elif (inner := self._within(one)) is not None:
            if depth == NESTED_MOST:
                raise _too_deep()
            for name, value in inner:
                self.at(value, depth + 1, (path, name))

    def _within(self, one: object) -> Iterable[tuple[Any, Any]] | None:
        """The values that stand in one; None: it holds none. What a subclass says of itself does not count."""
        if isinstance(one, dict):
            return self._members(cast("object", one))
        for kind in _MANY:
            if isinstance(one, kind):
                return enumerate(_values(one, kind))
        if isinstance(one, Enum):
            return self._within(one.value)
        if isinstance(one, msgspec.Struct):
            names = zip(one.__struct_encode_fields__, one.__struct_fields__, strict=True)
            return ((told, getattr(one, name)) for told, name in names)
        if dataclasses.is_dataclass(one):
            return ((field.name, getattr(one, field.name, None)) for field in dataclasses.fields(one))
        if (fields := getattr(type(one), "__attrs_attrs__", None)) is not None:
            return ((field.name, getattr(one, field.name, None)) for field in fields)
        return None

    def _members(self, one: object) -> Iterator[tuple[Any, Any]]:
        for name, value in _items(one):
            if type(name) is not str:
                self.odd_keys = True
            yield name, value


def _items(one: object) -> Iterable[tuple[Any, Any]]:
    return dict[Any, Any].items(cast("dict[Any, Any]", one))


def _values(one: object, kind: type[Any]) -> Iterator[Any]:
    return kind.__iter__(one)


def _plain(one: Any) -> Any:
    """The same, with exact strings and numbers as names of members; it is not nested too deeply."""
    if isinstance(one, dict):
        return {_key(name): _plain(value) for name, value in _items(cast("object", one))}
    if isinstance(one, list | tuple):
        return [_plain(value) for value in _values(cast("object", one), list if isinstance(one, list) else tuple)]
    return one


def _key(name: Any) -> Any:
    if isinstance(name, Enum | bool):
        return name
    return _exact(name) if isinstance(name, str | int | float | bytes) else name


def _exact(one: Any) -> Any:
    """A value of the type that msgspec writes, for one of a subclass of it: the same text, number or bytes.

    Raises:
        NotImplementedError: it is of none.
    """
    if isinstance(one, str):
        return str.__str__(one)
    if isinstance(one, int):
        return int.__int__(one)
    if isinstance(one, float):
        return float.__float__(one)
    if isinstance(one, bytes):
        return bytes(memoryview(one))
    raise NotImplementedError(f"it holds a {type(one).__qualname__}, which JSON does not have")


_encode = msgspec.json.Encoder(enc_hook=_exact).encode


def _told(nulls: list[_Path]) -> str:
    some = ", ".join(_pointer(path) or "the whole" for path in nulls[:_NULLS_TOLD])
    more = f" and at {len(nulls) - _NULLS_TOLD} more places" if len(nulls) > _NULLS_TOLD else ""
    return f"JSON has no NaN or infinity: the result has null instead at {some}{more}"


def _pointer(path: _Path) -> str:
    """A JSON pointer (RFC 6901)."""
    parts: list[str] = []
    while path is not None:
        path, name = path
        parts.append(written(name, str).replace("~", "~0").replace("/", "~1"))
    return "".join(f"/{part}" for part in reversed(parts))


def _too_deep() -> BadResult:
    return BadResult(f"the result is nested more than {NESTED_MOST} deep")


def _without(result: Any, concealed: Redactor) -> Any:
    """What JSON holds, without secrets in its texts."""
    match result:
        case str():
            return concealed.known(result)
        case list():
            return [_without(one, concealed) for one in cast("list[Any]", result)]
        case dict():
            members = cast("dict[str, Any]", result)
            return {concealed.known(name): _without(one, concealed) for name, one in members.items()}
        case _:
            return result
