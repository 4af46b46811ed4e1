"""What became of a job's instants, told with where their runs stand now."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import closing
from typing import Any, NoReturn

from waterclock.log.commands.jobs import load_job
from waterclock.model.errors import NotFound, TryLater
from waterclock.model.ids import ID_PATTERN, RunId
from waterclock.model.instants.explain import (
    Backfilled,
    Explanation,
    explain,
    explain_moment,
    explain_newest,
    with_backfills,
    with_broken,
    with_forgotten,
)
from waterclock.model.instants.reasons import Overdue, RunNow, Runs
from waterclock.model.timestamps import Stamp, millis, stamp
from waterclock.store.connection.statements import statement
from waterclock.wire.envelope import Entry
from waterclock_api.queries.executor_waits import Queued, waits_of
from waterclock_api.queries.ledger import LedgerReader, caught_up, events_kept_from
from waterclock_api.queries.notices.promises import broken_between
from waterclock_api.queries.read_models import PACKAGE
from waterclock_api.queries.sources import Reading, Sources
from waterclock_api.queries.stuck_runs import overdue_of, pauses_of

BACKFILLS_MOST = 10
"""Runs that made up for one moment, told at most."""

Telling = Callable[[Iterable[Entry], Runs | None], Sequence[Explanation]]


async def explained(
    sources: Sources, of: Reading, job_id: str, from_ms: int, to_ms: int, limit: int, *, newest: bool = False
) -> Sequence[Explanation]:
    """The first `limit` instants of the job in [from, to], oldest first; or the `newest`, newest first.

    Raises:
        NotFound: there never was such a job.
        BadSchedule: a definition of it cannot be read.
    """
    now = sources.now_ms()

    def tell(entries: Iterable[Entry], runs: Runs | None) -> Sequence[Explanation]:
        told = explain_newest if newest else explain
        return told(entries, from_ms=from_ms, to_ms=to_ms, now_ms=now, runs=runs, limit=limit)

    return await _told(sources, of, job_id, from_ms, to_ms, tell)


async def explained_moment(sources: Sources, of: Reading, job_id: str, at_ms: int) -> Sequence[Explanation]:
    """The fate of one moment, be it an instant or not; raises as `explained`."""
    now = sources.now_ms()

    def tell(entries: Iterable[Entry], runs: Runs | None) -> Sequence[Explanation]:
        told = explain_moment(entries, at_ms=at_ms, now_ms=now, runs=runs)
        return [told] if told is not None else []

    return await _told(sources, of, job_id, at_ms, at_ms, tell)


async def _told(
    sources: Sources, of: Reading, job_id: str, from_ms: int, to_ms: int, tell: Telling
) -> Sequence[Explanation]:
    if ID_PATTERN.fullmatch(job_id) is None:
        raise NotFound("job", job_id)
    await caught_up(sources, [sources.log.partition_of(job_id)])
    with closing(LedgerReader(sources, of, from_ms, to_ms)) as reader:
        told = await _told_by(sources, of, job_id, reader, tell)
    kept_from = await events_kept_from(sources, of)
    told = [with_forgotten(item, kept_from) for item in told]
    told = await _with_broken(sources, of, job_id, told)
    made_up = await _backfills(sources, of, job_id, told)
    return [with_backfills(item, made_up[item.instant]) if item.instant in made_up else item for item in told]


async def _told_by(
    sources: Sources, of: Reading, job_id: str, reader: LedgerReader, tell: Telling
) -> Sequence[Explanation]:
    """Told twice: which runs are to be looked up, shows only the first time."""
    begun = (await reader.begun([job_id]))[job_id]
    if not begun:
        await refuse_unheard(sources, job_id)
    heard: list[Entry] = []

    def listen() -> Sequence[Explanation]:
        def entries() -> Iterable[Entry]:
            for entry in reader.ledger(begun):
                heard.append(entry)
                yield entry

        return tell(entries(), None)

    told = await sources.offload.run(of.who, listen)
    runs = await _runs(sources, of, job_id, {item.run_id for item in told if item.run_id is not None})
    return await sources.offload.run(of.who, tell, heard, runs) if runs else told


async def _with_broken(
    sources: Sources, of: Reading, job_id: str, told: Sequence[Explanation]
) -> Sequence[Explanation]:
    """The same with the promises that each moment has broken."""
    if not told:
        return told
    first, last = sorted((millis(told[0].instant), millis(told[-1].instant)))
    async with sources.reading(of) as connection:
        broken = await broken_between(connection, job_id, first, last)
    if not broken:
        return told
    return [with_broken(item, [one for one in broken if one.is_about(millis(item.instant))]) for item in told]


async def _backfills(
    sources: Sources, of: Reading, job_id: str, told: Sequence[Explanation]
) -> Mapping[Stamp, Sequence[Backfilled]]:
    """The runs that were requested afterwards for moments that are told of; of each the oldest few."""
    if not told:
        return {}
    first, last = sorted((millis(told[0].instant), millis(told[-1].instant)))
    wanted = {"job_id": job_id, "first": first, "last": last}
    wanted |= {"now": sources.now_ms(), "limit": BACKFILLS_MOST}
    found: dict[Stamp, list[Backfilled]] = {}
    async with sources.reading(of) as connection:
        rows = await (await connection.execute(statement("backfills", PACKAGE), wanted)).fetchall()
    now = await _now(sources, of, [(run_id, *stands) for _, run_id, _, *stands in rows])
    for instant, run_id, requested_at, *_ in rows:
        found.setdefault(stamp(instant), []).append(Backfilled(run_id, requested_at, now[run_id]))
    return found


async def _runs(sources: Sources, of: Reading, job_id: str, run_ids: Collection[RunId]) -> Runs:
    """Where runs of the job stand, and what keeps them from going on; of those that wait behind others, the first."""
    if not run_ids:
        return {}
    wanted = {"run_ids": list(run_ids), "job_id": job_id, "now": sources.now_ms()}
    async with sources.reading(of) as connection:
        rows = await (await connection.execute(statement("run_statuses", PACKAGE), wanted)).fetchall()
    now = await _now(sources, of, [(run_id, *stands) for run_id, *stands, _ in rows])
    ahead = next((now[run_id] for run_id, *_, is_first in rows if is_first), None)
    if ahead is None:
        return now
    return {run_id: ahead._replace(status="waiting") if one.status == "waiting" else one for run_id, one in now.items()}


async def _now(sources: Sources, of: Reading, runs: Sequence[tuple[Any, ...]]) -> dict[RunId, RunNow]:
    """Where runs stand, each given as id, status, executor and queue, and what keeps them from going on."""
    queued = [Queued(run_id, executor, queue) for run_id, status, executor, queue in runs if status == "queued"]
    running = [run_id for run_id, status, *_ in runs if status == "running"]
    waits = await waits_of(sources, of, queued)
    pauses = await pauses_of(sources, of, {one.queue for one in queued})
    overdue = await _overdue(sources, of, running)
    found: dict[RunId, RunNow] = {}
    for run_id, status, _, queue in runs:
        wait, pause = waits.get(run_id), pauses.get(queue) if status == "queued" else None
        executor, since = (None, None) if wait is None else (wait.executor, wait.since)
        found[run_id] = RunNow(status, executor, since, paused=pause, overdue=overdue.get(run_id))
    return found


async def _overdue(sources: Sources, of: Reading, running: Sequence[str]) -> Mapping[str, Overdue]:
    """Those of the runs that go on past their timeout."""
    if not running:
        return {}
    executors = await sources.registry.known("", patient=False) or {}
    async with sources.reading(of) as connection:
        found = await overdue_of(connection, running, executors)
    return {one.run_id: Overdue(one.limit, one.past) for one in found}


async def refuse_unheard(sources: Sources, job_id: str) -> NoReturn:
    """
    Raises:
        NotFound: there never was such a job.
        TryLater: there is one that the archive has not heard of.
    """
    if await load_job(sources.log, job_id) is None:
        raise NotFound("job", job_id)
    raise TryLater("The job is not in the read models yet.")
