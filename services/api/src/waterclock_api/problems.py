"""Refusals and faults as problem documents (RFC 9457): one table.

Faults that a client can do nothing about are logged here, once, with the trace id that the answer names.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
import psycopg
from litestar import Request, Response
from litestar.exceptions import HTTPException
from psycopg_pool import PoolTimeout

from waterclock.kit.chance import token
from waterclock.log.errors import ClockAhead, Halted, LogError, LogFull, LogUnavailable, UnknownQueue
from waterclock.model.errors import (
    Flaw,
    Invalid,
    JobGone,
    KeyReused,
    NameTaken,
    NotFound,
    NotThen,
    Refusal,
    RunBlocked,
    RunEnded,
    RunUnfinished,
    TryLater,
    VersionMismatch,
)

MEDIA_TYPE = "application/problem+json"
TYPES = "urn:waterclock:problem:"
_TRACE = "waterclock_trace"
_CLOCK_SETTLES_S = 4  # a leap of the store's clock is believed after as long

_log = logging.getLogger(__name__)
_encoder = msgspec.json.Encoder()


class FieldProblem(msgspec.Struct, frozen=True, kw_only=True):
    pointer: str  # RFC 6901, into the body; for a query parameter `?name`
    message: str


class Problem(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An answer that is an error (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    errors: tuple[FieldProblem, ...] = ()
    trace_id: str | None = None


class BadRequest(Refusal):
    """The request cannot be read: not JSON, or a query parameter that is unknown or wrong."""

    def __init__(self, message: str, *flaws: Flaw) -> None:
        super().__init__(message)
        self.flaws = flaws


class UnsupportedBody(Refusal):
    pass


class TooLarge(Refusal):
    pass


class HistoryGone(Refusal):
    """The events that would tell are no longer in the archive."""


class Unready(Refusal):
    """Something the process needs is out of reach; `flaws` say what."""

    def __init__(self, *flaws: Flaw) -> None:
        super().__init__("; ".join(f"{flaw.pointer}: {flaw.message}" for flaw in flaws))
        self.flaws = flaws


class _Row(NamedTuple):
    status: int
    name: str
    title: str


_TABLE: tuple[tuple[type[Exception] | tuple[type[Exception], ...], _Row], ...] = (
    (BadRequest, _Row(400, "bad-request", "The request cannot be read")),
    ((NotFound, NotThen), _Row(404, "not-found", "Not found")),
    (NameTaken, _Row(409, "name-taken", "The name is taken")),
    (RunBlocked, _Row(409, "run-blocked", "Another run of the job is not finished")),
    (RunEnded, _Row(409, "run-ended", "The run has ended")),
    (RunUnfinished, _Row(409, "run-unfinished", "The run has not ended")),
    (JobGone, _Row(409, "job-gone", "The job was deleted")),
    (HistoryGone, _Row(410, "history-gone", "The history is no longer kept")),
    (VersionMismatch, _Row(412, "version-mismatch", "The job has another version")),
    (TooLarge, _Row(413, "too-large", "The body is too large")),
    (UnsupportedBody, _Row(415, "unsupported-body", "The body is not JSON")),
    (Invalid, _Row(422, "invalid", "The body is not valid")),
    (KeyReused, _Row(422, "key-reused", "The Idempotency-Key was used before")),
    (UnknownQueue, _Row(422, "invalid", "The body is not valid")),
    ((TryLater, Halted, LogFull, ClockAhead), _Row(503, "try-later", "Not just now")),
    (Unready, _Row(503, "unready", "Not ready")),
    (LogError, _Row(503, "log-unavailable", "The log is out of reach")),
    ((psycopg.Error, PoolTimeout), _Row(503, "store-unavailable", "The read models are out of reach")),
)

_TITLES = {404: "Not found", 405: "Method not allowed"}
_NAMES = {404: "not-found", 405: "method-not-allowed"}


def note_trace(request: Request[Any, Any, Any], trace_id: str | None) -> None:
    """The trace that a problem document of this request shall name."""
    request.scope["state"][_TRACE] = trace_id


def to_response(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """The problem document of an error that a handler raised."""
    problem, headers = _described(request, error)
    if problem.trace_id is None:
        problem = msgspec.structs.replace(problem, trace_id=request.scope["state"].get(_TRACE))
    return Response(_encoder.encode(problem), status_code=problem.status, headers=dict(headers), media_type=MEDIA_TYPE)


def _described(request: Request[Any, Any, Any], error: Exception) -> tuple[Problem, Mapping[str, str]]:
    for kinds, row in _TABLE:
        if isinstance(error, kinds):
            return _problem(row, _detail(error, row), _flaws(error)), _headers(error, row.status)
    if isinstance(error, HTTPException):
        status = error.status_code
        name = _NAMES.get(status, "bad-request" if status < 500 else "internal")
        row = _Row(status, name, _TITLES.get(status, "The request was refused"))
        detail = _TITLES[405] if status == 405 else error.detail
        if status == 404:
            detail = f"There is nothing at {request.url.path}."
        return _problem(row, detail, ()), dict(error.headers or {})
    trace_id: str = request.scope["state"].get(_TRACE) or token(32)
    _log.error("request failed", exc_info=error, extra={"trace": trace_id, "path": request.url.path})
    row = _Row(500, "internal", "Something went wrong here")
    problem = _problem(row, "The fault is ours; the trace id finds it in the log.", ())
    return msgspec.structs.replace(problem, trace_id=trace_id), {}


def _problem(row: _Row, detail: str, flaws: tuple[Flaw, ...]) -> Problem:
    return Problem(
        type=TYPES + row.name,
        title=row.title,
        status=row.status,
        detail=detail,
        errors=tuple(FieldProblem(pointer=flaw.pointer, message=flaw.message) for flaw in flaws),
    )


def _detail(error: Exception, row: _Row) -> str:
    """What happened, in the error's own words; of the store's faults one general line, for theirs name our insides."""
    if isinstance(error, psycopg.Error | PoolTimeout):
        _log.warning("postgres out of reach", extra={"error": " ".join(str(error).split())})
        return "Postgres does not answer. Commands are still accepted."
    if isinstance(error, LogUnavailable):
        _log.warning("redis out of reach", extra={"error": str(error)})
        return "Redis does not answer. Whether a change was made is not known; it is safe to repeat with the same key."
    return str(error) or row.title


def _flaws(error: Exception) -> tuple[Flaw, ...]:
    if isinstance(error, BadRequest | Invalid | Unready):
        return tuple(error.flaws)
    if isinstance(error, UnknownQueue):
        return (Flaw("/queue", str(error)),)
    return ()


def _headers(error: Exception, status: int) -> Mapping[str, str]:
    if status == 503:
        after = (
            error.after_s if isinstance(error, TryLater) else _CLOCK_SETTLES_S if isinstance(error, ClockAhead) else 1
        )
        return {"Retry-After": str(max(1, round(after)))}
    if isinstance(error, VersionMismatch):
        return {"ETag": f'"{error.current}"'}
    return {}
