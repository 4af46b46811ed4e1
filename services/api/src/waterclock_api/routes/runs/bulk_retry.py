"""The route that runs ended runs again by filter, a page at a time.

Each of them is retried by a command of its own, derived from the client's and the run, so a repeated call repeats none.
With a client's key the filter is about what had ended when the key first came: a repetition finds the same runs, not
those that it made, and goes on where the first call stopped.
"""

from __future__ import annotations

from collections.abc import Sequence

from litestar import post

from waterclock.log.connection.errors import UnknownQueue
from waterclock.model.errors import Flaw, JobGone, RunBlocked
from waterclock.model.ids import retried_run
from waterclock_api.access.credentials import BeyondRun
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
from waterclock_api.queries.sources import COMMAND
from waterclock_api.routes.runs.retry import Original, originals_of, request_again, why_not
from waterclock_api.schemas.requests import AgainWrite, EndedStatus, RetryRunsWrite
from waterclock_api.schemas.responses import Retried, RetriedRun
from waterclock_api.telemetry.tracing import apart_or_of, asked, created

BADLY: tuple[EndedStatus, ...] = ("failed", "timedOut", "died")
"""What is retried where no status is asked for: what ended badly, and was not cancelled by someone."""
_AT_ONCE = 100  # requests read from the archive at a time: each may hold 64 KiB of parameters


@post(
    f"{PATH}/retry",
    spec=Spec(
        scope="run", body=RetryRunsWrite, answers={200: Retried, 202: Retried}, refuses=(413, 415, 422), keyed=True
    ),
)
async def retry_runs(request: AnyRequest) -> Answer:
    """Retry the ended runs that match a filter."""
    parts = dependencies_of(request)
    read_query(request, NoQuery)
    body = await read_json(request)
    caller = caller_of(request, body)
    with asked(caller, "retry runs"):
        flaws: list[Flaw] = []
        write = read_struct(RetryRunsWrite, body, flaws)
        query = selection(write, body, flaws, statuses=BADLY)
        refuse(flaws)
        noted = None if write.dry_run else await first_heard_of(parts, caller)
        await all_caught_up(parts)
        now = await parts.decisive_now()
        async with parts.reading(listing_runs(request, query)) as connection:
            ended_by = None if noted is None else noted.at
            rows, more = await read_models.matching_runs(connection, query, now, ended_by=ended_by)
        run_ids = [row[0] for row in rows]
        if write.dry_run:
            items = await _foretold(parts, caller, run_ids)
        else:
            items = await _retry(parts, caller, run_ids, write)
        retried = Retried(
            dry_run=write.dry_run,
            matched=len(items),
            retried=sum(one.retried_as is not None for one in items),
            refused=sum(one.refused is not None for one in items),
            items=items,
            next_cursor=more,
        )
        headers = REPLAYED if noted is not None and noted.again else None
        return answer(retried, status=200 if write.dry_run else 202, headers=headers)


async def _foretold(parts: Dependencies, caller: Caller, run_ids: Sequence[str]) -> list[RetriedRun]:
    """What would be refused to who may only run is told; what else becomes of them shows when they are retried."""
    refused: dict[str, str | None] = {}
    for first in range(0, 0 if caller.may_edit else len(run_ids), _AT_ONCE):
        async with parts.reading(COMMAND) as connection:
            originals = await originals_of(connection, run_ids[first : first + _AT_ONCE])
        for run_id, original in originals.items():
            refused[run_id] = await why_not(parts, caller, original)
    return [RetriedRun(run_id=run_id, retried_as=None, refused=refused.get(run_id)) for run_id in run_ids]


async def _retry(
    parts: Dependencies, caller: Caller, run_ids: Sequence[str], write: RetryRunsWrite
) -> list[RetriedRun]:
    """What became of each, in the given order; the oldest, which stands last, is requested first."""
    done: list[RetriedRun] = []
    oldest_first = run_ids[::-1]
    for first in range(0, len(oldest_first), _AT_ONCE):
        some = oldest_first[first : first + _AT_ONCE]
        async with parts.reading(COMMAND) as connection:
            originals = await originals_of(connection, some)
        done += [await _again(parts, caller, run_id, originals[run_id], write) for run_id in some]
    return done[::-1]


async def _again(
    parts: Dependencies, caller: Caller, run_id: str, original: Original, write: RetryRunsWrite
) -> RetriedRun:
    command = command_for(caller, run_id)
    wanted = AgainWrite(overlap_policy=write.overlap_policy, reason=write.reason)
    again = retried_run(run_id, caller.command.id)
    trace = apart_or_of(caller, again)
    try:
        outcome = await request_again(parts, caller, original, again, command, wanted, trace=trace)
    except (RunBlocked, JobGone, UnknownQueue, BeyondRun) as refusal:
        return RetriedRun(run_id=run_id, retried_as=None, refused=str(refusal))
    if not outcome.replayed:
        first = original.request
        created(again, first.queue, job=first.job_id, like=first.traceparent)
    return RetriedRun(run_id=run_id, retried_as=outcome.run_id, refused=None)


HANDLERS = (retry_runs,)
