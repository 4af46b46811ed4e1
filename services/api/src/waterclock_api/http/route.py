"""What a handler is given, and what a route tells beside its path, method and docstring."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import msgspec
from litestar import Request
from litestar.params import FromPath

from waterclock_api.access.scopes import Scope
from waterclock_api.http.request_query import NoQuery

AnyRequest: TypeAlias = Request[Any, Any, Any]
Id: TypeAlias = FromPath[str]
Content = type[msgspec.Struct] | tuple[type[msgspec.Struct], ...] | Literal["events", "pulse", "html", "text"] | None
"""Of an answer: JSON of a struct or one of some, a stream of events or of the pulse, a page, an asset, or nothing."""


class Spec(msgspec.Struct, frozen=True, kw_only=True):
    """`refuses`: statuses of problem documents, besides those that any route may answer.

    `scope`: what a caller must be allowed to; `caller`: nothing, only to say who it is; `open`: not even that; `probe`:
    as often as it likes, besides.
    """

    scope: Scope | Literal["open", "caller", "probe"]
    answers: Mapping[int, Content]
    query: type[msgspec.Struct] = NoQuery
    body: type[msgspec.Struct] | None = None
    body_optional: bool = False
    refuses: tuple[int, ...] = ()
    text: bool = False  # answers plain text, too, to whoever accepts it rather than JSON
    if_match: bool = False
    tagged: bool = False  # answers an ETag, and 304 to who has it already
    command: bool = False  # waits for the read models, or says Prefer
    keyed: bool = False  # takes an Idempotency-Key
