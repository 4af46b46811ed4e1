"""Jobs with a past: their schedules began before they were asked about, and are decided when the test says so."""

from __future__ import annotations

from typing import Any

import httpx

from tests.integration.api.rig import JOBS, Rig
from tests.integration.scheduler.stage import Stage
from waterclock.log import clock
from waterclock.log.commands import fires, requests
from waterclock.log.commands.jobs import load_job
from waterclock.model.ids import JobId
from waterclock.model.instants.misfire import policy_of, settle
from waterclock.model.instants.timetable import bounds_of, schedule_of
from waterclock.model.timestamps import stamp

SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000
VERIFY = "/v1/monitor/ledger/verify"


class Story:
    """`now` is the last full hour, ms: what is told lies before it."""

    def __init__(self, api: Rig) -> None:
        self.api = api
        self.now = api.parts.clock.now_ms() // HOUR * HOUR
        self._stage = Stage(api.log)

    async def job(self, cron: str | None = "* * * * *", *, owed: int = HOUR, **more: Any) -> JobId:
        """A job, created today, that nobody looked after in the `owed` ms before `now`."""
        return (await self._stage.create(cron, mark=self.now - owed, **more)).job_id

    async def decide(self, job_id: JobId, *, ago: int = 0, every: int | None = None) -> None:
        """Decide the job up to `ago` ms before now: at once, or as a scheduler that looks each `every` ms."""
        job = await load_job(self.api.log, job_id)
        assert job is not None
        schedule, policy = schedule_of(job_id, job.definition), policy_of(job.definition)
        start_at, end_at = bounds_of(job.definition)
        assert schedule is not None
        partition, mark, end = self.api.log.partition_of(job_id), job.mark, self.now - ago
        looks = [end] if every is None else [*range(mark + every, end, every), end]
        for look in looks:
            while schedule.count_between(mark, look):
                settled = settle(schedule, mark=mark, now=look, policy=policy, start_at=start_at, end_at=end_at)
                unit = fires.unit(job, settled, mark=mark)
                present = await clock.now(self.api.log, partition)
                done = await requests.decide(self.api.log, partition, [unit], term=0, expected_now=present)
                assert done.results == ["done"]
                mark = settled.through

    def at(self, ago: int) -> str:
        """The moment `ago` ms before now."""
        return stamp(self.now - ago)

    async def proof(self, *, ago: int = HOUR, until: int = 0, **query: Any) -> dict[str, Any]:
        """The ledger from `ago` to `until` ms before now."""
        return answered(await self.api.http.get(VERIFY, params={"from": self.at(ago), "to": self.at(until), **query}))

    async def told(self, job_id: str, **query: Any) -> dict[str, Any]:
        """What became of the job's instants."""
        return answered(await self.api.http.get(f"{JOBS}/{job_id}/explain", params=query))


def answered(response: httpx.Response) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    return response.json()
