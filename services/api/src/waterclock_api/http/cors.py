"""Which pages of other origins may read our answers (CORS): those that are listed, and none of them by a cookie.

Litestar's own would take `Vary: Accept` from answers that have it, leave `Vary: Origin` out where no origin was sent,
and answer a preflight that it refuses with plain text.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from litestar.types import ASGIApp

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE")
SENT = (
    *("Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match", "Last-Event-ID", "Prefer"),
    "traceparent",
)
"""Headers of requests, beside those that need no permission."""
READ = (
    "Allow",
    "ETag",
    "Idempotency-Replayed",
    "Location",
    "Preference-Applied",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "WWW-Authenticate",
    "X-Request-Id",
)
"""Headers of answers, likewise."""
_KEPT_S = 600  # for how long a browser needs not ask again

_VARY = b"vary", b"Origin"
_READ = b"access-control-expose-headers", ", ".join(READ).encode()
_PREFLIGHT = [
    (b"access-control-allow-methods", ", ".join(METHODS).encode()),
    (b"access-control-allow-headers", ", ".join(SENT).encode()),
    (b"access-control-max-age", b"%d" % _KEPT_S),
    _VARY,
]


class CrossOrigin:
    """An ASGI application: the given one, whose answers pages of `origins` may read."""

    def __init__(self, application: ASGIApp, origins: Sequence[str]) -> None:
        self._application = application
        self._origins = frozenset(origin.encode() for origin in origins)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if not self._origins or scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        told = [(name, value) for name, value in scope["headers"] if name in _ASKED]
        origins = [value for name, value in told if name == b"origin"]
        origin = origins[0] if len(origins) == 1 and origins[0] in self._origins else None
        if origin is not None and scope["method"] == "OPTIONS" and len(told) > 1:
            headers = [(b"access-control-allow-origin", origin), *_PREFLIGHT]
            await send({"type": "http.response.start", "status": 204, "headers": headers})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        await self._application(scope, receive, _sharing(send, origin))


_ASKED = frozenset({b"origin", b"access-control-request-method"})


def _sharing(send: Any, origin: bytes | None) -> Callable[[Any], Awaitable[None]]:
    own = [_VARY] if origin is None else [_VARY, (b"access-control-allow-origin", origin), _READ]

    def shared(message: Any) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *own]
        return send(message)

    return shared
