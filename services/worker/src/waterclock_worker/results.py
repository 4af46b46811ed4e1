"""What an executor returned, as JSON that every reader of a run can read."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterable
from typing import Any, cast

import msgspec

from waterclock.kit.concealing import Concealer
from waterclock.wire.nesting import nested_deeper

RESULT_MOST = 64 * 1024  # bytes of JSON
NESTED_MOST = 32
"""Arrays and objects within each other, as in parameters."""
_LOOKED_AT = 4 * RESULT_MOST  # values: each takes a byte at least

_encode = msgspec.json.Encoder().encode
_MANY = (list, tuple, set, frozenset)


class BadResult(Exception):
    """It cannot be kept; the message says why."""


def result_of(returned: object, concealed: Concealer | None = None) -> bytes:
    """The JSON of a returned value, without secrets.

    Raises:
        BadResult: it has none, or is too large or nested too deeply.
    """
    if inspect.iscoroutine(returned):
        returned.close()
        raise BadResult("the function returned a coroutine that nobody awaited: declare it as `async def`")
    try:
        _check_depth(returned)  # before it is encoded, which is recursion
        body = checked(_encode(returned))
        if concealed is not None and concealed.known(text := body.decode()) != text:
            body = checked(_encode(_without(msgspec.json.decode(body), concealed)))
    except BadResult:
        raise
    except Exception as error:  # the values are others' code
        raise BadResult(f"the result cannot be written as JSON: {error}") from error
    return body


def checked(body: bytes) -> bytes:
    """What is given as a result's JSON, written as we write it: a `msgspec.Raw` in it is any bytes at all.

    Raises:
        BadResult: it is none, or is too large or nested too deeply.
    """
    if len(body) > RESULT_MOST:
        raise BadResult(f"the result takes {len(body)} bytes as JSON; {RESULT_MOST} are the limit")
    if nested_deeper(body, NESTED_MOST):
        raise _too_deep()
    try:
        return _encode(msgspec.json.decode(body))
    except (ValueError, RecursionError) as error:
        raise BadResult(f"the result cannot be written as JSON: {error}") from error


def _check_depth(returned: object) -> None:
    """Level by level, so that it cannot end where recursion does.

    Raises:
        BadResult: it is nested too deeply, or so much that it cannot fit.
    """
    level = [returned]
    looked_at = 0
    for _ in range(NESTED_MOST + 1):
        level = [inner for one in level for inner in _within(one)]
        if not level:
            return
        looked_at += len(level)
        if looked_at > _LOOKED_AT:
            raise BadResult(f"the result takes more than {RESULT_MOST} bytes as JSON, which are the limit")
    raise _too_deep()


def _within(one: object) -> Iterable[Any]:
    """The values that stand in one, as msgspec would write it."""
    if one is None or isinstance(one, str | bytes | int | float):  # nearly all
        return ()
    if isinstance(one, _MANY):
        return cast("Iterable[Any]", one)
    if isinstance(one, dict):
        return cast("dict[Any, Any]", one).values()
    if isinstance(one, msgspec.Struct):
        return [getattr(one, name) for name in one.__struct_fields__]
    if dataclasses.is_dataclass(one):
        return [getattr(one, field.name, None) for field in dataclasses.fields(one)]
    return [getattr(one, field.name, None) for field in getattr(type(one), "__attrs_attrs__", ())]


def _too_deep() -> BadResult:
    return BadResult(f"the result is nested more than {NESTED_MOST} deep")


def _without(result: Any, concealed: Concealer) -> Any:
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
