"""The route of what is promised, and how it is kept."""

from __future__ import annotations

from litestar import get

from waterclock_api.dependencies import dependencies_of
from waterclock_api.http.request_query import read_query
from waterclock_api.http.response import Answer, answer
from waterclock_api.http.route import AnyRequest, Spec
from waterclock_api.queries.notices import promises
from waterclock_api.queries.pages import room_for
from waterclock_api.queries.slow_reads import listing, ranging, until_left
from waterclock_api.schemas.notices import Promises, PromisesQuery


@get("/v1/monitor/promises", spec=Spec(scope="list", query=PromisesQuery, answers={200: Promises}))
async def list_promises(request: AnyRequest) -> Answer:
    """List what jobs promise, what of it is broken now, and what is due next."""
    return await until_left(request, _answered(request))


async def _answered(request: AnyRequest) -> Answer:
    parts = dependencies_of(request)
    query = read_query(request, PromisesQuery)
    of = ranging(request, "filter by `jobGroup`") if query.state else listing(request)
    hold = await room_for(request)
    async with parts.reading(of) as connection:
        found = await promises.promises(connection, query, parts.now_ms(), hold)
    return answer(found, hold=hold)


HANDLERS = (list_promises,)
