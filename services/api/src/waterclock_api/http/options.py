"""Methods that no route declares: HEAD wherever there is a GET, and OPTIONS of every path.

OPTIONS says which methods a path has, as the documents tell too, so nobody is asked who it is. HEAD asks for what GET
asks for, and is answered with the same headers: whatever answers leaves the body out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from litestar import Request
from litestar.handlers import HTTPRouteHandler

from waterclock_api.http.response import Answer, nothing

GET, HEAD, OPTIONS = "GET", "HEAD", "OPTIONS"


def heads_of(handlers: Iterable[HTTPRouteHandler]) -> list[HTTPRouteHandler]:
    """One for each GET, by the same function."""
    return [
        HTTPRouteHandler(sorted(one.paths), http_method=HEAD, **one.opt)(one.fn)
        for one in handlers
        if GET in one.http_methods
    ]


def options_of(handlers: Iterable[HTTPRouteHandler]) -> list[HTTPRouteHandler]:
    """One for each path. Litestar's own tells of the first handler of a path alone."""
    methods: dict[str, set[str]] = {}
    for handler in handlers:
        for path in handler.paths:
            methods.setdefault(path, {OPTIONS}).update(map(str, handler.http_methods))
    return [_options(path, ", ".join(sorted(known))) for path, known in methods.items()]


def _options(path: str, allowed: str) -> HTTPRouteHandler:
    async def options(request: Request[Any, Any, Any]) -> Answer:  # noqa: ARG001
        return nothing(headers={"Allow": allowed})

    return HTTPRouteHandler(path, http_method=OPTIONS, scope="open")(options)
