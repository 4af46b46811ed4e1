"""Jobs and runs that the read models do not know yet.

A read that finds nothing waits until the read models have reached the partition's present end, as it was then. What is
still unknown is asked of the partition itself, so that whatever was answered 2xx can be read at once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from waterclock.log.jobs import load_job
from waterclock.log.opening import tail_of
from waterclock.log.runs import find_run
from waterclock.model.errors import NotFound
from waterclock.model.ids import ID_PATTERN
from waterclock.store.pool import Connection
from waterclock.store.waits import reached, wait_for
from waterclock_api import reads
from waterclock_api.folding import fold_run
from waterclock_api.parts import Parts
from waterclock_api.rows import job_of_log
from waterclock_api.shapes import Job, Run

CATCH_UP = 2.0  # s

T = TypeVar("T")


async def job_or_refuse(parts: Parts, connection: Connection, job_id: str) -> Job:
    """
    Raises:
        NotFound: no such job, or no longer.
    """
    now = parts.clock.now_ms()

    async def look() -> Job | None:
        return await reads.job(connection, job_id, now)

    found, caught_up = await _after_catching_up(parts, connection, job_id, look)
    if found is None and not caught_up:
        stored = await load_job(parts.log, job_id)
        found = stored and job_of_log(stored, now)
    if found is None:
        raise NotFound("job", job_id)
    return found


async def run_or_refuse(parts: Parts, connection: Connection, run_id: str) -> Run:
    """
    Raises:
        NotFound: no such run.
    """

    async def look() -> Run | None:
        return await reads.run(connection, run_id, parts.clock.now_ms())

    found, caught_up = await _after_catching_up(parts, connection, run_id, look)
    if found is None and not caught_up:
        found = await fold_run(parts, connection, run_id)
    if found is None:
        raise NotFound("run", run_id)
    return found


async def is_run(parts: Parts, connection: Connection, run_id: str) -> bool:
    """Whether there is such a run; told at once where the partition knows it."""
    if ID_PATTERN.fullmatch(run_id) is None:
        return False
    if await reads.run(connection, run_id, parts.clock.now_ms()) is not None:
        return True
    if await find_run(parts.log, run_id) is not None:
        return True
    try:
        await run_or_refuse(parts, connection, run_id)
    except NotFound:
        return False
    return True


async def _after_catching_up(
    parts: Parts, connection: Connection, some_id: str, look: Callable[[], Awaitable[T | None]]
) -> tuple[T | None, bool]:
    """What `look` finds, now or when the read models have caught up; and whether they have."""
    if ID_PATTERN.fullmatch(some_id) is None:
        return None, True
    found = await look()
    if found is not None:
        return found, True
    tail = await tail_of(parts.log, parts.log.partition_of(some_id))
    if tail is None:
        return None, True
    if not await reached(connection, tail) and not await wait_for(connection, tail, CATCH_UP, parts.projected):
        return await look(), False
    return await look(), True
