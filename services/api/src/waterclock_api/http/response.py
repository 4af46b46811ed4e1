"""What handlers give: a finished answer, sent as it is."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
from litestar.types import Receive, Scope, Send

from waterclock_api.limits.memory_budget import Hold

JSON = b"application/json"

_encoder = msgspec.json.Encoder()


class Answer:
    """An answer with its status, headers and body; litestar sends what can be called as an ASGI application.

    HEAD gets all but the body.
    """

    __slots__ = ("body", "headers", "kind", "status")

    def __init__(
        self, body: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None, kind: bytes = JSON
    ) -> None:
        self.body = body
        self.status = status
        self.headers = headers
        self.kind = kind

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  ASGI's signature
        headers = [(b"content-type", self.kind), (b"content-length", b"%d" % len(self.body))]
        if self.status in (204, 304):
            headers = []
        if self.headers:
            headers += [(name.lower().encode(), value.encode()) for name, value in self.headers.items()]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        body = b"" if is_head(scope) else self.body
        await send({"type": "http.response.body", "body": body, "more_body": False})


def is_head(scope: Any) -> bool:
    """Whether the caller wants all but the body."""
    return scope["method"] == "HEAD"


def answer(
    content: Any, *, status: int = 200, headers: Mapping[str, str] | None = None, hold: Hold | None = None
) -> Answer:
    """`content` as JSON; of what was held to make it, only that is held on."""
    body = _encoder.encode(content)
    if hold is not None:
        hold.resize(len(body))
    return Answer(body, status=status, headers=headers)


def nothing(*, status: int = 204, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(b"", status=status, headers=headers)


def written(content: Any) -> bytes:
    """`content` as JSON."""
    return _encoder.encode(content)


def tag_of(body: bytes) -> str:
    """The ETag of an answer: the same for the same bytes."""
    return f'"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'


def unless_known(known: str | None, tag: str, body: bytes, *, headers: Mapping[str, str] | None = None) -> Answer:
    """The body with its ETag; 304 for a caller that has it, by its `If-None-Match`."""
    tags = {one.strip().removeprefix("W/") for one in (known or "").split(",")}
    told = {"ETag": tag, "Cache-Control": "no-cache", **(headers or {})}
    if tag in tags or "*" in tags:
        return Answer(b"", status=304, headers=told)
    return Answer(body, headers=told)
