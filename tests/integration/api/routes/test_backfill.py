"""A past range made up for over HTTP: dry run first, then once, in pages, and beside the ledger, not in it."""

from __future__ import annotations

import asyncio
from collections import Counter
from itertools import pairwise
from typing import Any

import httpx

from tests.integration.api.conftest import MakeRig
from tests.integration.api.deciding import HOUR, MINUTE, Story
from tests.integration.api.rig import JOBS, RUNS, Rig
from waterclock.log.tail import tail_of
from waterclock.model.timestamps import millis


async def asked(
    api: Rig, job_id: str, range_: dict[str, Any] | None = None, *, key: str | None = None, **body: Any
) -> httpx.Response:
    headers = {} if key is None else {"Idempotency-Key": key}
    return await api.http.post(f"{JOBS}/{job_id}/backfill", json=(range_ or {}) | body, headers=headers)


def hour_of(story: Story) -> dict[str, Any]:
    return {"from": story.at(59 * MINUTE), "to": story.at(0)}


async def test_a_dry_run_names_the_instants_with_what_was_decided_and_stores_nothing(rig: MakeRig) -> None:
    async with rig() as api:
        story = Story(api)
        job_id = await story.job(misfire_policy="3", catchup_pace=2)
        await story.decide(job_id)
        end = await tail_of(api.log, 0)

        response = await asked(api, job_id, hour_of(story))

        assert response.status_code == 200, response.text
        told = response.json()
        assert (told["dryRun"], told["instants"], told["runs"], told["left"], told["nextFrom"]) == (
            True,
            60,
            60,
            0,
            None,
        )
        assert [item["instant"] for item in told["items"]] == [story.at(ago * MINUTE) for ago in range(59, -1, -1)]
        assert Counter(item["fate"] for item in told["items"]) == {"skipped": 59, "fired": 1}
        assert {(item["runId"], item["state"]) for item in told["items"]} == {(None, None)}
        ready = [millis(item["readyAt"]) for item in told["items"][1:]]
        assert {later - earlier for earlier, later in pairwise(ready)} == {2000}
        assert await tail_of(api.log, 0) == end


async def test_a_backfill_is_a_run_for_each_instant_at_its_pace_and_readable_at_once(rig: MakeRig) -> None:
    async with rig() as api:
        story = Story(api)
        job_id = await story.job()
        await story.decide(job_id)

        response = await asked(api, job_id, hour_of(story), dryRun=False, pace="PT0.5S", reason="an outage")

        assert response.status_code == 202, response.text
        told = response.json()
        assert (told["runs"], len(told["items"])) == (60, 60)
        assert [item["state"] for item in told["items"]] == ["queued"] + ["delayed"] * 59
        one = told["items"][-1]
        run = (await api.http.get(f"{RUNS}/{one['runId']}")).json()
        assert (run["trigger"], run["nominalAt"], run["reason"]) == ("backfill", one["instant"], "an outage")
        assert run["readyAt"] == one["readyAt"]
        await api.caught_up()
        listed = (await api.http.get(RUNS, params={"jobId": job_id, "trigger": "backfill", "limit": 1000})).json()
        assert {item["id"] for item in listed["items"]} == {item["runId"] for item in told["items"]}


async def test_the_ledger_stays_whole_and_explain_names_the_runs_that_made_up(rig: MakeRig) -> None:
    async with rig() as api:
        story = Story(api)
        worker = await api.worker()
        job_id = await story.job(misfire_policy="3")
        await story.decide(job_id)
        before = await story.proof(ago=HOUR - 1, jobId=job_id)
        second = story.at(58 * MINUTE)
        told = (await asked(api, job_id, {"from": second, "to": second, "dryRun": False})).json()
        (item,) = told["items"]
        for grant in await worker.claim():
            await worker.succeed(grant)

        assert await story.proof(ago=HOUR - 1, jobId=job_id) == before
        assert before["ok"]
        items = (await story.told(job_id, **hour_of(story), limit=1000))["items"]
        assert Counter(one["fate"] for one in items) == {"skipped": 59, "fired": 1}
        assert {one["instant"]: one["backfills"] for one in items if one["backfills"]} == {second: [item["runId"]]}
        (one,) = (await story.told(job_id, at=second))["items"]
        assert one["fate"] == "skipped"
        assert one["backfills"] == [item["runId"]]
        assert f"Backfilled by run {item['runId']}, requested at " in one["text"]
        assert one["text"].endswith("; it succeeded.")


async def test_the_same_key_gives_the_first_answer_again_and_another_body_is_refused(rig: MakeRig) -> None:
    async with rig() as api:
        story = Story(api)
        job_id = await story.job()
        await story.decide(job_id)
        body = {**hour_of(story), "dryRun": False, "limit": 7}
        first = await asked(api, job_id, body, key="make-up")
        end = await tail_of(api.log, 0)
        again = await asked(api, job_id, body, key="make-up")
        assert (again.status_code, again.headers["idempotency-replayed"]) == (202, "true")
        assert again.json() == first.json()
        other = await asked(api, job_id, body | {"limit": 8}, key="make-up")
        assert (other.status_code, other.json()["type"].rpartition("#")[2]) == (422, "key-reused")
        assert await tail_of(api.log, 0) == end
        assert (await api.http.delete(f"{JOBS}/{job_id}")).status_code == 204
        gone = await asked(api, job_id, body, key="make-up")
        assert gone.json()["items"] == first.json()["items"]


