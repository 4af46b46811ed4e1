"""The proof over HTTP: from the archive, over many jobs, long ranges and every policy."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.integration.api.conftest import MakeRig
from tests.integration.api.deciding import HOUR, MINUTE, VERIFY, Story
from tests.integration.api.rig import JOBS, Rig
from waterclock_api.queries.proof import JOBS_AT_ONCE

BREACHES = ("holes", "doubles", "strays")


async def test_every_instant_of_every_job_is_accounted_for(rig: MakeRig) -> None:
    async with rig() as api:
        story = Story(api)
        for policy in ("1", "2", "3"):
            await story.decide(await story.job(misfire_policy=policy))
        blocked = await story.job(concurrent="1", overlap_policy="skip")
        await story.decide(blocked, every=MINUTE)
        deleted = await story.job()
        assert (await api.http.delete(f"{JOBS}/{deleted}")).status_code == 204
        await story.job(None)

        proof = await story.proof(ago=HOUR - 1)

        assert (proof["from"], proof["to"], proof["jobs"]) == (story.at(HOUR - 1), story.at(0), 6)
        assert (proof["ok"], proof["pending"], proof["oldestPending"]) == (True, 0, None)
        assert (proof["instants"], proof["tzdataChanged"]) == (5 * 60, [])
        assert [proof[fate] for fate in ("fired", "skipped", "coalesced")] == [60 + 2 + 1 + 1, 59 + 59 + 60, 58]
        assert [proof[breaches] for breaches in BREACHES] == [[], [], []]


async def test_beside_the_proof_stands_how_many_runs_failed(rig: MakeRig) -> None:
    async with rig() as api:
        worker = await api.worker()
        jobs = [(await api.create(jobName=name))["id"] for name in ("a", "b", "c")]
        for job_id in (*jobs, jobs[0]):
            await api.trigger(job_id)
            grant = await worker.claim_one()
            await (worker.succeed(grant) if job_id == jobs[2] else worker.fail(grant, "no"))
        await api.ask(invokeTarget="demo.noop")
        await worker.fail(await worker.claim_one(), "of no job")
        await api.caught_up()

        proof = (await api.http.get(VERIFY)).json()
        assert (proof["ok"], proof["failedRuns"]) == (True, 3)
        of_one = (await api.http.get(VERIFY, params={"jobId": jobs[1]})).json()
        assert of_one["failedRuns"] == 1
        past = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"}
        assert (await api.http.get(VERIFY, params=past)).json()["failedRuns"] == 0


async def test_what_was_due_and_is_not_decided_is_pending(rig: MakeRig) -> None:
    async with rig() as api:
        story = Story(api)
        job_id = await story.job()
        await story.decide(job_id, ago=10 * MINUTE)
        proof = await story.proof()
        assert (proof["ok"], proof["pending"], proof["oldestPending"]) == (True, 10, story.at(9 * MINUTE))
        assert proof["instants"] == 50


async def test_without_a_range_it_is_the_last_hour_of_all_jobs(rig: MakeRig) -> None:
    async with rig() as api:
        story = Story(api)
        await story.job(owed=3 * HOUR)
        response = await api.http.get(VERIFY)
        proof = response.json()
        assert response.status_code == 200
        assert proof["jobs"] == 1
        assert 59 <= proof["pending"] <= 61


async def test_ledgers_longer_than_a_page_are_proved_whole(rig: MakeRig) -> None:
    async with rig() as api:
        story = Story(api)
        busy = await story.job("* * * * * *", misfire_policy="1", catchup_limit=1000)
        quiet = await story.job()
        for job_id in (busy, quiet):
            await story.decide(job_id, ago=20 * MINUTE)
            await story.decide(job_id)
        proof = await story.proof(ago=HOUR - 1)
        assert (proof["ok"], proof["instants"], proof["fired"]) == (True, 3600 + 60, 2 * (1000 + 60 + 1))

        middle = await story.proof(ago=25 * MINUTE, until=15 * MINUTE, jobId=busy)
        assert (middle["ok"], middle["jobs"], middle["instants"], middle["pending"]) == (True, 1, 601, 0)


async def test_more_jobs_than_are_read_at_once_are_all_proved(rig: MakeRig) -> None:
    async with rig() as api:
        story = Story(api)
        jobs = [await story.job("*/30 * * * *") for _ in range(JOBS_AT_ONCE + 3)]
        await story.decide(jobs[0])
        proof = await story.proof(ago=HOUR - 1)
        assert (proof["jobs"], proof["instants"], proof["pending"]) == (len(jobs), 2, 2 * len(jobs) - 2)


async def test_a_decision_that_is_missing_from_the_archive_is_a_hole(rig: MakeRig) -> None:
    async with rig() as api:
        story = Story(api)
        job_id = await story.job()
        await story.decide(job_id, every=MINUTE)
        assert (await story.proof())["ok"]
        (item,) = (await story.told(job_id, at=story.at(30 * MINUTE)))["items"]
        _, epoch, seq = item["position"].split("-")
        async with api.parts.reading() as connection:
            await connection.execute("DELETE FROM events WHERE (epoch, seq) = (%s, %s)", [int(epoch), int(seq)])

        proof = await story.proof()

        assert not proof["ok"]
        (hole,) = proof["holes"]
        assert (hole["jobId"], hole["instants"]) == (job_id, 1)
        assert (hole["after"], hole["through"]) == (story.at(31 * MINUTE), story.at(30 * MINUTE))
        assert proof["instants"] == proof["fired"] + 1
        assert (await story.proof(until=40 * MINUTE))["ok"]
        assert (await story.proof(ago=20 * MINUTE))["ok"]


async def test_a_decision_that_is_there_twice_is_a_double(rig: MakeRig) -> None:
    async with rig() as api:
        story = Story(api)
        job_id = await story.job()
        await story.decide(job_id, every=MINUTE)
        await story.proof()
        async with api.parts.reading() as connection:
            await connection.execute(
                "INSERT INTO events SELECT partition, epoch + 1, seq, prev, at, type, job_id, run_id, document"
                " FROM events WHERE type = 'run.requested' ORDER BY seq LIMIT 1"
            )
        proof = await story.proof()
        assert not proof["ok"]
        assert [double["jobId"] for double in proof["doubles"]] == [job_id]


async def test_a_clock_that_was_set_back_makes_no_hole_and_no_double(rig: MakeRig) -> None:
    """What was decided while it was ahead has later times than the changes that follow."""
    async with rig() as api:
        story = Story(api)
        job_id = await story.job()
        await story.decide(job_id, every=MINUTE)
        assert (await api.http.put(f"{JOBS}/{job_id}/status", json={"status": "1"})).status_code == 200
        right = await story.proof(ago=HOUR - 1)
        assert (right["ok"], right["instants"], right["pending"]) == (True, 60, 0)
        async with api.parts.reading() as connection:
            changed = (
                "UPDATE events SET at = at + interval '2 hours' WHERE type = 'run.requested' OR type LIKE 'fire.%'"
            )
            assert (await connection.execute(changed)).rowcount >= 60
        assert await story.proof(ago=HOUR - 1) == right


async def test_a_job_whose_definition_cannot_be_read_is_not_proved_and_hides_no_other(rig: MakeRig) -> None:
    async with rig() as api:
        story = Story(api)
        strange, plain = await story.job("7 * * * *"), await story.job()
        for job_id in (strange, plain):
            await story.decide(job_id)
        await api.caught_up()
        async with api.parts.reading() as connection:
            await connection.execute(
                "UPDATE events SET document = convert_to(replace(convert_from(document, 'UTF8'), %s, %s), 'UTF8')"
                " WHERE type = 'job.created'",
                ["7 * * * *", "77 * * * *"],
            )
        proof = await story.proof()
        assert (proof["ok"], proof["jobs"], proof["instants"]) == (False, 2, 60)
        (hole,) = proof["holes"]
        assert hole["jobId"] == strange
        assert "cannot be read" in hole["text"]
        await _refused(api, f"{JOBS}/{strange}/explain", {}, 422, "")


async def test_large_parameters_do_not_get_in_the_way(rig: MakeRig) -> None:
    async with rig() as api:
        story = Story(api)
        job_id = await story.job(invoke_params={"text": "x" * 60_000, "zero": "a\\u0000b"}, labels={"team": "ops"})
        await story.decide(job_id, every=MINUTE)
        proof = await story.proof()
        assert (proof["ok"], proof["fired"]) == (True, 60)
        (item,) = (await story.told(job_id, at=story.at(MINUTE)))["items"]
        assert item["fate"] == "fired"


async def test_only_the_jobs_that_are_named_are_proved(rig: MakeRig) -> None:
    async with rig() as api:
        story = Story(api)
        one, other, third = [await story.job() for _ in range(3)]
        await story.decide(one)
        proof = await story.proof(jobId=[one, other])
        assert (proof["jobs"], proof["instants"], proof["pending"]) == (2, 60, 60)
        response = await api.http.get(VERIFY, params={"jobId": [third, "nobody"]})
        assert response.status_code == 404
        assert "nobody" in response.json()["detail"]


async def test_a_proof_leaves_the_loop_free(rig: MakeRig) -> None:
    async with rig() as api:
        story = Story(api)
        busy = await story.job("* * * * * *", misfire_policy="1", catchup_limit=1000)
        for ago in range(45, -1, -15):
            await story.decide(busy, ago=ago * MINUTE)
        proving, turns = asyncio.create_task(story.proof()), 0
        while not proving.done():
            await asyncio.sleep(0.001)
            turns += 1
        assert (await proving)["fired"] == 3600
        assert turns > 10


async def test_a_range_that_cannot_be_read_is_refused_by_name(rig: MakeRig) -> None:
    async with rig() as api:
        for query, status, pointer in (
            ({"form": "x"}, 400, "?form"),
            ({"from": "yesterday"}, 422, "?from"),
            ({"to": "2026-01-01T00:00:00"}, 422, "?to"),
            ({"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, 422, "?to"),
            ({"from": "2026-01-01T00:00:00Z", "to": "2026-03-01T00:00:00Z"}, 422, "?from"),
        ):
            await _refused(api, VERIFY, query, status, pointer)


async def _refused(api: Rig, path: str, query: dict[str, Any], status: int, pointer: str) -> None:
    response = await api.http.get(path, params=query)
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]
