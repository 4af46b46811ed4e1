"""What is sent and what comes back, without the means to send it."""

from __future__ import annotations

import re
from urllib.parse import quote, urljoin

import msgspec

from waterclock.kit.http.guard import Refused
from waterclock.kit.redaction import Redactor
from waterclock.model.parameters.http_url import HttpUrl, http_url

IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})
"""Methods of requests that may be sent again though they may have been executed (RFC 9110, section 9.2.2)."""
_PRIVATE = frozenset({"authorization", "cookie"})
_OF_BODY = frozenset({"content-type", "content-encoding", "content-language", "content-md5", "digest"})
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_NO_LINE = re.compile(r"[\x00-\x20\x7f]")
_REPEATED = frozenset({307, 308})


class Request(msgspec.Struct, frozen=True, kw_only=True):
    method: str
    url: HttpUrl
    headers: dict[str, str]
    body: bytes | None
    private: frozenset[str]
    """Headers, in small letters, that another origin must not see."""
    secrets: tuple[str, ...] = ()
    """What they were made with."""


class Heard(msgspec.Struct, kw_only=True):
    """What has come by now of the answer to the latest request, whole or not."""

    url: HttpUrl | None = None
    status: int | None = None  # the final one, once its line has come
    headers: dict[str, str] = {}  # by their names in small letters; of one that comes twice the first
    body: bytearray = msgspec.field(default_factory=bytearray)
    cut: bool = False  # what came after was not read
    executed: bool = False
    """A request that must not be repeated by itself was answered with something."""

    def begin(self, request: Request) -> None:
        """Another request goes out; what was executed stays so."""
        self.url, self.status, self.headers, self.body, self.cut = request.url, None, {}, bytearray(), False

    def answered(self, request: Request) -> None:
        """Something came that answers the request; a redirect that sends it elsewhere says that it was not executed."""
        if request.method not in IDEMPOTENT:
            self.executed = self.status not in _REPEATED

    def answer(self) -> Answer:
        """What there is, though it be a part; a status has come."""
        assert self.url is not None
        assert self.status is not None
        return Answer(status=self.status, url=self.url, headers=self.headers, body=bytes(self.body), cut=self.cut)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    status: int
    url: HttpUrl
    headers: dict[str, str]  # as of `Heard`
    body: bytes
    cut: bool


class NoAnswer(Exception):
    """The server could not be reached, or did not answer, or not to its end."""


class BrokenAnswer(Exception):
    """Something came that is no whole answer: `Heard` has what could be read."""


def redirected(request: Request, status: int, location: str) -> Request:
    """The request that a redirect asks for; to another origin without what is meant for the first.

    Raises:
        Refused: the place is malformed, or not as safe, or repeats a secret.
    """
    if Redactor(request.secrets).known(location) != location:  # a place is told, in small letters and in parts
        raise Refused(f"{request.url.origin} redirects to a URL that repeats a secret")
    try:
        url = joined(request.url, location)
    except ValueError as error:
        raise Refused(f"{request.url.origin} redirects to an invalid URL: {error}") from None
    if request.url.scheme == "https" and url.scheme == "http":
        raise Refused(f"{request.url.origin} redirects to {url.origin}, which is not encrypted")
    dropped = frozenset[str]() if url.origin == request.url.origin else request.private | _PRIVATE
    method, body = request.method, request.body
    if (status == 303 and method != "HEAD") or (status in {301, 302} and method == "POST"):
        method, body, dropped = "GET", None, dropped | _OF_BODY
    headers = {name: value for name, value in request.headers.items() if name.lower() not in dropped}
    return msgspec.structs.replace(request, method=method, url=url, headers=headers, body=body)


def joined(base: HttpUrl, location: str) -> HttpUrl:
    """Where a `Location` leads from a URL: what is whole goes out as it was written.

    Raises:
        ValueError: it leads nowhere.
    """
    text = _NO_LINE.sub(lambda found: quote(found[0], safe=""), location.strip(" \t"))
    if _ABSOLUTE.match(text):
        return http_url(text)
    if text.startswith("//"):
        return http_url(f"{base.scheme}:{text}")
    return http_url(base.origin + text if text.startswith("/") else urljoin(str(base), text))
