"""The proof of the ledger, over many jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import NamedTuple

from waterclock.model.cron.schedule import BadSchedule
from waterclock.model.errors import NotFound
from waterclock.model.ids import JobId
from waterclock.model.instants.ledger import Breach, Verdict, together, verify
from waterclock.model.timestamps import stamp
from waterclock.store.connection.statements import statement
from waterclock_api.queries.ledger import LedgerReader, Row, begins, caught_up
from waterclock_api.queries.read_models import PACKAGE
from waterclock_api.queries.sources import Reading, Sources

JOBS_AT_ONCE = 50


class Proved(NamedTuple):
    jobs: int
    verdict: Verdict


async def prove(sources: Sources, of: Reading, from_ms: int, to_ms: int, job_ids: Sequence[str]) -> Proved:
    """Prove the decisions about [from, to] of all jobs that lived in it, or of those named.

    Raises:
        NotFound: one of those named never was.
    """
    partitions = range(sources.log.partitions)
    await caught_up(sources, sorted({sources.log.partition_of(one) for one in job_ids}) or partitions)
    if job_ids:
        await _check_known(sources, of, job_ids)
    if from_ms > to_ms:
        return Proved(0, Verdict())
    found, page = Proved(0, Verdict()), await _jobs(sources, of, from_ms, job_ids, "")
    with closing(LedgerReader(sources, of, from_ms, to_ms)) as reader:
        asked = _Asked(reader, from_ms, to_ms, sources.now_ms())
        while page:
            begun = await reader.begun(page)
            more = await sources.offload.run(of.who, _proof, asked, begun)
            found = Proved(found.jobs + more.jobs, together((found.verdict, more.verdict)))
            page = await _jobs(sources, of, from_ms, job_ids, page[-1])
    return found


async def failed_runs(sources: Sources, of: Reading, from_ms: int, to_ms: int, job_ids: Sequence[str]) -> int:
    """How many runs of all jobs, or of those named, were requested in [from, to] and failed, timed out or died."""
    asked = {"from": from_ms, "to": to_ms, "job_ids": list(job_ids), "all": not job_ids}
    async with sources.reading(of) as connection:
        row = await (await connection.execute(statement("failed_runs", PACKAGE), asked)).fetchone()
    assert row is not None
    return row[0]


class _Asked(NamedTuple):
    reader: LedgerReader
    from_ms: int
    to_ms: int
    now: int


def _proof(asked: _Asked, begun: Mapping[str, Sequence[Row]]) -> Proved:
    lived = {job_id: rows for job_id, rows in begun.items() if rows and begins(rows[0]) <= asked.to_ms}
    return Proved(len(lived), together(_verdict(asked, JobId(job_id), rows) for job_id, rows in lived.items()))


def _verdict(asked: _Asked, job_id: JobId, begun: Sequence[Row]) -> Verdict:
    reader, from_ms, to_ms, now = asked
    try:
        return verify(reader.ledger(begun), from_ms=from_ms, to_ms=to_ms, now_ms=now)
    except BadSchedule as error:
        text = f"nothing is proved, because a definition of the job cannot be read: {error}"
        unread = Breach(job_id=job_id, after=stamp(from_ms), through=stamp(to_ms), instants=0, position=None, text=text)
        return Verdict(holes=(unread,))


async def _check_known(sources: Sources, of: Reading, job_ids: Sequence[str]) -> None:
    """
    Raises:
        NotFound: one of these never was.
    """
    async with sources.reading(of) as connection:
        cursor = await connection.execute(statement("unknown_jobs", PACKAGE), {"job_ids": list(job_ids)})
        unknown = await cursor.fetchone()
    if unknown is not None:
        raise NotFound("job", unknown[0])


async def _jobs(sources: Sources, of: Reading, from_ms: int, job_ids: Sequence[str], after: str) -> list[str]:
    wanted = {"from": from_ms, "job_ids": list(job_ids), "after": after, "limit": JOBS_AT_ONCE}
    async with sources.reading(of) as connection:
        cursor = await connection.execute(statement("ledger_jobs", PACKAGE), wanted)
        return [row[0] for row in await cursor.fetchall()]
