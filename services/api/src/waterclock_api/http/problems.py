"""Refusals and faults as problem documents (RFC 9457): one table.

Faults that a client can do nothing about are logged here, once, with the trace id that the answer names; that a store
is unreachable by `outages`, for all the requests that are refused for it.

It is long: one row for each kind of refusal.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
import psycopg
from litestar import Request, Response
from litestar.exceptions import HTTPException
from psycopg_pool import PoolTimeout

from waterclock.kit.randomness import token
from waterclock.kit.telemetry import propagation, traces
from waterclock.kit.telemetry.repeated_lines import Repeats
from waterclock.kit.text.members import said
from waterclock.log.connection.errors import (
    ClockAhead,
    Halted,
    LogError,
    LogFull,
    LogRefuses,
    LogUnavailable,
    NotPermitted,
    UnknownQueue,
    Unreadable,
)
from waterclock.model.errors import (
    Flaw,
    Invalid,
    JobGone,
    KeyReused,
    NameTaken,
    NotFound,
    NotThen,
    OlderPartsAtWork,
    Refusal,
    RunBlocked,
    RunEnded,
    RunUnfinished,
    TryLater,
    VersionMismatch,
)
from waterclock.store.connection.errors import LACKS_SCHEMA, SCHEMA_MISSING
from waterclock.store.connection.lanes import LaneFull, ShareTaken
from waterclock_api.access.anonymous import Proxied
from waterclock_api.access.credentials import (
    BeyondRun,
    CredentialsUnknown,
    Forbidden,
    Unauthenticated,
)
from waterclock_api.access.csrf import CrossSite, Misdirected
from waterclock_api.access.principal import ADDRESS
from waterclock_api.access.rate_limit import TooManyRequests, whose
from waterclock_api.http.flaw_limits import DETAIL_MOST, bounded, cut
from waterclock_api.http.gateway import prefix_of, request_id_of
from waterclock_api.http.problem_types import KINDS, Kind
from waterclock_api.limits.memory_budget import Crowded
from waterclock_api.limits.offload import TooManyComputations

OUTAGES = "outages"
"""Their name in the application's state."""
MEDIA_TYPE = "application/problem+json"
_CHALLENGE = 'Bearer realm="waterclock"'
_ROOM_IS_MADE_S = 5  # s, by ends and by trimming
_STREAMS_END_S = 5  # s
_CLOCK_SETTLES_S = 4  # a leap of the store's clock is believed after as long

_repeats = Repeats(logging.getLogger(__name__))
_encoder = msgspec.json.Encoder()


