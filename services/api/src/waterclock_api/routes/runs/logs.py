"""Routes of a run's log: its lines and its outline."""

from __future__ import annotations

from functools import partial

import msgspec
from litestar import get

from waterclock.model.errors import Flaw
from waterclock_api.access.principal import caller_id
from waterclock_api.commands.request_run import PATH
from waterclock_api.dependencies import dependencies_of
from waterclock_api.http.headers import header
from waterclock_api.http.problems import BadRequest
from waterclock_api.http.request_query import NoQuery, query_pairs, read_query
from waterclock_api.http.response import Answer, answer
from waterclock_api.http.route import AnyRequest, Id, Spec
from waterclock_api.queries.logs import transcript
from waterclock_api.queries.logs.lines import run_lines
from waterclock_api.queries.logs.outline import outline_of
from waterclock_api.queries.logs.transcript import Transcript, prefers_text
from waterclock_api.queries.lookup import run_or_refuse
from waterclock_api.queries.pages import room_for
from waterclock_api.queries.slow_reads import listing, until_left
from waterclock_api.queries.sources import Reading
from waterclock_api.schemas.requests import LinesQuery
from waterclock_api.schemas.responses import Lines, LogOutline

LINES = 50  # of a page


@get(
    f"{PATH}/{{run_id:str}}/logs",
    spec=Spec(scope="query", query=LinesQuery, answers={200: Lines}, refuses=(404,), text=True),
)
async def list_lines(request: AnyRequest, run_id: Id) -> Answer:
    """List the log lines of a run, oldest or newest first, as JSON or plain text."""
    parts = dependencies_of(request)
    query = read_query(request, LinesQuery)
    _check_around(query)
    await run_or_refuse(parts, run_id)
    hold = await room_for(request)

    async def read(cursor: str | None, limit: int) -> Lines:
        async with parts.reading(listing(request)) as connection:
            around = query.around if cursor is None else None
            of_page = msgspec.structs.replace(query, cursor=cursor, around=around)
            return await run_lines(connection, run_id, of_page, limit, hold)

    if not prefers_text(header(request, b"accept")):
        lines = await read(query.cursor, query.limit or LINES)
        return answer(lines, headers={"Vary": "Accept"}, hold=hold)
    first = await read(query.cursor, query.limit or (transcript.PAGE if query.around is None else LINES))
    given = [(name, value) for name, value in query_pairs(request) if name not in ("cursor", "around")]
    whole = query.limit is None and query.around is None
    return Transcript(first, partial(read, limit=transcript.PAGE), whole=whole, path=request.scope["path"], query=given)


@get(
    f"{PATH}/{{run_id:str}}/logs/outline",
    spec=Spec(scope="query", answers={200: LogOutline}, refuses=(404,)),
)
async def get_outline(request: AnyRequest, run_id: Id) -> Answer:
    """Count the log lines of a run by attempt, step, level and minute; find its errors and gaps."""
    read_query(request, NoQuery)
    return await until_left(request, _outline(request, run_id))


async def _outline(request: AnyRequest, run_id: str) -> Answer:
    parts = dependencies_of(request)
    await run_or_refuse(parts, run_id)
    hold = await room_for(request)
    of = Reading(lane="searches", who=caller_id(request.scope), cheaper=f"Read `{PATH}/{{id}}/logs` page by page.")
    async with parts.reading(of) as connection:
        return answer(await outline_of(connection, run_id), hold=hold)


def _check_around(query: LinesQuery) -> None:
    """
    Raises:
        BadRequest: a page around a line has its own beginning and order.
    """
    beside = {"order": query.order != "oldest", "cursor": query.cursor is not None}
    if query.around is not None and any(beside.values()):
        flaws = [Flaw(f"?{name}", "cannot be combined with around") for name, given in beside.items() if given]
        raise BadRequest("; ".join(f"{flaw.pointer} {flaw.message}" for flaw in flaws), *flaws)


HANDLERS = (list_lines, get_outline)
