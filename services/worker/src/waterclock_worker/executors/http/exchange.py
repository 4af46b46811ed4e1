"""What is sent and what comes back, without the means to send it."""

from __future__ import annotations

import msgspec
from yarl import URL

from waterclock_worker.executors.http.guard import Refused
from waterclock_worker.executors.references import redacted

_PRIVATE = frozenset({"authorization", "cookie"})
_OF_BODY = frozenset({"content-type", "content-encoding", "content-language", "content-md5", "digest"})


class Request(msgspec.Struct, frozen=True, kw_only=True):
    method: str
    url: URL
    headers: dict[str, str]
    body: bytes | None
    private: frozenset[str]
    """Headers, in small letters, that another origin must not see."""
    secrets: tuple[str, ...] = ()
    """What they were made with."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    status: int
    url: URL
    headers: dict[str, str]  # by their names in small letters; of one that comes twice the first
    body: bytes
    cut: bool


class NoAnswer(Exception):
    """The server could not be reached, or did not answer."""


def redirected(request: Request, status: int, location: str) -> Request:
    """The request that a redirect asks for; to another origin without what is meant for the first.

    Raises:
        Refused: the place is malformed, or not as safe, or repeats a secret.
    """
    if redacted(location, request.secrets) != location:  # a place is told, in small letters and in parts
        raise Refused(f"{origin(request.url)} redirects to a place that repeats a secret")
    try:
        url = request.url.join(URL(location))
        same = url.origin() == request.url.origin()
    except ValueError as error:
        raise Refused(f"{origin(request.url)} redirects to no proper URL: {error}") from None
    if request.url.scheme == "https" and url.scheme == "http":
        raise Refused(f"{origin(request.url)} redirects to {origin(url)}, which is not encrypted")
    dropped = frozenset[str]() if same else request.private | _PRIVATE
    method, body = request.method, request.body
    if (status == 303 and method != "HEAD") or (status in {301, 302} and method == "POST"):
        method, body, dropped = "GET", None, dropped | _OF_BODY
    headers = {name: value for name, value in request.headers.items() if name.lower() not in dropped}
    return msgspec.structs.replace(request, method=method, url=url, headers=headers, body=body)


def origin(url: URL) -> str:
    """As it may be shown: without user, path and query."""
    return f"{url.scheme}://{url.raw_host}{f':{url.explicit_port}' if url.explicit_port else ''}"
