"""The route of what was told."""

from __future__ import annotations

from litestar import get

from waterclock_api.dependencies import dependencies_of
from waterclock_api.http.request_query import read_query
from waterclock_api.http.response import Answer, answer
from waterclock_api.http.route import AnyRequest, Spec
from waterclock_api.queries.notices import told
from waterclock_api.queries.pages import room_for
from waterclock_api.queries.slow_reads import listing, ranging, until_left
from waterclock_api.schemas.notices import Notices, NoticesQuery


@get("/v1/monitor/notices", spec=Spec(scope="list", query=NoticesQuery, answers={200: Notices}))
async def list_notices(request: AnyRequest) -> Answer:
    """List what notifiers have told, newest first, with how it was delivered."""
    return await until_left(request, _answered(request))


async def _answered(request: AnyRequest) -> Answer:
    parts = dependencies_of(request)
    query = read_query(request, NoticesQuery)
    of = ranging(request, "filter by `jobId`") if query.kind or query.rule else listing(request)
    hold = await room_for(request)
    async with parts.reading(of) as connection:
        found = await told.notices(connection, query, hold)
    return answer(found, hold=hold)


HANDLERS = (list_notices,)
