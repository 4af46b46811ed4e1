"""Who asks, and how: the part of a command that its headers tell."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec
from litestar import Request

from waterclock.kit.randomness import token
from waterclock.kit.telemetry import propagation
from waterclock.log.commands.idempotency import Command
from waterclock.model.ids import digest
from waterclock_api.access.guard import asker, may
from waterclock_api.access.principal import caller_id
from waterclock_api.http.headers import sole_header
from waterclock_api.http.problems import BadRequest
from waterclock_api.http.request_query import query_pairs

WAIT = 2.0  # s, for the read models, unless the client says otherwise
LONGEST_WAIT = 30  # s
NOWHERE = "unknown"
"""The address of a caller whose connection has none."""
_WAIT = re.compile(r"wait\s*=\s*\"?(\d{1,6})\"?", re.IGNORECASE)
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_ETAG = r'(?:(?P<weak>W/)?"(?P<tag>[\x21\x23-\x7e\x80-\xff]*)"|(?P<bare>\d{1,9}))'
_VERSION = re.compile(r"[0-9]{1,9}")
_NEXT_ETAG = re.compile(rf"\s*{_ETAG}\s*(?:,|$)")


class Patience(NamedTuple):
    """How long to wait for the read models, s; `applied`: of the preferences that the client named, those that hold."""

    wait: float
    applied: str | None

    @property
    def headers(self) -> dict[str, str]:
        return {} if self.applied is None else {"Preference-Applied": self.applied}


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """`command` is ours where the client gave no Idempotency-Key; `versions`: of If-Match, one must be the job's.

    `may_edit`: it has the scope `edit`, whatever the route asks for.
    """

    actor: str
    may_edit: bool
    command: Command
    traceparent: str | None
    patience: Patience
    versions: frozenset[int] | None
    tracestate: str | None = None
    who: str = ""  # whose requests are counted together


def caller_of(request: Request[Any, Any, Any], body: Any = None) -> Caller:
    """
    Raises:
        BadRequest: a header cannot be read.
    """
    who, address = asker(request)
    trace = propagation.incoming(request.scope["headers"])
    return Caller(
        who=caller_id(request.scope),
        may_edit=may(request, "edit"),
        actor=f"{who}@{address or NOWHERE}",  # what follows the last @ is no part of the name
        command=_command(request, who, body),
        traceparent=trace.traceparent,
        tracestate=trace.tracestate,
        patience=patience_of(request),
        versions=_versions(sole_header(request, b"if-match")),
    )


def _command(request: Request[Any, Any, Any], who: str, body: Any) -> Command:
    """A client's key means the same command only from the same actor, for the same method and path."""
    key = sole_header(request, b"idempotency-key")
    if key is None or request.method != "POST":
        return Command(id=token(24))
    if _KEY.fullmatch(key) is None:
        raise BadRequest("Idempotency-Key must be 1 to 255 visible ASCII characters.")
    scope = f"{who} {request.method} {request.scope['path']} {key}"
    query = sorted(query_pairs(request))
    asked = msgspec.json.encode([query, body], order="deterministic")
    return Command(id=digest(scope, 32), fingerprint=digest(asked.decode(), 16), client=True)


def patience_of(request: Request[Any, Any, Any]) -> Patience:
    """What `Prefer` says (RFC 7240): with `wait` past that time the answer is asynchronous anyway."""
    found: Patience | None = None
    for preference in preferences_of(request):
        wait = _WAIT.fullmatch(preference)
        if wait is not None:
            seconds = min(int(wait[1]), LONGEST_WAIT)
            return Patience(seconds, f"wait={seconds}")
        if preference.lower() == "respond-async":
            found = Patience(0, "respond-async")
    return found or Patience(WAIT, None)


def preferences_of(request: Request[Any, Any, Any]) -> Iterator[str]:
    for name, value in request.scope["headers"]:
        if name == b"prefer":
            yield from (part.partition(";")[0].strip() for part in value.decode("latin-1").split(","))


def _versions(if_match: str | None) -> frozenset[int] | None:
    """The versions that ETags name; none for those that are not ours, or weak: they match nothing."""
    if if_match is None or if_match.strip() == "*":
        return None
    found: set[int] = set()
    place = 0
    while place < len(if_match) or place == 0:
        tag = _NEXT_ETAG.match(if_match, place)
        if tag is None:
            raise BadRequest('If-Match must be an ETag as answered, such as "3".')
        version = tag["bare"] or ("" if tag["weak"] else tag["tag"])
        if _VERSION.fullmatch(version):
            found.add(int(version))
        place = tag.end()
    return frozenset(found)
