"""Who asks, and how: the part of a command that its headers tell."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from litestar import Request

from waterclock.kit.chance import token
from waterclock.log.commands import Command
from waterclock.model.ids import digest
from waterclock_api.intake import header
from waterclock_api.problems import BadRequest

WAIT = 2.0  # s, for the read models, unless the client says otherwise
LONGEST_WAIT = 30.0  # s
_WAIT = re.compile(r"wait\s*=\s*\"?(\d{1,6})\"?")
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_ETAG = re.compile(r'(W/)?"?(\d{1,9})"?')


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """`command` is ours where the client gave no Idempotency-Key; `versions`: of If-Match, one must be the job's."""

    actor: str
    command: Command
    traceparent: str | None
    wait: float  # s
    versions: frozenset[int] | None


def caller_of(request: Request[Any, Any, Any], body: Any = None) -> Caller:
    """
    Raises:
        BadRequest: a header cannot be read.
    """
    who = "anonymous"
    client = request.scope["client"]
    return Caller(
        actor=who if client is None else f"{who}@{client[0]}",
        command=_command(request, who, body),
        traceparent=traceparent_of(request),
        wait=_wait(header(request, b"prefer")),
        versions=_versions(header(request, b"if-match")),
    )


def traceparent_of(request: Request[Any, Any, Any]) -> str | None:
    found = header(request, b"traceparent")
    return found if found is not None and _TRACEPARENT.fullmatch(found) else None


def _command(request: Request[Any, Any, Any], who: str, body: Any) -> Command:
    """A client's key means the same command only from the same actor, for the same method and path."""
    key = header(request, b"idempotency-key")
    if key is None or request.method != "POST":
        return Command(id=token(24))
    if _KEY.fullmatch(key) is None:
        raise BadRequest("Idempotency-Key must be 1 to 255 visible ASCII characters.")
    scope = f"{who} {request.method} {request.scope['path']} {key}"
    query = sorted(parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True))
    asked = msgspec.json.encode([query, body], order="deterministic")
    return Command(id=digest(scope, 32), fingerprint=digest(asked.decode(), 16), client=True)


def _wait(preference: str | None) -> float:
    if preference is None:
        return WAIT
    if "respond-async" in preference:
        return 0
    found = _WAIT.search(preference)
    return WAIT if found is None else min(float(found[1]), LONGEST_WAIT)


def _versions(if_match: str | None) -> frozenset[int] | None:
    if if_match is None or if_match.strip() == "*":
        return None
    found: set[int] = set()
    for part in if_match.split(","):
        tag = _ETAG.fullmatch(part.strip())
        if tag is None:
            raise BadRequest('If-Match must be an ETag as answered, such as "3".')
        if tag[1] is None:  # a weak one never matches
            found.add(int(tag[2]))
    return frozenset(found)
