"""Queues over HTTP: how full they are, paused and resumed."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

from tests.contract.log.build import grab
from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import Rig
from tests.support.hurrying import Hurrying
from tests.support.repository import ROOT
from waterclock.log.commands.aside import announced
from waterclock.log.commands.attempts import wait_wake
from waterclock.log.liveness.sessions import join, leave
from waterclock.log.liveness.waiting import FRESH_FOR

QUEUES = "/v1/monitor/queues"
NOTHING: dict[str, Any] = {
    "paused": False,
    "waiting": 0,
    "aside": 0,
    "delayed": 0,
    "blocked": 0,
    "running": 0,
    "demand": 0,
    "oldestWaitMs": None,
    "startedPerMinute": 0,
    "endedPerMinute": 0,
}


async def test_queues_tell_what_they_hold(rig: MakeRig) -> None:
    async with rig(partitions=2) as api:
        worker = await api.worker()
        assert [await _queue(api, name) for name in ("critical", "default", "low")] == [
            {"name": "critical", "weight": 6} | NOTHING,
            {"name": "default", "weight": 3} | NOTHING,
            {"name": "low", "weight": 1} | NOTHING,
        ]
        job = await api.create(concurrent="1", overlapPolicy="buffer_all", queue="low")
        for _ in range(3):
            await api.trigger(job["id"])
        for _ in range(4):
            await api.ask(queue="critical")
        await api.ask(queue="critical", delay=600)
        await _caught_up(api)
        low, critical = await _queue(api, "low"), await _queue(api, "critical")
        assert (low["waiting"], low["blocked"], low["delayed"], low["running"]) == (1, 2, 0, 0)
        assert (critical["waiting"], critical["blocked"], critical["delayed"]) == (4, 0, 1)
        assert 0 <= critical["oldestWaitMs"] < 60_000

        grants = [grant for partition in (0, 1) for grant in await worker.claim(partition)]
        for grant in grants[:2]:
            await worker.succeed(grant)
        await _caught_up(api)
        found = [await _queue(api, name) for name in ("critical", "default", "low")]
        assert sum(one["running"] for one in found) == len(grants) - 2 == 3
        assert sum(one["startedPerMinute"] for one in found) == len(grants)
        assert sum(one["endedPerMinute"] for one in found) == 2
        assert found[0]["waiting"] == 0


async def test_a_run_whose_time_has_come_waits_though_no_worker_has_moved_it(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()
        await api.ask(delay=0.01)
        while (await _queue(api, "default"))["waiting"] == 0:
            continue
        await api.caught_up()
        queue = await _queue(api, "default")
        assert (queue["waiting"], queue["delayed"], queue["oldestWaitMs"] >= 0) == (1, 0, True)


async def test_runs_that_no_worker_can_run_wait_and_call_for_no_worker_more(rig: MakeRig) -> None:
    async with rig() as api:
        worker = await api.worker()
        for _ in range(3):
            await api.ask()
        nothing = announced(())
        await leave(api.log, worker.session, body=None)
        await join(api.log, "lacking", body=None, executors=nothing)
        assert (await grab(api.log, 1, session="lacking")).grants == []
        await api.caught_up()
        queue = await _queue(api, "default")
        assert (queue["waiting"], queue["aside"], queue["demand"], queue["oldestWaitMs"]) == (3, 3, 0, None)
        await api.ask(queue="low")
        await api.ask()
        queue, told = await _queue(api, "default"), (await api.http.get(QUEUES)).json()
        assert (queue["waiting"], queue["aside"], queue["demand"], told["demand"]) == (4, 3, 1, 2)


async def test_a_paused_queue_is_left_alone_at_once_and_resuming_it_wakes_workers(rig: MakeRig) -> None:
    async with rig(partitions=2) as api:
        worker = await api.worker()
        runs = [await api.ask(queue="low") for _ in range(4)]
        assert (await _queue(api, "low"))["demand"] == 4
        paused = await api.http.post(f"{QUEUES}/low/pause", json={"reason": "maintenance"})
        assert (paused.status_code, paused.json()) == (200, {"name": "low", "paused": True})
        assert [await worker.claim(partition) for partition in (0, 1)] == [[], []]
        low = await _queue(api, "low")
        assert (low["paused"], low["waiting"], low["demand"]) == (True, 4, 0)
        assert (await _queue(api, "default"))["paused"] is False

        assert (await api.http.post(f"{QUEUES}/low/pause")).status_code == 200  # again: nothing changes
        reader = api.log.reader()
        try:
            bells = {partition: await _bell(api, partition) for partition in (0, 1)}
            resumed = await api.http.post(f"{QUEUES}/low/resume")
            assert (resumed.status_code, resumed.json()) == (200, {"name": "low", "paused": False})
            assert (await wait_wake(reader, bells, 5)).partitions == {0, 1}
        finally:
            await reader.close()
        granted = [grant.run_id for partition in (0, 1) for grant in await worker.claim(partition)]
        assert sorted(granted) == sorted(runs)


async def test_a_pause_is_refused_where_there_is_no_such_queue_and_repeated_by_its_key(rig: MakeRig) -> None:
    async with rig(partitions=2) as api:
        for verb in ("pause", "resume"):
            refused = await api.http.post(f"{QUEUES}/fast/{verb}")
            assert (refused.status_code, refused.json()["type"]) == (404, "/problems#not-found")
        assert (await api.http.post(f"{QUEUES}/low/pause", json={"because": "x"})).status_code == 422

        key = {"Idempotency-Key": "p"}
        first = await api.http.post(f"{QUEUES}/low/pause", headers=key)
        await api.http.post(f"{QUEUES}/low/resume")
        again = await api.http.post(f"{QUEUES}/low/pause", headers=key)
        assert (again.json(), again.headers["idempotency-replayed"]) == (first.json(), "true")
        assert (await _queue(api, "low"))["paused"] is False  # what was resumed since stays so
        assert (await api.http.post(f"{QUEUES}/low/pause", json={"reason": "x"}, headers=key)).status_code == 422


async def test_demand_of_executors_counts_what_waits_and_what_runs_of_them_by_any_name(rig: MakeRig) -> None:
    clock = Hurrying()
    async with rig(partitions=2, clock=clock) as api:
        worker = await api.worker()
        for number in range(4):
            await api.ask(invokeTarget="demo.noop", queue="critical")
            await api.ask(invokeTarget="demo.sleep" if number % 2 else "demo:sleep")
        running = [one for partition in (0, 1) for one in await worker.claim(partition, slots=1)]
        await _caught_up(api)
        kinds = [(await api.http.get(f"/v1/monitor/runs/{one.run_id}")).json()["invokeTarget"] for one in running]
        sleeping = sum(kind != "demo.noop" for kind in kinds)

        for names in (("demo.sleep",), ("demo:sleep",), ("demo.sleep", "demo:sleep", "nobody.has")):
            default = await _queue(api, "default", *names)
            assert (default["waiting"], default["running"]) == (4 - sleeping, sleeping)
            assert (default["demand"], default["aside"], default["oldestWaitMs"] is None) == (4, 0, sleeping == 4)
            assert (await _queue(api, "critical", *names))["demand"] == 0
        both = (await api.http.get(QUEUES, params={"executor": ["demo.noop", "demo.sleep"]})).json()
        assert both["demand"] == 8

        await api.http.post(f"{QUEUES}/default/pause")
        default = await _queue(api, "default", "demo.sleep")
        assert (default["paused"], default["waiting"], default["demand"]) == (True, 4 - sleeping, sleeping)
        await api.ask(invokeTarget="demo:sleep")
        clock.ahead += FRESH_FOR
        assert (await _queue(api, "default", "demo.sleep"))["waiting"] == 5 - sleeping


async def test_a_fleet_that_was_scaled_to_zero_is_wanted_for_what_lies_aside_and_no_other_is(rig: MakeRig) -> None:
    async with rig() as api:
        await lacking(api)
        await request(api, "report.daily")
        await lacks(api)
        await api.caught_up()

        asked = urlsplit(scaled("fleet-by-executor/scaled")["url"])
        assert scaled("fleet-by-executor/scaled")["valueLocation"] == "demand"
        assert (await api.http.get(asked.path, params=parse_qs(asked.query))).json()["demand"] == 1
        daily, other = await _queue(api, "low", "report.daily"), await _queue(api, "low", "demo.noop", "ml.score")
        assert (daily["waiting"], daily["aside"], daily["demand"]) == (1, 1, 1)
        assert 0 <= daily["oldestWaitMs"] < 60_000
        assert (other["waiting"], other["demand"], other["oldestWaitMs"]) == (0, 0, None)
        assert urlsplit(scaled("keda/low")["url"])._replace(netloc="", scheme="").geturl() == QUEUES
        assert (await _queue(api, "low"))["demand"] == 0


def scaled(name: str) -> dict[str, str]:
    """What KEDA is told to ask, by one of our components."""
    told = yaml.safe_load((ROOT / "deploy/k8s/components" / f"{name}.yaml").read_text())
    return told["spec"]["triggers"][0]["metadata"]


async def test_the_executors_of_a_demand_are_checked_as_other_parameters(rig: MakeRig) -> None:
    async with rig() as api:
        refused = await api.http.get(QUEUES, params={"executors": "demo.noop"})
        assert (refused.status_code, "executor" in refused.json()["detail"]) == (400, True)
        assert (await api.http.get(f"{QUEUES}?executor=")).status_code == 400


SAYS = announced(["demo.noop"])


async def request(api: Rig, *executors: str) -> None:
    """Runs in the queue `low` of executors that nobody need have announced."""
    for executor in executors:
        body = {"invokeTarget": executor, "queue": "low"}
        asked = await api.http.post("/v1/monitor/runs", json=body, params={"allowUnknownExecutor": "true"})
        assert asked.status_code == 202, asked.text


async def lacking(api: Rig) -> None:
    """A session that has no more than one executor."""
    await join(api.log, "lacking", body=None, executors=SAYS)


async def lacks(api: Rig) -> None:
    """It meets what it cannot run."""
    assert (await grab(api.log, 1, session="lacking")).grants == []


async def _queue(api: Rig, name: str, *executors: str) -> dict[str, Any]:
    response = await api.http.get(QUEUES, params={"executor": list(executors)})
    assert response.status_code == 200, response.text
    assert response.json()["nextCursor"] is None
    return next(item for item in response.json()["items"] if item["name"] == name)


async def _bell(api: Rig, partition: int) -> str:
    key = api.log.keys.partition(partition, "wake")
    rows: list[Any] = await api.log.execute(key, "XREVRANGE", key, "+", "-", "COUNT", 1)
    return rows[0][0].decode() if rows else "0-0"


async def _caught_up(api: Rig) -> None:
    for partition in range(api.log.partitions):
        await api.caught_up(partition)