async def test_the_same_key_twice_at_once_requests_each_run_once(rig: MakeRig) -> None:
    async with rig() as api:
        story = Story(api)
        job_id = await story.job()
        await story.decide(job_id)
        async with asyncio.TaskGroup() as tasks:
            calls = [
                tasks.create_task(asked(api, job_id, hour_of(story), key="make-up", dryRun=False, pace=0))
                for _ in range(4)
            ]
        answers = [call.result() for call in calls]
        assert {answer.status_code for answer in answers} == {202}
        assert len({tuple(item["runId"] for item in answer.json()["items"]) for answer in answers}) == 1
        assert sum("idempotency-replayed" in answer.headers for answer in answers) == 3
        await api.caught_up()
        listed = (await api.http.get(RUNS, params={"jobId": job_id, "trigger": "backfill", "limit": 1000})).json()
        assert len(listed["items"]) == 60


async def test_what_goes_beyond_a_call_is_left_and_said(rig: MakeRig) -> None:
    async with rig() as api:
        story = Story(api)
        job_id = await story.job()
        await story.decide(job_id)
        body, made = {**hour_of(story), "dryRun": False, "limit": 25}, list[str]()
        while True:
            told = (await asked(api, job_id, body)).json()
            made += [item["instant"] for item in told["items"]]
            assert told["instants"] == told["runs"] + told["left"]
            if told["nextFrom"] is None:
                break
            body["from"] = told["nextFrom"]
        assert made == [story.at(ago * MINUTE) for ago in range(59, -1, -1)]


async def test_large_parameters_make_a_call_smaller(rig: MakeRig) -> None:
    async with rig() as api:
        story = Story(api)
        job_id = await story.job(invoke_params={"text": "x" * 60_000})
        await story.decide(job_id)
        told = (await asked(api, job_id, hour_of(story), dryRun=False)).json()
        assert 20 < told["runs"] < 40
        assert told["instants"] == told["runs"] + told["left"] == 60


async def test_runs_that_may_not_overlap_are_never_granted_beside_each_other(rig: MakeRig) -> None:
    async with rig() as api:
        story = Story(api)
        worker = await api.worker()
        job_id = await story.job(concurrent="1")
        await story.decide(job_id)
        for grant in await worker.claim():
            await worker.succeed(grant)
        told = (
            await asked(api, job_id, {"from": story.at(2 * MINUTE), "to": story.at(0)}, dryRun=False, pace=0)
        ).json()
        assert [item["state"] for item in told["items"]] == ["queued", "waiting", "waiting"]
        assert told["notes"][0].endswith("find an unfinished run (overlapPolicy skip).")
        for item in told["items"]:
            (grant,) = await worker.claim()
            assert grant.run_id == item["runId"]
            await worker.succeed(grant)


async def test_instants_that_are_not_decided_yet_are_left_to_the_scheduler(rig: MakeRig) -> None:
    async with rig() as api:
        story = Story(api)
        job_id = await story.job()
        await story.decide(job_id, ago=10 * MINUTE)
        told = (await asked(api, job_id, hour_of(story))).json()
        assert (told["instants"], told["pending"]) == (50, 10)
        assert told["notes"] == ["10 scheduled times are due and not decided yet: they are left to the scheduler."]


async def test_a_disabled_job_is_backfilled_too(rig: MakeRig) -> None:
    async with rig() as api:
        story = Story(api)
        worker = await api.worker()
        job_id = await story.job()
        assert (await api.http.put(f"{JOBS}/{job_id}/status", json={"status": "1"})).status_code == 200
        told = (await asked(api, job_id, {"from": story.at(MINUTE), "to": story.at(0)}, dryRun=False)).json()
        assert told["notes"] == ["The job is disabled: the backfill runs anyway."]
        (grant,) = await worker.claim()
        assert grant.run_id == told["items"][0]["runId"]
        nothing = await asked(api, await story.job(None), hour_of(story), dryRun=False)
        assert (nothing.status_code, nothing.json()["runs"]) == (202, 0)
        assert nothing.json()["notes"] == ["The job has no schedule, so it has no scheduled times."]


async def test_what_cannot_be_backfilled_is_refused_by_name(rig: MakeRig) -> None:
    async with rig() as api:
        story = Story(api)
        job_id = await story.job()
        range_ = hour_of(story)
        for body, pointers in (
            ({}, ["/from", "/to"]),
            (range_ | {"to": "2099-01-01T00:00:00Z"}, ["/to"]),
            (range_ | {"to": story.at(2 * HOUR)}, ["/to"]),
            (range_ | {"from": "1800-01-01T00:00:00Z"}, ["/from"]),
            (range_ | {"limit": 1001, "pace": -1}, ["/limit", "/pace"]),
            (range_ | {"dryrun": False}, ["/dryrun"]),
        ):
            response = await asked(api, job_id, body)
            assert response.status_code == 422, response.text
            assert [error["pointer"] for error in response.json()["errors"]] == pointers
        for nobody in ("nobody", "No%20Body!"):
            for dry_run in (True, False):
                assert (await asked(api, nobody, range_, dryRun=dry_run)).status_code == 404
