"""Examples for the OpenAPI document: answers as they were recorded, and a problem document of each kind."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from waterclock_api.http.problem_types import KINDS, Kind

STREAM = (
    'id: 0-1-42\nevent: step.log\ndata: {"id":"0-1-42","at":"2026-11-25T02:59:40.120Z","type":"step.log",'
    '"runId":"8dmm72m2tog44c83-mwvh67xc","jobId":"8dmm72m2tog44c83","attempt":1,"fence":1099511627777,"number":1,'
    '"lines":[{"at":"2026-11-25T02:59:40.118Z","level":"info","text":"line 1 of 2"}]}\n\n'
)
PULSE = (
    'event: pulse\ndata: {"at":"2026-11-25T02:59:40.120Z","decidedThrough":"2026-11-25T02:59:40.120Z","lagMs":0,'
    '"oldestPending":null,"led":true,"queues":[{"name":"default","paused":false,"waiting":1,"delayed":0,"blocked":0,'
    '"running":2}],"workers":{"live":2,"silent":0,"lost":0},"memory":{"used":2748312,"max":268435456},'
    '"projectionLagMs":0,"jobs":["8dmm72m2tog44c83"],"runs":["8dmm72m2tog44c83-mwvh67xc"],"many":false,'
    '"ended":{"succeeded":1}}\n\n'
)
_TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
_REQUEST = "v5rukq0oc7no0bb2i1dd"
_FLAWS = {
    "bad-request": {"pointer": "?limit", "message": "expected int <= 1000"},
    "invalid": {"pointer": "/cronExpression", "message": "'61' in the minute field is invalid: use 0-59"},
    "unready": {"pointer": "postgres", "message": "does not answer"},
}


class Recorded(msgspec.Struct, frozen=True):
    responses: dict[str, Any]
    request: Any = msgspec.UNSET
    text: str | None = None


def of_request(operation: str) -> dict[str, Any]:
    """The member `example` of a request's content; nothing where none is recorded."""
    found = _recorded().get(operation)
    return {} if found is None or found.request is msgspec.UNSET else {"example": found.request}


def of_answer(operation: str, status: int) -> dict[str, Any]:
    found = _recorded().get(operation)
    return {"example": found.responses[str(status)]} if found is not None and str(status) in found.responses else {}


def of_text(operation: str) -> dict[str, Any]:
    found = _recorded().get(operation)
    return {} if found is None or found.text is None else {"example": found.text}


def of_problems(status: int) -> dict[str, Any]:
    """The member `examples`: every kind with that status."""
    kinds = (kind for kind in KINDS.values() if kind.status == status)
    return {"examples": {kind.name: {"summary": kind.title, "value": _problem(kind)} for kind in kinds}}


def _problem(kind: Kind) -> dict[str, Any]:
    flaws = [_FLAWS[kind.name]] if kind.name in _FLAWS else []
    detail = "; ".join(f"{flaw['pointer']}: {flaw['message']}" for flaw in flaws) or kind.meaning
    told = {"type": kind.type, "title": kind.title, "status": kind.status, "detail": detail}
    return told | {"errors": flaws, "traceId": _TRACE, "requestId": _REQUEST}


@cache
def _recorded() -> dict[str, Recorded]:
    body = (files("waterclock_api") / "assets" / "examples.json").read_bytes()
    return msgspec.json.decode(body, type=dict[str, Recorded])
