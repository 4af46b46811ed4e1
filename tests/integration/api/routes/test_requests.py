"""Runs that clients ask for beside a job's schedule: without a job, and again after their end."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.integration.api.conftest import MakeRig
from tests.integration.api.deciding import Story
from tests.integration.api.rig import JOB, JOBS, RUNS, Rig
from waterclock.kit.clock import SystemClock
from waterclock.log.clock import server_time
from waterclock.model.events import RunRequested
from waterclock.model.positions import parse_position
from waterclock.model.timestamps import Stamp, millis, stamp
from waterclock_api.live.history import entry_at

NOOP: dict[str, Any] = {"invokeTarget": "demo.noop"}


class Wrong(SystemClock):
    """A clock that is off by so much."""

    def __init__(self, by_ms: int) -> None:
        self._by = by_ms

    def now_ms(self) -> int:
        return super().now_ms() + self._by


@pytest.mark.parametrize("by_ms", [-3_600_000, 3_600_000])
async def test_a_delay_counts_by_the_clock_of_the_store(rig: MakeRig, by_ms: int) -> None:
    async with rig(clock=Wrong(by_ms)) as api:
        await api.worker()
        job = await api.create(concurrent="0", cronExpression="* * * * *")

        async def between(*waits: int) -> tuple[Stamp, Stamp]:
            now = await server_time(api.log, api.log.keys.partition(0, "events"))
            return stamp(now), stamp(now + max(waits))

        for run_id in (await api.trigger(job["id"], delay=600), await api.ask(delay=600)):
            run = (await api.http.get(f"{RUNS}/{run_id}")).json()
            low, high = await between(600_000)
            assert low < run["readyAt"] <= high
        low, _ = await between(0)
        soon = await api.trigger(job["id"], runAt=stamp(millis(low) + 60_000))
        assert (await api.http.get(f"{RUNS}/{soon}")).json()["readyAt"] == stamp(millis(low) + 60_000)
        past = await api.trigger(job["id"], runAt=stamp(millis(low) - 60_000))
        assert (await api.http.get(f"{RUNS}/{past}")).json()["readyAt"] is None

        wanted = {"from": stamp(millis(low) - 600_000), "to": low, "pace": 60}
        for dry in (True, False):
            made = await api.http.post(f"{JOBS}/{job['id']}/backfill", json=wanted | {"dryRun": dry})
            assert made.status_code in {200, 202}, made.text
            ready = [item["readyAt"] for item in made.json()["items"]]
            _, high = await between(60_000)
            assert low < ready[1] <= high
        ahead = await api.http.post(f"{JOBS}/{job['id']}/backfill", json=wanted | {"to": stamp(millis(low) + 600_000)})
        assert (ahead.status_code, ahead.json()["errors"][0]["pointer"]) == (422, "/to")


@pytest.mark.parametrize("by_ms", [-3_600_000, 3_600_000])
async def test_what_is_stored_and_what_is_chosen_go_by_the_clock_of_the_store(rig: MakeRig, by_ms: int) -> None:
    async with rig(clock=Wrong(by_ms)) as api:
        await api.worker()
        now = await server_time(api.log, api.log.keys.partition(0, "events"))
        schedule = {"cronExpression": "@every 10m", "concurrent": "0"}
        job = await api.create(**schedule, endAt=stamp(now + 1_800_000))
        over = await api.http.post(JOBS, json=JOB | schedule | {"jobName": "over", "endAt": stamp(now - 1_800_000)})
        assert over.status_code == 422, over.text
        changed = await api.http.put(f"{JOBS}/{job['id']}", json=JOB | schedule | {"remark": "x"})
        later = await server_time(api.log, api.log.keys.partition(0, "events"))
        assert stamp(now) <= job["createdAt"] <= changed.json()["updatedAt"] <= stamp(later)
        assert stamp(now) < changed.json()["nextFireAt"] <= stamp(later + 600_000)

        run_id = await api.trigger(job["id"], delay=1_800)
        await api.caught_up()
        for status, found in (("delayed", [run_id]), ("queued", [])):
            wanted = {"status": [status]}
            listed = (await api.http.get(RUNS, params=wanted)).json()["items"]
            dry = await api.http.post(f"{RUNS}/cancel", json=wanted | {"dryRun": True})
            assert [one["id"] for one in listed] == found
            assert (dry.status_code, dry.json()["matched"]) == (200, len(found)), dry.text


async def test_a_run_needs_no_job(rig: MakeRig) -> None:
    async with rig(partitions=2) as api:
        worker = await api.worker()
        body = {
            "invokeTarget": "demo.sleep",
            "params": {"seconds": 2},
            "queue": "critical",
            "timeout": "PT1M",
            "retry": {"maxAttempts": 7},
            "labels": {"team": "ops"},
            "reason": "by hand",
        }
        asked = await api.http.post(RUNS, json=body)
        run_id = asked.json()["runId"]
        assert (asked.status_code, asked.headers["location"]) == (202, f"{RUNS}/{run_id}")
        run = (await api.http.get(f"{RUNS}/{run_id}")).json()
        expected = {
            "id": run_id,
            "jobId": None,
            "jobName": None,
            "invokeTarget": "demo.sleep",
            "params": {"seconds": 2},
            "queue": "critical",
            "trigger": "manual",
            "status": "queued",
            "maxAttempts": 7,
            "labels": {"team": "ops"},
            "reason": "by hand",
        }
        assert {name: run[name] for name in expected} == expected

        partition = api.log.partition_of(run_id)
        grant = await worker.claim_one(partition)
        assert msgspec.json.decode(grant.body, type=RunRequested).timeout == 60
        await worker.succeed(grant, "done")
        await api.caught_up(partition)
        assert (await api.http.get(f"{RUNS}/{run_id}")).json()["status"] == "succeeded"
        later = await api.http.post(RUNS, json=NOOP | {"delay": 600})
        assert (await api.http.get(later.headers["location"])).json()["status"] == "delayed"


async def test_a_run_without_a_job_is_refused_with_every_flaw_named(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()

        async def pointers(body: Any, **query: Any) -> list[str]:
            response = await api.http.post(RUNS, json=body, params=query)
            assert response.status_code == 422, response.text
            return [error["pointer"] for error in response.json()["errors"]]

        assert await pointers({}) == ["/invokeTarget"]
        assert await pointers(NOOP | {"jobId": "x", "queue": "fast", "timeout": -1}) == ["/jobId", "/queue", "/timeout"]
        assert await pointers({"invokeTarget": "demo.sleep", "params": {"secs": 1}}) == ["/params/secs"]
        assert await pointers(NOOP | {"delay": 1, "runAt": "2999-01-01T00:00:00Z"}) == ["/runAt"]
        assert await pointers({"invokeTarget": "demo.nop"}) == ["/invokeTarget"]
        unknown = await api.http.post(RUNS, json={"invokeTarget": "later"}, params={"allowUnknownExecutor": "true"})
        assert unknown.status_code == 202
        assert (await api.http.post(RUNS, json=NOOP, params={"wait": "1"})).status_code == 400
        await api.caught_up()
        assert len((await api.http.get(RUNS)).json()["items"]) == 1


async def test_the_same_key_requests_one_run_without_a_job(rig: MakeRig) -> None:
    async with rig(partitions=3) as api:
        await api.worker()
        key = {"Idempotency-Key": "once"}
        first = await api.http.post(RUNS, json=NOOP, headers=key)
        again = await api.http.post(RUNS, json=NOOP, headers=key)
        assert (again.status_code, again.json(), again.headers["idempotency-replayed"]) == (202, first.json(), "true")
        assert (await api.http.post(RUNS, json=NOOP | {"queue": "low"}, headers=key)).status_code == 422
        assert (await api.http.post(RUNS, json=NOOP)).json() != first.json()


async def test_an_ended_run_is_run_again_as_it_was_requested(rig: MakeRig) -> None:
    async with rig() as api:
        worker = await api.worker()
        job_id = (await api.create(invokeTarget="demo.sleep", invokeParams={"seconds": 1}, timeout=30))["id"]
        first = await api.trigger(job_id, params={"seconds": 5}, queue="low")
        early = await api.http.post(f"{RUNS}/{first}/retry")
        assert (early.status_code, early.json()["type"]) == (409, "/problems#run-unfinished")
        grant = await worker.claim_one()
        assert "running" in (await api.http.post(f"{RUNS}/{first}/retry")).json()["detail"]
        await worker.fail(grant, "no")

        asked = await api.http.post(f"{RUNS}/{first}/retry", json={"reason": "once more"})
        assert asked.status_code == 202, asked.text
        run_id = asked.json()["runId"]
        assert run_id != first
        run = (await api.http.get(asked.headers["location"])).json()
        expected = {
            "jobId": job_id,
            "params": {"seconds": 5},
            "queue": "low",
            "trigger": "retry",
            "retryOf": first,
            "reason": "once more",
            "status": "queued",
        }
        assert {name: run[name] for name in expected} == expected
        again = await worker.claim_one()
        request = msgspec.json.decode(again.body, type=RunRequested)
        assert (request.timeout, request.retry_of) == (30, first)
        assert request.cause is not None
        await api.caught_up()
        history = await api.http.get(f"{RUNS}/{first}")
        assert (history.json()["status"], history.json()["error"]["message"]) == ("failed", "no")
        for missing in ("nothing", "UPPER"):
            assert (await api.http.post(f"{RUNS}/{missing}/retry")).status_code == 404
        assert (await api.http.post(f"{RUNS}/{first}/retry", json={"queue": "fast"})).status_code == 422


async def test_a_retry_keeps_the_nominal_time_and_the_ledger_still_adds_up(rig: MakeRig) -> None:
    async with rig() as api:
        worker, story = await api.worker(), Story(api)
        job_id = await story.job(misfire_policy="2")
        await story.decide(job_id)
        grant, *others = await worker.claim()
        await worker.succeed(grant)
        asked = await api.http.post(f"{RUNS}/{grant.run_id}/retry")
        assert asked.status_code == 202, asked.text
        await api.caught_up()
        runs = {run["id"]: run for run in (await api.http.get(RUNS)).json()["items"]}
        assert runs[asked.json()["runId"]]["nominalAt"] == runs[grant.run_id]["nominalAt"] is not None
        proof = await story.proof()
        assert (proof["ok"], proof["doubles"], proof["strays"], proof["fired"]) == (True, [], [], 1 + len(others))


async def test_a_retry_obeys_the_job_as_it_is_now(rig: MakeRig) -> None:
    async with rig() as api:
        worker = await api.worker()
        job_id = (await api.create())["id"]
        first = await api.trigger(job_id)
        await worker.succeed(await worker.claim_one())
        blocking = await api.trigger(job_id)
        blocked = await api.http.post(f"{RUNS}/{first}/retry")
        assert (blocked.status_code, blocked.json()["type"]) == (409, "/problems#run-blocked")
        assert blocking in blocked.json()["detail"]
        behind = await api.http.post(f"{RUNS}/{first}/retry", json={"overlapPolicy": "buffer_all"})
        waiting = (await api.http.get(behind.headers["location"])).json()
        assert (waiting["status"], waiting["waitingOn"]) == ("waiting", blocking)

        await api.http.put(f"{JOBS}/{job_id}/status", json={"status": "1"})
        for _ in (blocking, behind):  # requested before the job was disabled: cancelled, one after the other
            assert await worker.claim() == []
        by_hand = await api.http.post(f"{RUNS}/{first}/retry")
        assert by_hand.status_code == 202
        await worker.succeed(await worker.claim_one())

        await api.http.delete(f"{JOBS}/{job_id}")
        gone = await api.http.post(f"{RUNS}/{first}/retry")
        assert (gone.status_code, gone.json()["type"]) == (409, "/problems#job-gone")


async def test_the_same_key_retries_once_also_without_a_job(rig: MakeRig) -> None:
    async with rig(partitions=2) as api:
        worker = await api.worker()
        key = {"Idempotency-Key": "once"}
        run_id = (await api.http.post(RUNS, json=NOOP)).json()["runId"]
        await worker.succeed(await worker.claim_one(api.log.partition_of(run_id)))
        first = await api.http.post(f"{RUNS}/{run_id}/retry", headers=key)
        again = await api.http.post(f"{RUNS}/{run_id}/retry", headers=key)
        assert first.status_code == 202, first.text
        assert (again.json(), again.headers["idempotency-replayed"]) == (first.json(), "true")
        other = await api.http.post(f"{RUNS}/{run_id}/retry")
        assert other.json() != first.json()
        retried = (await api.http.get(first.headers["location"])).json()
        assert (retried["jobId"], retried["retryOf"], retried["trigger"]) == (None, run_id, "retry")


async def test_a_retry_names_the_event_that_led_to_it(rig: MakeRig) -> None:
    async with rig() as api:
        worker = await api.worker()
        first = await api.trigger((await api.create())["id"])
        await worker.fail(await worker.claim_one(), "no")
        await api.http.post(f"{RUNS}/{first}/retry")
        again = msgspec.json.decode((await worker.claim_one()).body, type=RunRequested)
        assert again.cause is not None
        assert await _tag_at(api, again.cause) == "run.failed"


async def _tag_at(api: Rig, position: str) -> str:

    entry = await entry_at(api.parts, parse_position(position))
    assert entry is not None
    return str(entry.event.__struct_config__.tag)
