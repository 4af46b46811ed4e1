"""The route of the index: all jobs in one answer, for those who show them all."""

from __future__ import annotations

from litestar import get

from waterclock_api.dependencies import dependencies_of
from waterclock_api.http.headers import header, lists
from waterclock_api.http.request_query import NoQuery, read_query
from waterclock_api.http.response import Answer, unless_known
from waterclock_api.http.route import AnyRequest, Spec
from waterclock_api.queries.pages import room_if_large
from waterclock_api.queries.slow_reads import listing, until_left
from waterclock_api.schemas.overview import JobsIndex


@get("/v1/monitor/jobs-index", spec=Spec(scope="list", answers={200: JobsIndex}, tagged=True))
async def read_jobs_index(request: AnyRequest) -> Answer:
    """Read all jobs in columns, with their next times, last runs and streaks.

    It is compressed for whoever accepts gzip. `If-None-Match` saves the transfer of what has not changed.
    """
    return await until_left(request, _answered(request))


async def _answered(request: AnyRequest) -> Answer:
    parts = dependencies_of(request)
    read_query(request, NoQuery)
    made = await parts.jobs_index.get(parts, listing(request)._replace(cheaper="Page through `/jobs` instead."))
    packed = lists(header(request, b"accept-encoding") or "", "gzip")
    body = made.packed if packed else made.body
    room_if_large(request).resize(len(body))
    coded = {"Vary": "Accept-Encoding", **({"Content-Encoding": "gzip"} if packed else {})}
    return unless_known(header(request, b"if-none-match"), made.tag, body, headers=coded)


HANDLERS = (read_jobs_index,)
