"""Queries on the read models. `now` is ms since the epoch: a run whose time has come shows so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from psycopg.types.json import Jsonb

from waterclock.log.batches import AT_ONCE, in_turns
from waterclock.model.durations import query_moment_ms
from waterclock.model.errors import Flaw
from waterclock.model.outcomes import ENDED, RunStatus
from waterclock.model.words import STATUS, coded
from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement
from waterclock_api.http.problems import BadRequest
from waterclock_api.limits.memory_budget import Hold
from waterclock_api.queries.cursors import cursor_of, read_cursor, read_jobs_cursor, read_runs_cursor
from waterclock_api.queries.pages import make_room, rows_of
from waterclock_api.queries.rows import Row, attempt_of, brief_run_of, executor_of, job_of, line_of, run_of, step_of
from waterclock_api.schemas.requests import JobsQuery, PageQuery, RunsQuery
from waterclock_api.schemas.responses import BriefRuns, Executors, Job, Jobs, LogLine, Run, Runs
from waterclock_api.validation.executors import announced_by_workers

T = TypeVar("T")

PACKAGE = "waterclock_api"
STEPS_MOST = 20_000  # of all attempts of a run
_EXECUTORS = 100_000  # of a page, which ends by its bytes
_LARGE_OF_RUNS = (5, 17, 18, 22, 23)  # params, result, error, reason, labels
BADLY: frozenset[RunStatus] = frozenset({"failed", "timedOut", "cancelled", "died"})
"""Those of an index of their own."""


class QueueCount(NamedTuple):
    """Unfinished runs, and runs that began and ended in the last minute."""

    running: int = 0
    delayed: int = 0
    blocked: int = 0
    started: int = 0
    ended: int = 0


async def job(connection: Connection, job_id: str, now: int) -> Job | None:
    rows = await _all(connection, "job", {"job_id": job_id, "now": now})
    return job_of(rows[0], now) if rows else None


async def jobs(connection: Connection, query: JobsQuery, now: int, hold: Hold | None = None) -> Jobs:
    after_at, after_id = read_jobs_cursor(query.cursor) or (None, None)
    arguments = {
        "now": now,
        "job_name": query.job_name,
        "job_groups": list(query.job_group),
        "statuses": [coded(STATUS, status) for status in query.status],
        "invoke_targets": list(query.invoke_target),
        "queues": list(query.queue),
        "after_at": after_at,
        "after_id": after_id,
    } | _labels(query.label)

    def after(row: Row) -> dict[str, Any]:
        return {"after_at": row[3], "after_id": row[0]}

    name = "newest_jobs" if query.order == "newest" else "jobs"
    page, more = await rows_of(connection, name, arguments, query.limit, after=after, large=(2,), hold=hold)
    following = cursor_of(page[-1][3], page[-1][0]) if more else None
    return Jobs(items=await in_turns(page, lambda row: job_of(row, now)), next_cursor=following)


async def run(
    connection: Connection, run_id: str, now: int, hold: Hold | None = None, *, all_steps: bool = False
) -> Run | None:
    """A run; with its attempts and steps where there is a `hold` for them.

    `all_steps`: of every attempt, at most `STEPS_MOST` of the newest; else of the last.

    Raises:
        Crowded: there is no room for them.
    """
    rows = await _all(connection, "run", {"run_id": run_id, "now": now})
    if not rows or hold is None:
        return run_of(rows[0]) if rows else None
    if not all_steps:
        make_room(hold, sum((await _part_sizes(connection, [run_id])).values()))
        return (await _with_parts(connection, rows))[0]
    arguments = {"run_id": run_id, "limit": STEPS_MOST}
    make_room(hold, (await _all(connection, "all_part_sizes", arguments))[0][0])
    attempts = await _all(connection, "attempts", {"run_ids": [run_id]})
    steps = await _all(connection, "all_steps", arguments)
    return run_of(rows[0], await in_turns(attempts, attempt_of), await in_turns(steps, step_of))


async def brief_runs(connection: Connection, query: RunsQuery, now: int, hold: Hold | None = None) -> BriefRuns:
    page, more = await matching_runs(connection, query, now, hold=hold)
    return BriefRuns(items=[brief_run_of(row) for row in page], next_cursor=more)


async def runs(connection: Connection, query: RunsQuery, now: int, hold: Hold | None = None) -> Runs:
    page, more = await matching_runs(connection, query, now, whole=True, hold=hold)
    return Runs(items=await _with_parts(connection, page), next_cursor=more)


async def matching_runs(
    connection: Connection,
    query: RunsQuery,
    now: int,
    *,
    ended_by: int | None = None,
    whole: bool = False,
    hold: Hold | None = None,
) -> tuple[Sequence[Row], str | None]:
    """A page of rows of runs, and the cursor of the next.

    `ended_by`: only what had ended by then, ms; `whole`: their attempts and steps are to come with them.
    """
    wanted = frozenset(query.status)
    narrowed = {
        "unfinished": bool(wanted) and not wanted & ENDED,
        "badly": list(wanted) if wanted and wanted <= BADLY else [],
        "ended_by": ended_by,
        "brief": query.view == "brief",
    }

    def after(row: Row) -> dict[str, Any]:
        return {"before_at": row[10], "before_id": row[0]}

    async def beside(run_ids: Sequence[str]) -> dict[str, int]:
        return await _part_sizes(connection, run_ids)

    page, more = await rows_of(
        connection,
        "runs",
        _filters(query, now) | narrowed,
        query.limit,
        after=after,
        large=_LARGE_OF_RUNS,
        hold=hold,
        beside=beside if whole else None,
    )
    return page, cursor_of(page[-1][10], page[-1][0]) if more else None


async def cancellable_runs(
    connection: Connection, query: RunsQuery, now: int, *, heard_at: int | None
) -> tuple[list[str], str | None]:
    """A page of ids of runs that have not ended, or had not at `heard_at`, ms, and the cursor of the next."""
    rows = await _all(connection, "cancellable_runs", _filters(query, now) | {"heard_at": heard_at})
    page = rows[: query.limit]
    more = cursor_of(page[-1][1], page[-1][0]) if len(rows) > query.limit else None
    return [row[0] for row in page], more


def _filters(query: RunsQuery, now: int) -> dict[str, Any]:
    before_at, before_id = read_runs_cursor(query.cursor) or (None, None)
    return {
        "now": now,
        "job_ids": list(query.job_id),
        "queues": list(query.queue),
        "triggers": list(query.trigger),
        "invoke_targets": list(query.invoke_target),
        "statuses": list(query.status),
        "from": query_moment("from", query.from_),
        "to": query_moment("to", query.to),
        "q": query.q or None,
        "before_at": before_at,
        "before_id": before_id,
        "limit": query.limit + 1,
    } | _labels(query.label)


async def job_lines(connection: Connection, job_id: str, newest: int) -> list[LogLine]:
    """The newest lines of a job's runs, oldest first."""
    rows = await _all(connection, "job_lines", {"job_id": job_id, "limit": newest})
    return [line_of(row) for row in reversed(rows)]


