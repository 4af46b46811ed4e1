"""What the API says of the schedules, and how it reads the log's clock."""

from __future__ import annotations

from typing import Any

from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import JOBS, Rig
from tests.integration.scheduler.stage import process
from tests.support import waiting
from tests.support.leaps import leapt
from waterclock.log import clock
from waterclock.log.commands.bodies import part
from waterclock.log.liveness.leadership import acquire, release, watch
from waterclock.model.events import LeadershipTaken
from waterclock.model.timestamps import stamp
from waterclock_api.telemetry.schedule_watch import OVERDUE_S

HOUR = 3_600_000
SEEN = 20.0  # s; the term ends after 1, and an instant is overdue after 5
BELIEVED = 20.0  # s; a leap is believed after 3 to 5


async def said(api: Rig) -> str:
    answer = await api.http.get("/readyz")
    assert answer.status_code == 200
    return answer.json()["checks"]["schedules"]


async def led(api: Rig, **more: Any) -> int:
    body = part(LeadershipTaken, scheduler="one")
    return (await acquire(api.log, 0, scheduler="one", ttl_ms=60_000, body=body, **more)).term


async def test_readiness_tells_when_nobody_decides(rig: MakeRig) -> None:
    async with rig() as api:
        assert await said(api) == "partition 0: no scheduler leads it"

        term = await led(api)
        assert await said(api) == "ok"
        now = await clock.now(api.log, 0)
        await led(api, next_at=now + HOUR)
        assert await said(api) == "ok"
        due = now - int(OVERDUE_S * 1000) - 2_000
        await led(api, next_at=due)
        late = await said(api)
        assert late.startswith(f"partition 0: the oldest undecided scheduled time, {stamp(due)}, has been due for ")

        await release(api.log, 0, scheduler="one", term=term)
        assert (await said(api)).startswith("partition 0: no scheduler leads it; the oldest undecided scheduled time, ")


async def test_the_death_of_the_last_scheduler_is_seen_within_seconds(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()
        await api.create(cronExpression="* * * * * *")
        async with process(api.redis_url, api.log.keys.prefix, WATERCLOCK_SCHEDULER_TERM="1") as scheduler:

            async def well() -> bool:
                return (await watch(api.log, 0)).next_at is not None and await said(api) == "ok"

            await waiting.until(well, within=SEEN, what="the schedules are led")
            scheduler.kill()

            async def seen() -> bool:
                text = await said(api)
                return "no scheduler leads it" in text and "the oldest undecided scheduled time" in text

            await waiting.until(seen, within=SEEN, what="nobody decides, and the API says so")


async def test_an_edit_goes_by_no_clock_that_has_just_leapt_ahead(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()
        job = await api.create(cronExpression="0 0 1 1 *")
        path = f"{JOBS}/{job['id']}"
        edit = job | {"cronExpression": "0 0 2 1 *"}
        async with leapt(api.log, ahead_ms=HOUR):
            refused = await api.http.put(path, json=edit)
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "4")
            assert "ahead of what was expected" in refused.json()["detail"]
            created = await api.http.post(JOBS, json={"jobName": "another", "invokeTarget": "demo.noop"})
            assert created.status_code == 503
            # What moves no mark needs no clock.
            assert (await api.http.put(path, json=job | {"remark": "as it was"})).status_code == 200

            async def accepted() -> bool:
                return (await api.http.put(path, json=edit)).status_code == 200

            await waiting.until(accepted, within=BELIEVED, what="the clock is believed")
