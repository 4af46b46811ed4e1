"""A3 and E2: stream and archive lack the same events, and fit; who had been answered before says what is lost."""

from __future__ import annotations

import pytest

from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import Rig, projected
from tests.support.lost_tail import lose_after
from tests.support.waiting import until
from waterclock.log.liveness.event_level import say_level
from waterclock.log.recovery import losses
from waterclock.log.recovery.lost_runs import lost_runs
from waterclock.log.tail import tail_of
from waterclock.wire.level import LEVEL
from waterclock_api.operator.diagnostics import lost_runs as lost_findings

EVENTS = "/v1/monitor/events"


async def doctor(api: Rig) -> list[str]:
    async with api.parts.reading() as connection:
        return [one.said async for one in lost_findings.of_runs(api.log, connection)]


async def test_an_api_that_knew_more_than_both_stores_tells_the_loss_and_the_runs_that_it_had_answered_for(
    rig: MakeRig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(losses, "SPREAD", 0.0)
    async with rig(projecting=False) as api:
        async with projected(api.redis_url, api.postgres_url, api.log.keys.prefix):
            await api.worker()
            kept = await api.ask()
            await api.caught_up()
        end = await tail_of(api.log, 0)
        assert end is not None
        gone = [await api.ask() for _ in range(2)]
        known = end._replace(seq=end.seq + 2)
        assert await doctor(api) == ["no accepted request is lost, as far as the APIs remember"]

        await lose_after(api.log, 0, end.seq)
        await say_level(api.log, LEVEL)
        runs = [api.log.keys.partition(0, name) for name in ("runs", "specs")]
        for key in runs:  # as the copy that was put back has it
            await api.log.execute(key, "HDEL", key, *gone)
        async with projected(api.redis_url, api.postgres_url, api.log.keys.prefix):

            async def told() -> list[dict[str, str]]:
                answer = await api.http.get(EVENTS, params={"type": "log.truncated"})
                return answer.json()["items"]

            [event] = await until(told, within=10, what="the event in the archive")
            assert (event["actor"], event["knownThrough"], event["endedAt"]) == ("api", str(known), str(end))
        assert await lost_runs(api.log, 0) == gone[::-1]
        assert await doctor(api) == [f"2 were accepted (202) and are in no store: {gone[1]}, {gone[0]}"]
        lines = [vars(line) for line in caplog.records if line.message == "known events lost"]
        assert [(line["levelname"], line["known_through"]) for line in lines] == [("ERROR", str(known))]
        assert (await api.http.get(f"/v1/monitor/runs/{kept}")).status_code == 200