async def workers(
    connection: Connection, query: PageQuery, hold: Hold | None = None
) -> tuple[Sequence[Row], str | None]:
    """A page of rows of workers, and the cursor of the next."""
    left, at, session = read_cursor(query.cursor, tuple[bool, int, str]) or (None, None, None)
    place = {"after_left": left, "after_at": at, "after_session": session}

    def after(row: Row) -> dict[str, Any]:
        return {"after_left": row[6] is not None, "after_at": row[5], "after_session": row[0]}

    page, more = await rows_of(connection, "workers", place, query.limit, after=after, large=(2, 4), hold=hold)
    return page, cursor_of(*after(page[-1]).values()) if more else None


async def workers_called(connection: Connection, called: str) -> Sequence[Row]:
    """Rows of the workers with that session, or else with that name, that have not left."""
    rows = await _all(connection, "workers_called", {"called": called})
    return [row for row in rows if row[0] == called] or rows


async def queues(connection: Connection, now: int, executors: Iterable[str] | None = None) -> dict[str, QueueCount]:
    """What the read models count of each queue that has any of it: of all runs, or of those of these executors."""
    values = {"now": now, "executors": None if executors is None else list(executors)}
    return {row[0]: QueueCount(*row[1:]) for row in await _all(connection, "queues", values)}


async def executors(
    connection: Connection, cursor: str | None, alive: Sequence[str] | None, hold: Hold | None = None
) -> Executors:
    """`alive`: the sessions of workers that are; None: nobody knows, and the read models' word counts."""
    (key,) = read_cursor(cursor, tuple[str]) or (None,)
    announced = await announced_by_workers(connection)

    def after(row: Row) -> dict[str, Any]:
        return {"after_key": row[0]}

    page, more = await rows_of(
        connection,
        "executors",
        {"after_key": key, "sessions": None if alive is None else list(alive)},
        _EXECUTORS,
        after=after,
        large=(1, 2),
        hold=hold,
    )
    items = [executor_of(row, announced) for row in page]
    return Executors(items=items, next_cursor=cursor_of(page[-1][0]) if more else None)


async def _with_parts(connection: Connection, rows: Sequence[Row]) -> list[Run]:
    """Runs with their attempts and steps."""
    if not rows:
        return []
    run_ids = [row[0] for row in rows]
    attempts = await _by_run(connection, "attempts", run_ids, attempt_of)
    steps = await _by_run(connection, "steps", run_ids, step_of)
    return [run_of(row, attempts.get(row[0], ()), steps.get(row[0], ())) for row in rows]


def _labels(wanted: Sequence[str]) -> dict[str, Any]:
    """Labels that are to be there, and those of them that are to have a value; of one name the last counts."""
    pairs = [label.partition("=") for label in wanted]
    return {
        "labels": Jsonb({name: value for name, equals, value in pairs if equals}),
        "label_names": [name for name, equals, _ in pairs if not equals],
    }


async def _part_sizes(connection: Connection, run_ids: Sequence[str]) -> dict[str, int]:
    """About how many bytes the attempts and steps of runs take; nothing of a run without any."""
    return {row[0]: row[1] for row in await _all(connection, "part_sizes", {"run_ids": list(run_ids)})}


async def _by_run(
    connection: Connection, name: str, run_ids: Sequence[str], make: Callable[[Row], T]
) -> dict[str, list[T]]:
    """What is made of the rows of each run; others have their turn after some."""
    found: dict[str, list[T]] = {}
    cursor = await connection.execute(statement(name, PACKAGE), {"run_ids": list(run_ids)})
    while rows := await cursor.fetchmany(AT_ONCE):
        for row in rows:
            found.setdefault(row[0], []).append(make(row))
        if len(rows) == AT_ONCE:
            await asyncio.sleep(0)
    return found


def query_moment(name: str, written: str | None) -> int | None:
    """
    Raises:
        BadRequest: it is no moment.
    """
    if written is None:
        return None
    try:
        return query_moment_ms(written)
    except ValueError as error:
        flaw = Flaw(f"?{name}", str(error))
        raise BadRequest(f"{flaw.pointer} {flaw.message}", flaw) from error


async def _all(connection: Connection, name: str, arguments: Mapping[str, Any]) -> Sequence[Row]:
    cursor = await connection.execute(statement(name, PACKAGE), arguments)
    return await cursor.fetchall()
