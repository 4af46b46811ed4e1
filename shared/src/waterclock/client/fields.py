"""Members of a definition as they are written on a command line: `FIELD=VALUE`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click
import msgspec

from waterclock.model.definition import Definition
from waterclock.wire.doubles import doubles, may_have_doubles

_KINDS = {field.encode_name: field.type for field in msgspec.structs.fields(Definition)}


def assigned(pairs: Iterable[str]) -> dict[str, Any]:
    """`misfirePolicy=1` → a member. The API refuses what does not fit, and names it.

    Raises:
        UsageError: there is no `=`.
    """
    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise click.UsageError(f"{pair!r} is not FIELD=VALUE")
        found[name] = _value(name, text)
    return found


def parameters(whole: str | None, pairs: Iterable[str]) -> dict[str, Any] | None:
    """Parameters as one JSON object, or one by one, JSON where it is such and text elsewhere; None without any.

    Raises:
        UsageError: no JSON object, or no `=`.
    """
    found: dict[str, Any] | None = None
    if whole is not None:
        try:
            found = msgspec.json.decode(whole, type=dict[str, Any])
        except msgspec.MsgspecError as error:
            raise click.UsageError(f"--params is no JSON object: {error}") from None
        _check_doubles(whole, found)
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise click.UsageError(f"{pair!r} is not NAME=VALUE")
        found = {**(found or {}), name: _json_or_text(text)}
    return found


def duration(text: str | None) -> float | str | None:
    """A number of seconds as one; anything else as it is, for the API to read."""
    return float(text) if text is not None and text.isascii() and text.replace(".", "", 1).isdigit() else text


def _value(name: str, text: str) -> Any:
    """As the field's type wants it; what does not fit goes as it is, for the API to say so."""
    kind = _KINDS.get(name)
    if kind is None:
        return text
    if text == "null":
        return None
    try:
        return msgspec.convert(text, kind, strict=False)
    except msgspec.ValidationError:
        return _json_or_text(text)


def _json_or_text(text: str) -> Any:
    try:
        found = msgspec.json.decode(text)
    except msgspec.MsgspecError:
        return text
    _check_doubles(text, found)
    return found


def _check_doubles(text: str, found: Any) -> None:
    """
    Raises:
        UsageError: a member is given more than once, of which only the last was read.
    """
    if may_have_doubles(text.encode(), found):
        for path in doubles(text.encode()):
            raise click.UsageError(f"{'/'.join(map(str, path))} is given more than once in {text}")