class FieldProblem(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with one member or parameter."""

    pointer: Annotated[str, said("JSON pointer (RFC 6901) into the body, or `?name` for a query parameter.")]
    message: Annotated[str, said("What is wrong.")]


class Problem(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An error (RFC 9457)."""

    type: Annotated[str, said("Kind of the problem, as a link to its explanation.", "/problems#invalid")]
    title: Annotated[str, said("The kind in words.")]
    status: Annotated[int, said("HTTP status.")]
    detail: Annotated[str, said("What is wrong with this request.")]
    errors: Annotated[tuple[FieldProblem, ...], said("Every flaw of the request.")] = ()
    trace_id: Annotated[str | None, said("Trace id of the request.")] = None
    request_id: Annotated[str | None, said("Id of the request, as in the header `X-Request-Id`.")] = None
    run_id: Annotated[str | msgspec.UnsetType, said("Of `run-blocked`: id of the run that blocks.")] = msgspec.UNSET


class BadRequest(Refusal):
    """The request cannot be read: not JSON, or a query parameter that is unknown or wrong."""

    def __init__(self, message: str, *flaws: Flaw) -> None:
        super().__init__(message)
        self.flaws = flaws


class UnsupportedBody(Refusal):
    pass


class TooLarge(Refusal):
    pass


class SlowBody(Refusal):
    """The body was not there in time."""


class HistoryGone(Refusal):
    """The events that would tell are no longer in the archive."""


class StreamsFull(Refusal):
    """This process serves no more streams."""


class TooManyStreams(Refusal):
    """A client has too many."""


class ReadTooSlow(Refusal):
    """A statement took longer than one may."""

    def __init__(self, cheaper: str) -> None:
        super().__init__(f"The read exceeded the time limit (WATERCLOCK_READ_TIMEOUT). {cheaper}")


class Unready(Refusal):
    """Something the process needs is unreachable; `flaws` say what."""

    def __init__(self, *flaws: Flaw) -> None:
        super().__init__("; ".join(f"{flaw.pointer}: {flaw.message}" for flaw in flaws))
        self.flaws = flaws


_TABLE: tuple[tuple[type[Exception] | tuple[type[Exception], ...], Kind], ...] = (
    (BadRequest, KINDS["bad-request"]),
    (Unauthenticated, KINDS["unauthenticated"]),
    ((Forbidden, BeyondRun), KINDS["forbidden"]),
    (CrossSite, KINDS["cross-site"]),
    (Misdirected, KINDS["misdirected"]),
    (Proxied, KINDS["proxied"]),
    ((NotFound, NotThen), KINDS["not-found"]),
    (NameTaken, KINDS["name-taken"]),
    (OlderPartsAtWork, KINDS["older-release"]),
    (RunBlocked, KINDS["run-blocked"]),
    (RunEnded, KINDS["run-ended"]),
    (RunUnfinished, KINDS["run-unfinished"]),
    (JobGone, KINDS["job-gone"]),
    (HistoryGone, KINDS["history-gone"]),
    (VersionMismatch, KINDS["version-mismatch"]),
    (SlowBody, KINDS["slow-body"]),
    (TooLarge, KINDS["too-large"]),
    (UnsupportedBody, KINDS["unsupported-body"]),
    (Invalid, KINDS["invalid"]),
    (KeyReused, KINDS["key-reused"]),
    (TooManyStreams, KINDS["too-many-streams"]),
    ((TooManyRequests, TooManyComputations), KINDS["too-many-requests"]),
    (StreamsFull, KINDS["streams-full"]),
    (Crowded, KINDS["crowded"]),
    (UnknownQueue, KINDS["invalid"]),
    (LogFull, KINDS["log-full"]),
    ((TryLater, Halted, ClockAhead), KINDS["try-later"]),
    (Unready, KINDS["unready"]),
    (CredentialsUnknown, KINDS["credentials-unknown"]),
    (Unreadable, KINDS["internal"]),
    (NotPermitted, KINDS["log-not-permitted"]),
    (LogError, KINDS["log-unavailable"]),
    (ReadTooSlow, KINDS["read-too-slow"]),
    (ShareTaken, KINDS["too-many-reads"]),
    (LaneFull, KINDS["reads-busy"]),
    ((psycopg.Error, PoolTimeout), KINDS["store-unavailable"]),
)

_OF_FRAMEWORK = {404: "not-found", 405: "method-not-allowed", 413: "too-large"}


def to_response(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """The problem document of an error that a handler raised."""
    if isinstance(error, LogUnavailable | psycopg.Error | PoolTimeout) and not isinstance(error, LaneFull):
        request.app.state[OUTAGES].refused(error)
    problem, headers = _described(request, error)
    problem = msgspec.structs.replace(
        problem,
        type=prefix_of(request) + problem.type,
        trace_id=problem.trace_id or _trace_of(request),
        request_id=request_id_of(request),
    )
    body, told = _encoder.encode(problem), dict(headers)
    if request.method == "HEAD":
        body, told = b"", told | {"Content-Length": str(len(body))}
    return Response(body, status_code=problem.status, headers=told, media_type=MEDIA_TYPE)


def _trace_of(request: Request[Any, Any, Any]) -> str | None:
    """The request's trace: ours, or its client's where we make none."""
    if (ours := traces.trace_id()) is not None:
        return ours
    given = propagation.incoming(request.scope["headers"]).traceparent
    return given and given[3:35]


def _described(request: Request[Any, Any, Any], error: Exception) -> tuple[Problem, Mapping[str, str]]:
    for kinds, row in _TABLE:
        if isinstance(error, kinds):
            if isinstance(error, Unreadable):
                about = {error.kind: error.name, "error": str(error)}
                _repeats.say("log unreadable", _from(request), about, level=logging.ERROR)
            if isinstance(error, NotPermitted):
                _repeats.say("redis refuses access", _from(request), {"error": str(error)}, level=logging.ERROR)
            if isinstance(error, BeyondRun):  # other refusals of callers are told where they are made
                where = request.scope["state"].get(ADDRESS)
                about = {"reason": str(error), "address": where, "path": request.url.path}
                _repeats.say("refused", f"{type(error).__name__} {_from(request)}", about)
            problem = _problem(row, _detail(error, row), _flaws(error))
            if isinstance(error, RunBlocked):
                problem = msgspec.structs.replace(problem, run_id=error.by)
            return problem, _headers(error, row.status)
    if isinstance(error, HTTPException):
        status = error.status_code
        row = KINDS[_OF_FRAMEWORK.get(status, "bad-request" if status < 500 else "internal")]
        detail = row.title if status == 405 else error.detail
        if status == 404:
            detail = f"Not found: {prefix_of(request)}{request.url.path}"
        return _problem(row, detail, ()), dict(error.headers or {})
    trace_id = _trace_of(request) or token(32)
    about = {"trace_id": trace_id, "path": request.url.path}
    _repeats.say("request failed", _from(request), about, level=logging.ERROR, error=error)
    row = KINDS["internal"]
    problem = _problem(row, "An unexpected error. Search the API's log for the trace id.", ())
    return msgspec.structs.replace(problem, trace_id=trace_id), {}


def _from(request: Request[Any, Any, Any]) -> str:
    """Whose lines are counted together."""
    client = request.scope["client"]
    return whose(request.scope["state"].get(ADDRESS) or (client and client[0]))


def _problem(row: Kind, detail: str, flaws: tuple[Flaw, ...]) -> Problem:
    return Problem(
        type=row.type,
        title=row.title,
        status=row.status,
        detail=cut(detail, DETAIL_MOST),
        errors=tuple(FieldProblem(pointer=flaw.pointer, message=flaw.message) for flaw in bounded(flaws)),
    )


def _detail(error: Exception, row: Kind) -> str:
    """What happened, in the error's own words; of the store's faults one general line, for theirs name our insides."""
    if isinstance(error, LaneFull):
        return f"The read was not started: {error}."
    if isinstance(error, LACKS_SCHEMA):
        return f"Postgres answers, and {SCHEMA_MISSING}. Commands are still accepted."
    if isinstance(error, psycopg.Error | PoolTimeout):
        return "Postgres does not answer. Commands are still accepted."
    if isinstance(error, Unreadable):
        return f"The stored {error.kind} {error.name} cannot be read."
    if isinstance(error, NotPermitted):
        return (
            "The API's Redis user lacks a permission; nothing was done. Apply `deploy/valkey/users.acl` of this "
            "release."
        )
    if isinstance(error, LogRefuses):
        return "Redis rejects writes now; nothing was changed."
    if isinstance(error, LogUnavailable):
        return (
            "Redis does not answer. Whether a change was made is not known; repeat the request with the same "
            "Idempotency-Key."
        )
    return str(error) or row.title


def _flaws(error: Exception) -> tuple[Flaw, ...]:
    if isinstance(error, BadRequest | Invalid | Unready | BeyondRun):
        return tuple(error.flaws)
    if isinstance(error, UnknownQueue):
        return (Flaw("/queue", str(error)),)
    return ()


def _headers(error: Exception, status: int) -> Mapping[str, str]:
    if isinstance(error, TooManyRequests):
        return _paced(error)
    if isinstance(error, SlowBody):
        return {"Connection": "close"}
    if status in (429, 503):
        return {"Retry-After": str(max(1, round(_after(error))))}
    if isinstance(error, Unauthenticated):
        return {"WWW-Authenticate": _CHALLENGE + (', error="invalid_token"' if error.given else "")}
    if isinstance(error, Forbidden | BeyondRun):
        return {"WWW-Authenticate": f'{_CHALLENGE}, error="insufficient_scope", scope="{error.scope}"'}
    if isinstance(error, VersionMismatch):
        return {"ETag": f'"{error.current}"'}
    return {}


def _paced(error: TooManyRequests) -> Mapping[str, str]:
    """As the draft of the IETF has it (draft-ietf-httpapi-ratelimit-headers-10)."""
    after = max(1, math.ceil(error.after_s))
    return {
        "Retry-After": str(after),
        "RateLimit-Policy": f'"requests";q={error.pace.burst:.0f};w={error.pace.window}',
        "RateLimit": f'"requests";r=0;t={after}',
    }


def _after(error: Exception) -> float:
    match error:
        case TryLater():
            return error.after_s
        case ClockAhead():
            return _CLOCK_SETTLES_S
        case LogFull():
            return _ROOM_IS_MADE_S
        case StreamsFull() | TooManyStreams():
            return _STREAMS_END_S
        case _:
            return 1
