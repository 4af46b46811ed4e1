"""Reading the parameters of a query into a struct, with every flaw found, not only the first."""

from __future__ import annotations

import typing
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from litestar import Request

from waterclock.kit.text.validation_messages import message_of
from waterclock.model.errors import Flaw
from waterclock_api.http.flaw_limits import bounded, full
from waterclock_api.http.problems import BadRequest
from waterclock_api.http.request_body import T, bare_type, fields_of, unknown

PARAMETERS_LIMIT = 1_000  # of a query


class NoQuery(msgspec.Struct, frozen=True, kw_only=True):
    """For routes without query parameters."""


def read_query(request: Request[Any, Any, Any], kind: type[T]) -> T:
    """The query parameters as a struct: those of a tuple may be repeated, any other once.

    Raises:
        BadRequest: one is unknown, given too often, or wrong; all that are, are named.
    """
    if not request.scope["query_string"]:
        return kind()
    given: dict[str, list[str]] = {}
    for name, value in query_pairs(request):
        given.setdefault(name, []).append(value)
    flaws: list[Flaw] = []
    fields = fields_of(kind)
    read: dict[str, Any] = {}
    for name, values in given.items():
        if full(flaws):
            break
        field = fields.get(name)
        if field is None:
            flaws.append(Flaw(f"?{name}", unknown(name, fields, flaws)))
        elif "" in values:  # which would be taken for no filter by one, and for one that nothing fits by another
            flaws.append(Flaw(f"?{name}", "is empty: give it a value, or leave it out"))
        elif "\0" in "".join(values):
            flaws.append(Flaw(f"?{name}", "holds the character U+0000"))
        else:
            _read_parameter(field, values, read, flaws)
    if flaws:
        flaws = list(bounded(flaws))
        raise BadRequest("; ".join(f"{flaw.pointer}: {flaw.message}" for flaw in flaws), *flaws)
    return kind(**read)


def query_pairs(request: Request[Any, Any, Any]) -> list[tuple[str, str]]:
    """The query parameters as they were given, in their order.

    Raises:
        BadRequest: there are too many.
    """
    text: bytes = request.scope["query_string"]
    if text.count(b"&") >= PARAMETERS_LIMIT:
        raise BadRequest(f"The query has more than {PARAMETERS_LIMIT} parameters.")
    return parse_qsl(text.decode("latin-1"), keep_blank_values=True)


def _read_parameter(
    field: msgspec.structs.FieldInfo, values: list[str], read: dict[str, Any], flaws: list[Flaw]
) -> None:
    repeatable = typing.get_origin(bare_type(field.type)) is tuple
    if not repeatable and len(values) > 1:
        flaws.append(Flaw(f"?{field.encode_name}", "is given more than once"))
        return
    try:
        found = msgspec.convert(values if repeatable else values[0], field.type, strict=False)
    except msgspec.ValidationError as error:
        flaws.append(Flaw(f"?{field.encode_name}", message_of(error, field.type)))
        return
    if found is None:  # which msgspec makes of the word
        flaws.append(Flaw(f"?{field.encode_name}", "must not be null: leave it out"))
    read[field.name] = found
