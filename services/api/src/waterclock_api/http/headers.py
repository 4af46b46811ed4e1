"""Headers of a request, read from the ASGI scope: Litestar's own mapping costs 20 µs a request."""

from __future__ import annotations

import re
from typing import Any

from litestar import Request

from waterclock_api.http.problems import BadRequest


def header(request: Request[Any, Any, Any], name: bytes) -> str | None:
    """A header by its name in lower case; the last, if it is repeated."""
    found: str | None = None
    for key, value in request.scope["headers"]:
        if key == name:
            found = value.decode("latin-1")
    return found


def sole_header(request: Request[Any, Any, Any], name: bytes) -> str | None:
    """A header that means nothing, or two things, if it is repeated: of two readers each could take another.

    Raises:
        BadRequest: it is.
    """
    found = [value for key, value in request.scope["headers"] if key == name]
    if len(found) > 1:
        raise BadRequest(f"{name.decode().title().replace('-Id', '-ID')} was sent more than once.")
    return found[0].decode("latin-1") if found else None


def lists(field: str, wanted: str) -> bool:
    """Whether a field such as Accept or Accept-Encoding names `wanted` itself, and does not refuse it by `q=0`."""
    for part in field.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        if name == wanted:
            return not any(re.fullmatch(r"q\s*=\s*0(\.0*)?", one) for one in parameters)
    return False
