"""What became of each instant, over HTTP: in pages, of deleted jobs too, and in agreement with the proof."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.integration.api.conftest import MakeRig
from tests.integration.api.deciding import HOUR, MINUTE, SECOND, Story
from tests.integration.api.rig import JOBS, NOOP, RUNS, SLEEP
from waterclock.model.ids import due_run
from waterclock_api.validation import live_executors


async def test_what_is_explained_is_what_is_proved(rig: MakeRig) -> None:
    async with rig(partitions=2) as api:
        story = Story(api)
        jobs = [await story.job(misfire_policy=policy, partition=int(policy) % 2) for policy in ("1", "2", "3")]
        jobs.append(await story.job(concurrent="1", overlap_policy="buffer_one"))
        for job_id in jobs[:3]:
            await story.decide(job_id, ago=7 * MINUTE)
        await story.decide(jobs[3], ago=7 * MINUTE, every=MINUTE)
        for job_id in jobs:
            range_ = {"from": story.at(HOUR - 1), "to": story.at(0)}
            items = await _pages(story, job_id, **range_, limit="13")
            proof = await story.proof(ago=HOUR - 1, jobId=job_id)

            fates = Counter(item["fate"] for item in items)
            assert fates["pending"] == proof["pending"] == 7
            assert [fates[fate] for fate in ("fired", "skipped", "coalesced")] == [
                proof[fate] for fate in ("fired", "skipped", "coalesced")
            ]
            assert fates.total() == proof["instants"] + proof["pending"] == 60
            assert [item["instant"] for item in items] == [story.at(ago * MINUTE) for ago in range(59, -1, -1)]


async def test_an_instant_that_fired_tells_its_run_and_where_that_stands(rig: MakeRig) -> None:
    async with rig() as api:
        story = Story(api)
        worker = await api.worker()
        job_id = await story.job(owed=MINUTE)
        await story.decide(job_id)
        grant = await worker.claim_one()
        await worker.succeed(grant)

        answer = await story.told(job_id, at=story.at(0))

        (item,) = answer["items"]
        run_id = due_run(job_id, story.now)
        assert (item["instant"], item["fate"], item["reason"]) == (story.at(0), "fired", "schedule")
        assert (item["runId"], item["policy"]) == (run_id, None)
        assert item["text"].endswith(f"Run {run_id} was requested; it succeeded.")
        assert answer["nextCursor"] is None
        history = await api.http.get(f"{JOBS}/{job_id}/explain", params={"from": story.at(0)})
        assert history.json()["items"][0] == item


async def test_instants_say_which_executor_the_run_waits_for_that_is_theirs_or_in_their_way(
    rig: MakeRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_executors, "FRESH_FOR", -1.0)
    async with rig() as api:
        story = Story(api)
        await api.worker(SLEEP, announces=True)
        for overlap, said in (
            ("skip", "That run is queued, and"),
            ("buffer_one", "behind another run of the job, which"),
        ):
            job_id = await story.job(
                owed=2 * MINUTE, concurrent="1", overlap_policy=overlap, misfire_threshold=HOUR / SECOND
            )
            await story.decide(job_id)
            first, second = (await story.told(job_id, **{"from": story.at(MINUTE), "to": story.at(0)}))["items"]
            run = (await api.http.get(f"{RUNS}/{first['runId']}")).json()
            wait = f"has waited for a worker with the executor demo.noop since {run['waitsFor']['since']}."
            assert first["text"].endswith(f"it is queued, and {wait}")
            assert second["text"].endswith(f"{said} {wait}")
        late = await story.job(misfire_policy="3")
        await story.decide(late)
        wanted = {"from": story.at(MINUTE), "to": story.at(MINUTE), "dryRun": False}
        answer = await api.http.post(f"{JOBS}/{late}/backfill", json=wanted)
        assert answer.status_code == 202, answer.text
        await api.caught_up()
        (item,) = (await story.told(late, at=story.at(MINUTE)))["items"]
        assert "it is queued, and has waited for a worker with the executor demo.noop since " in item["text"]

        having = await api.worker(NOOP, announces=True)
        (item,) = (await story.told(job_id, at=story.at(MINUTE)))["items"]
        assert item["text"].endswith("it is queued.")
        await having.leave()


async def test_an_instant_says_that_the_queue_of_its_run_is_paused(rig: MakeRig) -> None:
    async with rig(partitions=2) as api:
        story = Story(api)
        await api.worker(NOOP, announces=True)
        job_id = await story.job(owed=MINUTE, queue="low", partition=1)
        await story.decide(job_id)
        pause = await api.http.post("/v1/monitor/queues/low/pause", json={"reason": "new disk"})
        assert pause.status_code == 200
        await api.caught_up()

        (item,) = (await story.told(job_id, at=story.at(0)))["items"]
        assert "and its queue low has been paused by anonymous@127.0.0.1 since" in item["text"]
        assert item["text"].endswith("(new disk).")
        told = (await api.http.get("/v1/monitor/events", params={"type": "queue.paused"})).json()["items"]
        (first,) = (one["at"] for one in told if one["id"].startswith("0-"))
        assert f"since {first}" in item["text"]

        assert (await api.http.post("/v1/monitor/queues/low/resume")).status_code == 200
        (item,) = (await story.told(job_id, at=story.at(0)))["items"]
        assert "it is queued" in item["text"]
        assert "paused" not in item["text"]


async def test_an_instant_says_that_the_run_in_its_way_is_past_its_timeout(rig: MakeRig) -> None:
    async with rig() as api:
        story = Story(api)
        worker = await api.worker(NOOP, announces=True)
        job_id = await story.job(
            owed=2 * MINUTE, concurrent="1", overlap_policy="skip", misfire_threshold=HOUR / SECOND, timeout=60
        )
        await story.decide(job_id)
        await worker.claim_one()
        await api.caught_up()
        async with api.parts.reading() as connection:
            await connection.execute("UPDATE attempts SET started_at = now() - interval '11 minutes'")
        first, second = (await story.told(job_id, **{"from": story.at(MINUTE), "to": story.at(0)}))["items"]
        said = "is running, and is still executing 10 min past its timeout of 60 s: its code does not stop"
        assert f"it {said} when it is cancelled." in first["text"]
        assert f"That run {said} when it is cancelled." in second["text"]


async def test_a_run_that_is_tried_again_is_not_late_for_its_earlier_attempts(rig: MakeRig) -> None:
    async with rig() as api:
        story = Story(api)
        worker = await api.worker(NOOP, announces=True)
        job_id = await story.job(owed=MINUTE, timeout=60)
        await story.decide(job_id)
        await worker.claim_one()
        await api.caught_up()
        async with api.parts.reading() as connection:
            await connection.execute("UPDATE runs SET started_at = now() - interval '11 minutes'")
        (item,) = (await story.told(job_id, at=story.at(0)))["items"]
        assert item["text"].endswith("it is running.")


async def test_a_moment_that_is_no_instant_is_explained_too(rig: MakeRig) -> None:
    async with rig() as api:
        story = Story(api)
        job_id = await story.job()
        (item,) = (await story.told(job_id, at=story.at(30 * MINUTE + 1)))["items"]
        assert (item["fate"], item["runId"], item["position"]) == ("notDue", None, None)
        (item,) = (await story.told(job_id, at=story.at(2 * HOUR)))["items"]
        assert (item["fate"], item["reason"]) == ("notYetCreated", None)
        (item,) = (await story.told(job_id, at="2099-12-31T23:59:00+01:00"))["items"]
        assert (item["instant"], item["fate"], item["reason"]) == ("2099-12-31T22:59:00.000Z", "pending", "future")


async def test_a_deleted_job_is_explained_still(rig: MakeRig) -> None:
    async with rig() as api:
        story = Story(api)
        job_id = await story.job(owed=10 * MINUTE)
        assert (await api.http.delete(f"{JOBS}/{job_id}")).status_code == 204
        assert (await api.http.get(f"{JOBS}/{job_id}")).status_code == 404
        items = (await story.told(job_id, **{"from": story.at(HOUR), "to": story.at(0), "limit": 1000}))["items"]
        assert Counter(item["fate"] for item in items) == {"notYetCreated": 51, "skipped": 10}
        assert {item["reason"] for item in items} == {None, "deleted"}
        (item,) = (await story.told(job_id, at="2099-12-31T23:59:00Z"))["items"]
        assert item["fate"] == "deleted"


async def test_a_job_is_explained_as_soon_as_it_is_written(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()
        job = await api.create(cronExpression="@daily")
        await api.http.put(f"{JOBS}/{job['id']}/status", json={"status": "1"}, headers={"Prefer": "wait=0"})
        (item,) = (await Story(api).told(job["id"], at="2099-01-01T00:00:00Z"))["items"]
        assert item["fate"] == "disabled"


async def test_a_job_that_never_was_is_not_found(rig: MakeRig) -> None:
    async with rig() as api:
        for job_id in ("nobody", "No Body!"):
            for query in ({}, {"at": "2026-01-01T00:00:00Z"}):
                response = await api.http.get(f"{JOBS}/{job_id}/explain", params=query)
                assert response.status_code == 404, response.text


async def test_an_archive_that_lags_is_no_proof_that_a_job_never_was(rig: MakeRig) -> None:
    async with rig(projecting=False) as api:
        job_id = await Story(api).job()
        response = await api.http.get(f"{JOBS}/{job_id}/explain")
        assert (response.status_code, response.headers["retry-after"]) == (503, "1")


async def test_what_cannot_be_asked_is_refused_by_name(rig: MakeRig) -> None:
    async with rig() as api:
        job_id = await Story(api).job()
        moment = "2026-01-01T00:00:00Z"
        for query, status, pointer in (
            ({"when": moment}, 400, "?when"),
            ({"limit": 0}, 400, "?limit"),
            ({"cursor": "%%%"}, 400, "?cursor"),
            ({"at": "noon"}, 422, "?at"),
            ({"at": moment, "to": moment}, 422, "?at"),
            ({"from": "noon"}, 422, "?from"),
            ({"from": moment, "to": "2025-01-01T00:00:00Z"}, 422, "?to"),
            ({"from": "1970-01-01T00:00:00Z", "to": "9999-01-01T00:00:00Z"}, 422, "?from"),
        ):
            response = await api.http.get(f"{JOBS}/{job_id}/explain", params=query)
            assert response.status_code == status, response.text
            assert [error["pointer"] for error in response.json()["errors"]] == [pointer]


async def test_the_newest_come_first_and_none_is_from_before_the_job(rig: MakeRig) -> None:
    async with rig() as api:
        story = Story(api)
        job_id = await story.job()
        await story.decide(job_id, every=MINUTE)

        to = story.at(0)
        everything = await _pages(story, job_id, **{"from": story.at(40 * HOUR)}, to=to, limit="1000")
        wanted = [item for item in everything if item["fate"] != "notYetCreated"][::-1]

        assert len(everything) > len(wanted) > 50
        assert await _pages(story, job_id, order="newest", to=to, limit="7") == wanted
        assert await _pages(story, job_id, order="newest", to=to, **{"from": story.at(5 * MINUTE)}) == wanted[:6]
        newest = await story.told(job_id, order="newest", limit="1")
        response = await api.http.get(f"{JOBS}/{job_id}/explain", params={"cursor": newest["nextCursor"]})
        assert response.status_code == 400, "a cursor of the other order"


async def test_the_newest_of_a_job_that_seldom_fires_are_found_however_old(rig: MakeRig) -> None:
    async with rig() as api:
        story = Story(api)
        job_id = await story.job("0 0 1 * *", owed=400 * 24 * HOUR)
        items = await _pages(story, job_id, order="newest", limit="3")
        assert 13 <= len(items) <= 14
        assert items == sorted(items, key=lambda item: item["instant"], reverse=True)


async def _pages(story: Story, job_id: str, **query: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        page = await story.told(job_id, **query, **({} if cursor is None else {"cursor": cursor}))
        items += page["items"]
        cursor = page["nextCursor"]
        if cursor is None:
            return items
