"""The route that cancels unfinished runs by filter, a page at a time."""

from __future__ import annotations

from litestar import post

from waterclock.model.errors import Flaw, RunEnded
from waterclock_api.commands.cancel_run import cancel_one
from waterclock_api.commands.filters import all_caught_up, command_for, first_heard_of, selection
from waterclock_api.commands.idempotency import REPLAYED
from waterclock_api.commands.request_run import PATH
from waterclock_api.dependencies import Dependencies, dependencies_of
from waterclock_api.http.caller import Caller, caller_of
from waterclock_api.http.request_body import read_json, read_struct, refuse
from waterclock_api.http.request_query import NoQuery, read_query
from waterclock_api.http.response import Answer, answer
from waterclock_api.http.route import AnyRequest, Spec
from waterclock_api.queries import read_models
from waterclock_api.queries.slow_reads import listing_runs
from waterclock_api.schemas.requests import CancelRunsWrite
from waterclock_api.schemas.responses import CancelledRun, CancelledRuns
from waterclock_api.telemetry.tracing import asked


@post(
    f"{PATH}/cancel",
    spec=Spec(
        scope="run",
        body=CancelRunsWrite,
        answers={200: CancelledRuns, 202: CancelledRuns},
        refuses=(413, 415, 422),
        keyed=True,
    ),
)
async def cancel_runs(request: AnyRequest) -> Answer:
    """Cancel the unfinished runs that match a filter."""
    parts = dependencies_of(request)
    read_query(request, NoQuery)
    body = await read_json(request)
    caller = caller_of(request, body)
    with asked(caller, "cancel runs"):
        flaws: list[Flaw] = []
        write = read_struct(CancelRunsWrite, body, flaws)
        query = selection(write, body, flaws, statuses=())
        refuse(flaws)
        noted = None if write.dry_run else await first_heard_of(parts, caller, relieving=True)
        await all_caught_up(parts)
        now = await parts.decisive_now()
        async with parts.reading(listing_runs(request, query)) as connection:
            heard_at = None if noted is None else noted.at
            run_ids, more = await read_models.cancellable_runs(connection, query, now, heard_at=heard_at)
        if write.dry_run:
            items = [CancelledRun(run_id=run_id, refused=None) for run_id in run_ids]
        else:
            items = [await _cancelled(parts, caller, run_id) for run_id in run_ids]
        refused = sum(one.refused is not None for one in items)
        told = CancelledRuns(
            dry_run=write.dry_run,
            matched=len(items),
            cancelled=0 if write.dry_run else len(items) - refused,
            refused=refused,
            items=items,
            next_cursor=more,
        )
        headers = REPLAYED if noted is not None and noted.again else None
        return answer(told, status=200 if write.dry_run else 202, headers=headers)


async def _cancelled(parts: Dependencies, caller: Caller, run_id: str) -> CancelledRun:
    try:
        await cancel_one(parts, caller, run_id, command_for(caller, run_id))
    except RunEnded as refusal:
        return CancelledRun(run_id=run_id, refused=str(refusal))
    return CancelledRun(run_id=run_id, refused=None)


HANDLERS = (cancel_runs,)
