"""The route by which a caller learns who it is here, what it may do, and how much."""

from __future__ import annotations

from importlib.metadata import version
from typing import Literal

import psycopg
from litestar import get
from psycopg_pool import PoolTimeout

from waterclock.model.timestamps import Stamp, stamp
from waterclock_api.access.guard import may
from waterclock_api.access.principal import principal_of
from waterclock_api.access.scopes import SCOPES
from waterclock_api.dependencies import Dependencies, dependencies_of
from waterclock_api.http.receive_body import BODY_LIMIT
from waterclock_api.http.request_query import NoQuery, read_query
from waterclock_api.http.response import Answer, answer
from waterclock_api.http.route import AnyRequest, Spec
from waterclock_api.queries.ledger import events_kept_from
from waterclock_api.queries.sources import ONE
from waterclock_api.schemas.responses import CallerLimits, Me

_VERSION = version("waterclock-api")
_KINDS: dict[str, Literal["key", "token"]] = {"key": "key", "jwt": "token"}


@get("/v1/monitor/me", spec=Spec(scope="caller", answers={200: Me}))
async def get_me(request: AnyRequest) -> Answer:
    """Get who the caller is, what it may do, and how much. Any valid credential will do."""
    parts = dependencies_of(request)
    read_query(request, NoQuery)
    principal = principal_of(request.scope)
    kind, _, name = principal.name.partition(":")
    pace = parts.access.pace_of(principal)
    me = Me(
        name=name or None,
        kind=_KINDS.get(kind, "anybody"),
        scopes=tuple(scope for scope in SCOPES if may(request, scope)),
        expires_at=None if principal.expires_ms is None else stamp(principal.expires_ms),
        asked=parts.access.asked_for,
        now=stamp(parts.now_ms()),
        version=_VERSION,
        kept_from=await _kept_from(parts),
        default_timezone=parts.zone,
        limits=CallerLimits(
            requests_per_second=None if pace is None else 1 / pace.gap,
            body_bytes=BODY_LIMIT,
            streams=parts.hub.most_per_client,
        ),
    )
    return answer(me, headers={"Cache-Control": "no-store"})


async def _kept_from(parts: Dependencies) -> Stamp | None:
    try:
        since = await events_kept_from(parts, ONE)
    except (psycopg.Error, PoolTimeout):
        return None  # who somebody is can be said without Postgres
    return stamp(since) if since else None


HANDLERS = (get_me,)
