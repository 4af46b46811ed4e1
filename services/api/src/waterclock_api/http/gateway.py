"""What a gateway in front of us changes: a prefix before our paths, and the id that a request goes by.

A gateway may leave its prefix in the path (`WATERCLOCK_PATH_PREFIX`), or strip it and say so in X-Forwarded-Prefix,
which is believed of trusted proxies only. Whatever refers to us (Location, types of problems, the documents) has the
prefix that the request came by, and never a scheme or a host: a client knows its own, and no header that names them is
read.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable
from contextvars import ContextVar
from functools import lru_cache
from logging import Filter, LogRecord
from typing import Any

from litestar import Request
from litestar.types import ASGIApp

from waterclock.kit.randomness import token
from waterclock.kit.settings import SettingsError
from waterclock_api.access.proxies import Networks, is_of
from waterclock_api.limits.chunked_response import PIECE, send_in_pieces
from waterclock_api.limits.memory_budget import release

Headers = Iterable[tuple[bytes, bytes]]

PREFIX_HEADER, ID_HEADER = b"x-forwarded-prefix", b"x-request-id"
_PREFIX = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+){1,16}")
_ID = re.compile(r"[A-Za-z0-9._~:+/=@-]{1,128}")
_PREFIX_OF = "waterclock_prefix"
_ID_OF = "waterclock_request"
_current: ContextVar[str | None] = ContextVar("request id", default=None)


def path_prefix(text: str | None) -> str:
    """As it stands before our paths: `/scheduler`; empty where there is none.

    Raises:
        SettingsError: it is no path.
    """
    given = (text or "").rstrip("/")
    if given and _PREFIX.fullmatch(given) is None:
        raise SettingsError(f"WATERCLOCK_PATH_PREFIX: {text!r} is no path of letters, digits, '.', '_', '~' and '-'")
    return given


def prefix_of(request: Request[Any, Any, Any]) -> str:
    """What stands before our paths for whoever asks."""
    return request.scope["state"].get(_PREFIX_OF, "")


def request_id_of(request: Request[Any, Any, Any]) -> str | None:
    return request.scope["state"].get(_ID_OF)


class BehindGateway:
    """An ASGI application: the given one, behind gateways."""

    def __init__(self, application: ASGIApp, trusted: Networks = (), prefix: str = "") -> None:
        self._application = application
        self._prefix = prefix

        @lru_cache(maxsize=4_096)
        def trusts(peer: str) -> bool:
            return is_of(peer, trusted)

        self._trusts = trusts if trusted else None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        prefix, request_id = "", None
        if self._trusts is not None and (peer := scope["client"]) is not None and self._trusts(peer[0]):
            prefix, request_id = _told(scope["headers"])
        if self._prefix and (rest := _below(self._prefix, scope["path"])) is not None:
            prefix += self._prefix
            if not rest:
                await _redirect(send, f"{prefix}/")
                return
            scope["path"] = rest
            scope["raw_path"] = scope["raw_path"].removeprefix(self._prefix.encode())
        request_id = request_id or token(20)
        state = scope["state"] = {_PREFIX_OF: prefix, _ID_OF: request_id}
        before = _current.set(request_id)
        try:
            await self._application(scope, receive, _marking(scope, send, prefix.encode(), request_id.encode()))
        finally:
            _current.reset(before)
            release(state)


class RequestIds(Filter):
    """Log lines that are written while a request is answered name it."""

    def filter(self, record: LogRecord) -> bool:
        request_id = _current.get()
        if request_id is not None:
            record.request_id = request_id
        return True


def _told(headers: Headers) -> tuple[str, str | None]:
    """Prefix and id, as a trusted proxy gives them. What is given twice, or is nothing of the kind, is not believed."""
    prefixes: list[str] = []
    ids: list[str] = []
    for name, value in headers:
        if name == PREFIX_HEADER:
            prefixes.append(value.decode("latin-1").rstrip("/"))
        elif name == ID_HEADER:
            ids.append(value.decode("latin-1"))
    prefix = prefixes[0] if len(prefixes) == 1 and _PREFIX.fullmatch(prefixes[0]) else ""
    return prefix, ids[0] if len(ids) == 1 and _ID.fullmatch(ids[0]) else None


def _below(prefix: str, path: str) -> str | None:
    """What follows the prefix; None if the path does not begin with it."""
    rest = path.removeprefix(prefix)
    return rest if path.startswith(prefix) and rest[:1] in ("", "/") else None


def _marking(scope: Any, send: Any, prefix: bytes, request_id: bytes) -> Callable[[Any], Awaitable[None]]:
    def marked(message: Any) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            headers = message["headers"]
            if prefix:
                headers = [(name, prefix + value if _is_rooted(name, value) else value) for name, value in headers]
            message["headers"] = [*headers, (ID_HEADER, request_id)]
        elif len(message.get("body", b"")) > PIECE:
            return send_in_pieces(scope, send, message)
        return send(message)

    return marked


def _is_rooted(name: bytes, value: bytes) -> bool:
    return name == b"location" and value.startswith(b"/")


async def _redirect(send: Any, where: str) -> None:
    headers = [(b"location", where.encode()), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 308, "headers": headers})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
