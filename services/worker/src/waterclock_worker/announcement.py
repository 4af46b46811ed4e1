"""A JSON Schema as every reader of what a worker announces can read it (docs/reference/limits.md).

Words for people (titles, descriptions, defaults, examples) are cleaned. What is compared with parameters is not: a rule
that nobody can read as it is meant is refused.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Any, cast

import msgspec

from waterclock.executors.descriptions import written
from waterclock_worker.reporting.bounds import LINE_MOST, cleaned, exact
from waterclock_worker.reporting.results import DIGITS_MOST

NESTED_MOST = 64
"""Arrays and objects within each other: the API checks parameters by a schema that is no deeper."""

_WORDS = frozenset({"title", "description", "$comment", "default", "examples"})
"""Keywords that no parameter is compared with."""
_NAMES = frozenset({"properties", "patternProperties", "dependentSchemas", "dependentRequired", "$defs", "definitions"})
"""Keywords whose members are named by the author: a parameter may be called `title`."""
_LEAST, _BEYOND = -(10 ** (DIGITS_MOST - 1)), 10**DIGITS_MOST


class Unreadable(Exception):
    """Some part cannot be read by all; the message names it by JSON Pointer and says why."""


def readable(schema: dict[str, Any]) -> dict[str, Any]:
    """The same, of plain values of JSON alone.

    Raises:
        Unreadable: it has no such form.
    """
    try:
        return _members(schema, (), words=False, named=False)
    except Unreadable:
        raise
    except Exception as error:  # what stands in it is others' code
        raise Unreadable(f"some value of it cannot be read: {written(error, str)}") from error


def _read(value: Any, path: tuple[str, ...], *, words: bool, named: bool = False) -> Any:
    """`words`: it is for people. `named`: its members are named by the author."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Enum):
        return _read(value.value, path, words=words)
    kind = cast("type[Any]", type(value))  # what it says of its class does not count
    if issubclass(kind, str):
        return _text(value, path, words=words)
    if issubclass(kind, int):
        number = int.__int__(value)
        if not _LEAST < number < _BEYOND:
            raise _unreadable(path, f"holds a number of more than {DIGITS_MOST} digits")
        return number
    if issubclass(kind, float):
        return _number(float.__float__(value), path, words=words)
    if len(path) >= NESTED_MOST:
        raise _unreadable(path[:3], f"is nested more than {NESTED_MOST} deep")
    if issubclass(kind, dict):
        return _members(value, path, words=words, named=named)
    if issubclass(kind, list | tuple):
        many: Iterator[Any] = (list[Any] if issubclass(kind, list) else tuple[Any, ...]).__iter__(value)
        return [_read(one, (*path, str(place)), words=words) for place, one in enumerate(many)]
    raise _unreadable(path, f"is a {kind.__qualname__}, which JSON does not have")


def _members(value: dict[Any, Any], path: tuple[str, ...], *, words: bool, named: bool) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for given, one in dict[Any, Any].items(value):
        if not issubclass(type(given), str):
            raise _unreadable(path, f"has a member whose name is not a string: {written(given, repr):.100}")
        name = _text(given, path, words=words)
        its_words = words or (not named and name in _WORDS)
        made[name] = _read(one, (*path, name), words=its_words, named=not words and not named and name in _NAMES)
    return made


def _text(value: str, path: tuple[str, ...], *, words: bool) -> str:
    text = exact(value)
    if words:
        return cleaned(text, LINE_MOST)
    if "\0" in text:
        raise _unreadable(path, "holds U+0000, which the stores cannot hold")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _unreadable(path, f"holds half of a surrogate pair: {text!a:.100}") from None
    return text


def _number(value: float, path: tuple[str, ...], *, words: bool) -> float | None:
    if math.isfinite(value):
        return value
    if words:
        return None
    raise _unreadable(path, f"is {value}: JSON has no NaN and no infinity")


def _unreadable(path: tuple[str, ...], why: str) -> Unreadable:
    pointer = "".join(f"/{part.replace('~', '~0').replace('/', '~1')}" for part in path)
    return Unreadable(f"{pointer or 'the whole'} {why}")


def odd_defaults(kind: Any) -> Iterator[str]:
    """Members of parameters or a result, however deep, whose default values cannot be written as JSON, with why."""
    seen: set[int] = set()
    waiting: list[Any] = [msgspec.inspect.type_info(kind)]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list | tuple):
            waiting += cast("Iterable[Any]", one)
        elif isinstance(one, msgspec.inspect.Type | msgspec.inspect.Field) and id(one) not in seen:
            seen.add(id(one))
            if isinstance(one, msgspec.inspect.Field) and one.default is not msgspec.NODEFAULT:
                try:
                    msgspec.to_builtins(one.default, str_keys=True)
                except Exception as error:  # noqa: BLE001 - a default is others' code
                    yield f"the default of {one.encode_name!r} ({type(one.default).__name__}): {error}"
            waiting += (getattr(one, name) for name in one.__struct_fields__)
