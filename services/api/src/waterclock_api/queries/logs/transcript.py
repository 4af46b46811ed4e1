"""A run's log as plain text: what JSON answers in pages, as one text that is sent page by page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import urlencode

from litestar.types import Receive, Scope, Send

from waterclock_api.access.guard import grant_of
from waterclock_api.http.response import Answer
from waterclock_api.schemas.responses import Lines, LogLine

PAGE = 1_000  # lines read at once, and held
TEXT = b"text/plain; charset=utf-8"

Read = Callable[[str | None], Awaitable[Lines]]
"""A page of lines, after a cursor."""


class Transcript(Answer):
    """All lines from `first` on, or, if `whole` is false, that page with a link to the next.

    Where the caller would not be let in any more before all is sent, a last line says so.
    """

    def __init__(self, first: Lines, read: Read, *, whole: bool, path: str, query: list[tuple[str, str]]) -> None:
        super().__init__(b"", kind=TEXT)
        self._first = first
        self._read = read
        self._whole = whole
        self._path = path
        self._query = query

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  ASGI's signature
        headers = [(b"content-type", self.kind), (b"vary", b"Accept")]
        page = self._first
        if not self._whole and page.next_cursor is not None:
            following = urlencode([*self._query, ("cursor", page.next_cursor)])
            headers.append((b"link", f'<{self._path}?{following}>; rel="next"'.encode()))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        ended = grant_of(scope)
        while self._whole and page.next_cursor is not None:
            await send({"type": "http.response.body", "body": text_of(page), "more_body": True})
            if (why := ended()) is not None:
                await send({"type": "http.response.body", "body": b"closed: %b\n" % why.encode(), "more_body": False})
                return
            page = await self._read(page.next_cursor)
        await send({"type": "http.response.body", "body": text_of(page), "more_body": False})


def text_of(page: Lines) -> bytes:
    return "".join(map(_line, page.items)).encode()


def _line(line: LogLine) -> str:
    return f"{line.at} {line.level:<7} {line.text}\n"


def prefers_text(accept: str | None) -> bool:
    """Whether an Accept header would rather have text than JSON (RFC 9110); JSON where it does not care."""
    if accept is None:
        return False
    weights = {"text/plain": 0.0, "application/json": 0.0}
    named = {"text/plain": -1, "application/json": -1}  # how exactly the range was that gave the weight
    for part in accept.split(","):
        kind, *parameters = (piece.strip().lower() for piece in part.split(";"))
        weight = _weight(parameters)
        for wanted in weights:
            exactness = (wanted == kind) * 2 + (kind == f"{wanted.partition('/')[0]}/*")
            if (exactness or kind == "*/*") and exactness > named[wanted]:
                named[wanted], weights[wanted] = exactness, weight
    return weights["text/plain"] > weights["application/json"]


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return min(1.0, max(0.0, float(value)))
            except ValueError:
                return 0.0
    return 1.0
