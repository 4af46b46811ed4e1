"""Runs that wait because no live session can take them: none that serves their queue has their executor.

There is no event of it, so the read models do not know. It is found out when such a run is read: of what is queued
there, by what the live sessions of its partition say that they can run, and then by the run's own record. What costs
something is asked only of runs that wait so. Where the log does not answer, nothing is said.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

import msgspec

from waterclock.log.commands.runs import LiveRun, find_run, queued_since
from waterclock.log.connection.errors import LogError
from waterclock.model.events import RunRequested
from waterclock.model.timestamps import stamp
from waterclock.store.connection.statements import statement
from waterclock.wire.envelope import decode_document
from waterclock_api.queries.sources import Reading, Sources
from waterclock_api.schemas.responses import BriefRun, Job, Run, WaitsFor
from waterclock_api.validation.live_executors import PATIENCE

AnyRun = TypeVar("AnyRun", Run, BriefRun)

PAIRS_MOST = 100
"""Of an executor and a queue, of which it is looked up when a worker had them last."""


class Queued(NamedTuple):
    """A run that is queued as the read models have it."""

    run_id: str
    executor: str
    queue: str


async def with_waits(sources: Sources, of: Reading, runs: Sequence[AnyRun]) -> list[AnyRun]:
    """The same runs; those that no live session can take say what they wait for."""
    queued = [Queued(run.id, run.invoke_target, run.queue) for run in runs if run.status == "queued"]
    waits = await waits_of(sources, of, queued)
    if not waits:
        return list(runs)
    return [msgspec.structs.replace(run, waits_for=waits.get(run.id)) for run in runs]


async def with_last_waits(sources: Sources, of: Reading, jobs: Sequence[Job]) -> list[Job]:
    """The same jobs; of those whose last run no live session can take, that run says what it waits for."""
    runs = {job.id: job.last_run for job in jobs if job.last_run is not None and job.last_run.status == "queued"}
    if not runs:
        return list(jobs)
    wanted = {"run_ids": [run.id for run in runs.values()], "job_id": "", "now": sources.now_ms()}
    async with sources.reading(of) as connection:
        rows = await (await connection.execute(statement("run_statuses", "waterclock_api"), wanted)).fetchall()
    waits = await waits_of(sources, of, [Queued(run_id, executor, queue) for run_id, _, executor, queue, _ in rows])
    return [
        job
        if (run := runs.get(job.id)) is None or (wait := waits.get(run.id)) is None
        else msgspec.structs.replace(job, last_run=msgspec.structs.replace(run, waits_for=wait))
        for job in jobs
    ]


async def waits_of(sources: Sources, of: Reading, queued: Iterable[Queued]) -> Mapping[str, WaitsFor]:
    """What these runs wait for, by their ids; those that a live session can take are left out."""
    lacking: dict[str, Queued] = {}
    by_partition: defaultdict[int, list[Queued]] = defaultdict(list)
    for run in queued:
        by_partition[sources.log.partition_of(run.run_id)].append(run)
    since: dict[str, int] = {}
    for partition, runs in by_partition.items():
        found = await _lacking(sources, partition, runs)
        since |= await _queued_since(sources, partition, [run.run_id for run in found])
        lacking |= {run.run_id: run for run in found if run.run_id in since}
    if not lacking:
        return {}
    left = await _last_left(sources, of, lacking.values(), after=min(since.values()))
    return {
        run_id: WaitsFor(executor=run.executor, since=stamp(max(since[run_id], left.get((run.executor, run.queue), 0))))
        for run_id, run in lacking.items()
    }


async def executor_awaited(sources: Sources, run_id: str) -> str | None:
    """The executor that a run waits for, asked of the log alone; None: it does not, or nobody knows."""
    partition = sources.log.partition_of(run_id)
    if not await _queued_since(sources, partition, [run_id]):
        return None
    try:
        async with asyncio.timeout(PATIENCE):
            known = await find_run(sources.log, run_id)
    except (LogError, TimeoutError):
        return None
    request = None if not isinstance(known, LiveRun) else decode_document(known.body.encode())
    if not isinstance(request, RunRequested):
        return None
    lacked = await sources.live.lacked(partition, request.invoke_target, request.queue)
    return request.invoke_target if lacked else None


async def _lacking(sources: Sources, partition: int, runs: Sequence[Queued]) -> list[Queued]:
    """Those that no live session of the partition can take."""
    pairs = {(run.executor, run.queue) for run in runs}
    lacked = {pair for pair in pairs if await sources.live.lacked(partition, *pair)}
    return [run for run in runs if (run.executor, run.queue) in lacked]


async def _queued_since(sources: Sources, partition: int, run_ids: Sequence[str]) -> Mapping[str, int]:
    """Since when they stand in their queues, ms; those that do not any more are left out."""
    if not run_ids:
        return {}
    try:
        async with asyncio.timeout(PATIENCE):
            return await queued_since(sources.log, partition, run_ids, now=sources.now_ms(partition))
    except (LogError, TimeoutError):
        return {}


async def _last_left(
    sources: Sources, of: Reading, runs: Iterable[Queued], *, after: int
) -> Mapping[tuple[str, str], int]:
    """When the last worker left that had an executor in a queue, ms; those that nobody has left since are left out."""
    pairs = sorted({(run.executor, run.queue) for run in runs})[:PAIRS_MOST]
    wanted = {"names": [name for name, _ in pairs], "queues": [queue for _, queue in pairs], "after": after}
    async with sources.reading(of) as connection:
        cursor = await connection.execute(statement("executors_left", "waterclock_api"), wanted)
        return {(name, queue): left_at for name, queue, left_at in await cursor.fetchall()}
