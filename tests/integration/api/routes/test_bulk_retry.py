"""Ended runs, run again by filter: what fits, what is refused, and never twice by one key."""

from __future__ import annotations

from typing import Any

from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import JOBS, RUNS, Rig, Worker

RETRY = f"{RUNS}/retry"


async def test_what_failed_is_run_again_and_a_dry_run_only_tells_what_that_is(rig: MakeRig) -> None:
    async with rig(partitions=2) as api:
        worker = await api.worker()
        failed = [await api.ask(labels={"n": str(n)}) for n in range(3)]
        await _fail(api, worker)
        fine = await api.ask()
        await worker.succeed(await worker.claim_one(api.log.partition_of(fine)))
        await api.ask()  # which has not ended

        dry = await api.http.post(RETRY, json={"dryRun": True, "all": True})
        assert dry.status_code == 200, dry.text
        assert {name: dry.json()[name] for name in ("dryRun", "matched", "retried", "refused", "nextCursor")} == {
            "dryRun": True,
            "matched": 3,
            "retried": 0,
            "refused": 0,
            "nextCursor": None,
        }
        nothing = {"retriedAs": None, "refused": None}
        assert dry.json()["items"] == [{"runId": run_id} | nothing for run_id in reversed(failed)]
        assert len(await _runs(api)) == 5

        done = await api.http.post(RETRY, json={"status": "failed", "reason": "disk replaced"})
        assert (done.status_code, done.json()["matched"], done.json()["retried"]) == (202, 3, 3)
        runs = {run["id"]: run for run in await _runs(api)}
        assert len(runs) == 8
        for item in done.json()["items"]:
            again = runs[item["retriedAs"]]
            assert (again["retryOf"], again["trigger"], again["reason"]) == (item["runId"], "retry", "disk replaced")
            assert again["labels"] == runs[item["runId"]]["labels"]
        requested = [run["retryOf"] for run in runs.values() if run["retryOf"]]
        assert sorted(requested) == sorted(failed)


async def test_the_filters_are_those_of_the_list(rig: MakeRig) -> None:
    async with rig() as api:
        worker = await api.worker()
        job_id = (await api.create(concurrent="0"))["id"]
        of_job = [await api.trigger(job_id) for _ in range(2)]
        low = await api.ask(queue="low", reason="spare")
        await _fail(api, worker)
        fine = await api.ask()
        await worker.succeed(await worker.claim_one())
        await api.caught_up()
        at = (await api.http.get(f"{RUNS}/{low}")).json()["requestedAt"]

        async def fits(**wanted: Any) -> set[str]:
            response = await api.http.post(RETRY, json={"dryRun": True} | wanted)
            assert response.status_code == 200, response.text
            return {item["runId"] for item in response.json()["items"]}

        assert await fits(all=True) == {*of_job, low}
        assert await fits(jobId=job_id) == await fits(jobId=[job_id, "other"]) == set(of_job)
        assert await fits(queue="low") == await fits(q="SPARE") == {low}
        assert await fits(status=["succeeded", "cancelled"]) == {fine}
        assert await fits(trigger="retry") == set()
        assert low in await fits(**{"from": at})
        assert of_job[0] not in await fits(**{"from": at})
        assert await fits(to=at) >= {low}
        refused = await api.http.post(
            RETRY, json={"status": ["running"], "from": "yesterday", "cursor": "?", "statuses": [], "limit": 1001}
        )
        assert refused.status_code == 422
        pointers = {error["pointer"] for error in refused.json()["errors"]}
        assert pointers == {"/status/0", "/from", "/cursor", "/statuses", "/limit"}
        assert (await api.http.post(RETRY)).status_code == 400


async def test_what_fits_is_worked_off_in_pages(rig: MakeRig) -> None:
    async with rig() as api:
        worker = await api.worker()
        failed = [await api.ask() for _ in range(5)]
        await _fail(api, worker)
        done: list[str] = []
        cursor: str | None = None
        while not done or cursor is not None:
            body = {"all": True, "limit": 2} | ({"cursor": cursor} if cursor else {})
            page = (await api.http.post(RETRY, json=body)).json()
            done += [item["runId"] for item in page["items"]]
            cursor = page["nextCursor"]
        assert done == failed[::-1]
        assert len(await _runs(api)) == 10


async def test_the_same_key_retries_each_run_once_whatever_has_failed_since(rig: MakeRig) -> None:
    async with rig(partitions=2) as api:
        worker = await api.worker()
        failed = [await api.ask() for _ in range(3)]
        await _fail(api, worker)
        key, body = {"Idempotency-Key": "again"}, {"status": ["failed"], "limit": 2}
        first = await api.http.post(RETRY, json=body, headers=key)
        assert (first.status_code, first.json()["retried"]) == (202, 2)
        assert "idempotency-replayed" not in first.headers
        await api.ask()
        await _fail(api, worker)  # what was retried too
        second = await api.http.post(RETRY, json=body, headers=key)
        assert (second.status_code, second.json()) == (202, first.json())
        assert second.headers["idempotency-replayed"] == "true"
        retried = [run for run in await _runs(api) if run["trigger"] == "retry"]
        assert sorted(run["retryOf"] for run in retried) == sorted(failed[1:])
        assert (await api.http.post(RETRY, json={"all": True, "limit": 2}, headers=key)).status_code == 422
        dry = await api.http.post(RETRY, json={"all": True, "limit": 2, "dryRun": True}, headers=key)
        assert dry.status_code == 200  # changes nothing, so uses no key


async def test_a_refusal_of_one_does_not_hold_up_the_others(rig: MakeRig) -> None:
    async with rig() as api:
        worker = await api.worker()
        busy = (await api.create(jobName="busy"))["id"]
        gone = (await api.create(jobName="gone"))["id"]
        first, second, third = await api.trigger(busy), await api.trigger(gone), await api.ask()
        await _fail(api, worker)
        blocking = await api.trigger(busy)
        await api.http.delete(f"{JOBS}/{gone}")
        done = (await api.http.post(RETRY, json={"all": True})).json()
        assert (done["matched"], done["retried"], done["refused"]) == (3, 1, 2)
        told = {item["runId"]: item for item in done["items"]}
        assert blocking in told[first]["refused"]
        assert "deleted" in told[second]["refused"]
        assert (told[third]["refused"], told[third]["retriedAs"] is not None) == (None, True)
        behind = (await api.http.post(RETRY, json={"jobId": busy, "overlapPolicy": "buffer_all"})).json()
        assert behind["retried"] == 1


async def _fail(api: Rig, worker: Worker) -> None:
    """All that could start."""
    for partition in range(api.log.partitions):
        for grant in await worker.claim(partition):
            await worker.fail(grant, "no")


async def _runs(api: Rig) -> list[dict[str, Any]]:
    for partition in range(api.log.partitions):
        await api.caught_up(partition)
    return (await api.http.get(RUNS, params={"limit": 1000})).json()["items"]
