"""Jobs as they were when last asked for.

Who goes by one says its version, so a stale one costs a repetition only; who refuses by one asks first if it is stale.
"""

from __future__ import annotations

from collections import OrderedDict

from waterclock.log.client import Log
from waterclock.log.commands.jobs import StoredJob, load_job
from waterclock.model.errors import NotFound
from waterclock.model.ids import ID_PATTERN

MOST = 10_000


class JobCache:
    def __init__(self, log: Log) -> None:
        self._log = log
        self._jobs: OrderedDict[str, StoredJob] = OrderedDict()

    async def job(self, job_id: str) -> StoredJob:
        """
        Raises:
            NotFound: no such job.
        """
        known = self._jobs.get(job_id)
        if known is not None:
            self._jobs.move_to_end(job_id)
            return known
        stored = await load_job(self._log, job_id) if ID_PATTERN.fullmatch(job_id) else None
        if stored is None:
            raise NotFound("job", job_id)
        self._jobs[job_id] = stored
        if len(self._jobs) > MOST:
            self._jobs.popitem(last=False)
        return stored

    async def is_as_stored(self, known: StoredJob) -> bool:
        """Whether the job is still what is known of it; if not, it is forgotten.

        Raises:
            NotFound: it is gone.
        """
        self.forget(known.job_id)
        return (await self.job(known.job_id)).version == known.version

    def forget(self, job_id: str) -> None:
        self._jobs.pop(job_id, None)
