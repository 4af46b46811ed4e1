"""Jobs and runs that the read models do not know yet.

A read that finds nothing waits until the read models have reached the partition's present end, as it was then. What is
still unknown is asked of the partition itself, so that whatever was answered 2xx can be read at once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from waterclock.log.commands.jobs import load_job
from waterclock.log.commands.runs import find_run
from waterclock.log.tail import tail_of
from waterclock.model.errors import NotFound
from waterclock.model.ids import ID_PATTERN
from waterclock.store.connection.pool import Connection
from waterclock_api.limits.memory_budget import Hold
from waterclock_api.queries import read_models
from waterclock_api.queries.rows import job_of_log
from waterclock_api.queries.sources import ONE, Sources
from waterclock_api.queries.unprojected_run import fold_run
from waterclock_api.schemas.responses import Job, Run

CATCH_UP = 2.0  # s

T = TypeVar("T")


async def job_or_refuse(sources: Sources, job_id: str) -> Job:
    """
    Raises:
        NotFound: no such job, or no longer.
    """
    now = sources.now_ms()

    async def look(connection: Connection) -> Job | None:
        return await read_models.job(connection, job_id, now)

    async def ask() -> Job | None:
        stored = await load_job(sources.log, job_id)
        return stored and job_of_log(stored, now)

    return await _found(sources, "job", job_id, look, ask)


async def run_or_refuse(sources: Sources, run_id: str, hold: Hold | None = None, *, all_steps: bool = False) -> Run:
    """The run; with its attempts and steps (of the last, or all) for sure only where there is a `hold` for them.

    Raises:
        NotFound: no such run.
        Crowded: there is no room for it.
    """

    async def look(connection: Connection) -> Run | None:
        return await read_models.run(connection, run_id, sources.now_ms(), hold, all_steps=all_steps)

    async def ask() -> Run | None:
        return await fold_run(sources, run_id, all_steps=all_steps)

    return await _found(sources, "run", run_id, look, ask)


async def is_run(sources: Sources, run_id: str) -> bool:
    """Whether there is such a run; told at once where the partition knows it."""
    if ID_PATTERN.fullmatch(run_id) is None:
        return False
    async with sources.reading() as connection:
        if await read_models.run(connection, run_id, sources.now_ms()) is not None:
            return True
    if await find_run(sources.log, run_id) is not None:
        return True
    try:
        await run_or_refuse(sources, run_id)
    except NotFound:
        return False
    return True


async def _found(
    sources: Sources,
    kind: str,
    some_id: str,
    look: Callable[[Connection], Awaitable[T | None]],
    ask: Callable[[], Awaitable[T | None]],
) -> T:
    """What `look` finds, now or when the read models have caught up; if they do not in time, what `ask` finds."""
    if ID_PATTERN.fullmatch(some_id) is None:
        raise NotFound(kind, some_id)
    async with sources.reading() as connection:
        found = await look(connection)
    end = await tail_of(sources.log, sources.log.partition_of(some_id)) if found is None else None
    if end is not None:
        async with sources.reading_after(end, CATCH_UP, ONE) as connection:
            found = await (ask() if connection is None else look(connection))
    if found is None:
        raise NotFound(kind, some_id)
    return found
