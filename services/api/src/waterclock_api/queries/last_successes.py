"""When jobs succeeded last; asked only of those whose last run did not."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from waterclock.model.timestamps import Stamp, stamp
from waterclock.store.connection.statements import statement
from waterclock_api.queries.sources import Reading, Sources
from waterclock_api.schemas.responses import Job


async def with_last_successes(sources: Sources, of: Reading, jobs: Sequence[Job]) -> list[Job]:
    """The same jobs, with the end of the newest run that succeeded."""
    found: dict[str, Stamp | None] = {
        job.id: job.last_run.finished_at
        for job in jobs
        if job.last_run is not None and job.last_run.status == "succeeded"
    }
    others = [job.id for job in jobs if job.last_run is not None and job.id not in found]
    if others:
        async with sources.reading(of) as connection:
            wanted = {"job_ids": others}
            rows = await (await connection.execute(statement("last_succeeded", "waterclock_api"), wanted)).fetchall()
        found |= {job_id: None if at is None else stamp(at) for job_id, at in rows}
    return [msgspec.structs.replace(job, last_success_at=found.get(job.id)) for job in jobs]
