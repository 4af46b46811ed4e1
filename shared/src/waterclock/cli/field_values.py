"""Members of a definition as they are written on a command line: `FIELD=VALUE`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, get_args

import click
import msgspec

from waterclock.cli.options.moments import moment, seconds
from waterclock.kit.text.members import members
from waterclock.model.definition import PARTS, Definition
from waterclock.model.words import CODED, code_of
from waterclock.wire.doubles import doubles, may_have_doubles

_PARTS = {whole: {member.name: member.type for member in members(kind)} for whole, kind in PARTS.items()}
_MOMENTS = frozenset({"startAt", "endAt", "runAt"})
_KINDS = {member.name: member.type for member in members(Definition)}


class Parts(dict[str, Any]):
    """Some members of a member, such as `retry.maxAttempts`."""


def assigned(pairs: Iterable[str]) -> dict[str, Any]:
    """`misfirePolicy=skip` and `retry.maxAttempts=2` → members. The API refuses what does not fit, and names it.

    Raises:
        UsageError: there is no `=`, or a member is given twice.
    """
    found: dict[str, Any] = {}
    parts: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise click.UsageError(f"{pair!r} is not FIELD=VALUE")
        if name in found or name in parts:
            raise click.UsageError(f"{name} is given twice: {pair!r} is the second")
        (parts if "." in name else found)[name] = text if "." in name else _value(name, text)
    for name, text in parts.items():
        whole, _, part = name.partition(".")
        if not isinstance(found.setdefault(whole, Parts()), Parts):
            raise click.UsageError(f"{whole} and its part {name} are both given: give one of them")
        found[whole][part] = _part(whole, part, text)
    return found


def changed_in(stored: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """The members of a stored job with the change; of one that is given in parts the other parts stay."""
    found = dict(stored)
    for name, value in change.items():
        found[name] = {**(stored.get(name) or {}), **value} if isinstance(value, Parts) else value
    return found


def without(stored: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """The members of a job but these, or these parts of one (`promise.finishBy`): the API gives them their defaults."""
    found = dict(stored)
    for name in names:
        whole, _, part = name.partition(".")
        if part and isinstance(found.get(whole), Mapping):
            found[whole] = {each: value for each, value in found[whole].items() if each != part}
        else:
            found.pop(name, None)
    return found


def parameters(whole: str | None, pairs: Iterable[str]) -> dict[str, Any] | None:
    """Parameters as one JSON object, or one by one, JSON where it is such and text elsewhere; None without any.

    Raises:
        UsageError: no JSON object, or no `=`.
    """
    found: dict[str, Any] | None = None if whole is None else _object(whole)
    named: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise click.UsageError(f"{pair!r} is not NAME=VALUE")
        if name in named:
            raise click.UsageError(f"the parameter {name} is given twice: {pair!r} is the second")
        named[name] = _json_or_text(text)
    return found if not named else (found or {}) | named


def merged(options: Mapping[str, Any], assigned: Mapping[str, Any]) -> dict[str, Any]:
    """Members that options give, and those of `--set`.

    Raises:
        UsageError: both give one, or the same part of one.
    """
    found = {**options, **assigned}
    for name in options.keys() & assigned.keys():
        one, other = options[name], assigned[name]
        if not isinstance(one, Parts) or not isinstance(other, Parts):
            raise click.UsageError(f"{name} is given by its own option and by --set: give it once")
        for part in one.keys() & other.keys():
            raise click.UsageError(f"{name}.{part} is given by its own option and by --set: give it once")
        found[name] = Parts(one | other)
    return found


def duration(text: str | None) -> float | str | None:
    """A number of seconds, or a span such as `1h30m`, as one; anything else as it is, for the API to read."""
    if text is None or (text.isascii() and text.replace(".", "", 1).isdigit()):
        return None if text is None else float(text)
    found = seconds(text)
    return text if found is None else found


def _value(name: str, text: str) -> Any:
    """As the field's type wants it; what does not fit goes as it is, for the API to say so."""
    kind = _KINDS.get(name)
    if name in _MOMENTS and text != "null":
        return _moment(text)
    if kind is None:
        return text
    if text == "null":
        return None
    if name in CODED and (code := code_of(CODED[name], text)) is not None:
        return code  # an API of an earlier release reads no words
    return _fitted(kind, text)


def _fitted(kind: Any, text: str) -> Any:
    try:
        return msgspec.convert(text, kind, strict=False)
    except msgspec.ValidationError:
        span = seconds(text) if float in (kind, *get_args(kind)) else None  # all that are no whole numbers are seconds
        return _json_or_text(text) if span is None else span


def _part(whole: str, part: str, text: str) -> Any:
    """As `_value`, of a part: members of parameters are as `--param` has them, those of labels are text."""
    if text == "null":
        return None
    kinds = _PARTS.get(whole)
    if kinds is None:
        return text if whole == "labels" else _json_or_text(text)
    return _fitted(kinds[part], text) if part in kinds else _json_or_text(text)


def _moment(text: str) -> str:
    try:
        return moment(text, ahead=True)
    except ValueError:
        return text


def _object(text: str) -> dict[str, Any]:
    """
    Raises:
        UsageError: it is no JSON object, or has a member twice.
    """
    try:
        found = msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise click.UsageError(f"--params is not a JSON object: {str(error).replace('`', '')}") from None
    except RecursionError:
        raise click.UsageError("--params is nested too deeply") from None
    _check_doubles(text, found)
    return found


def _json_or_text(text: str) -> Any:
    try:
        found = msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError):
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
