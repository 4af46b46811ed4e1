"""How promises are kept, over HTTP: of all jobs, beside a job, a run, an instant, and in strips."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.integration.api.conftest import MakeRig
from tests.integration.api.judging import PATIENCE, due, judging
from tests.integration.api.rig import JOBS, RUNS, Rig, Worker
from tests.support import waiting
from waterclock.log.clock import server_time
from waterclock.model.ids import RunId
from waterclock.model.timestamps import stamp

PROMISES = "/v1/monitor/promises"


async def now(api: Rig) -> int:
    return await server_time(api.log, api.log.keys.partition(0, "meta"))


async def asked(api: Rig, path: str, **query: Any) -> dict[str, Any]:
    response = await api.http.get(path, params=query)
    assert response.status_code == 200, response.text
    return response.json()


async def states(api: Rig, **query: Any) -> dict[str, str]:
    return {one["jobName"]: one["state"] for one in (await asked(api, PROMISES, **query))["items"]}


async def until_state(api: Rig, name: str, state: str) -> None:
    async def is_so() -> bool:
        return (await states(api)).get(name) == state

    await waiting.until(is_so, within=PATIENCE, what=f"that the promise of {name} is {state}")


async def ended(api: Rig, worker: Worker, run_id: RunId) -> None:
    grant = await worker.claim_one()
    assert grant.run_id == run_id
    await worker.succeed(grant)
    await api.caught_up()


async def test_a_broken_promise_is_shown_wherever_its_run_is(rig: MakeRig, tmp_path: Path) -> None:
    async with rig() as api:
        worker = await api.worker()
        job = await api.create(jobName="nightly", promise={"startWithin": 60}, cronExpression="0 2 * * *")
        await api.create(jobName="other")
        await api.caught_up()
        assert await states(api) == {"nightly": "unjudged"}
        async with judging(api, tmp_path):
            await until_state(api, "nightly", "kept")
            nominal = await now(api) - 300_000
            run_id = await due(api, job["id"], 1, nominal)
            await until_state(api, "nightly", "broken")

            (one,) = (await asked(api, PROMISES, state="broken"))["items"]
            assert (one["jobId"], one["promise"]) == (job["id"], {"startWithin": 60.0})
            due_at = stamp(nominal + 60_000)
            assert one["broken"] == [
                {
                    "kind": "late",
                    "since": due_at,
                    "count": 1,
                    "runId": run_id,
                    "instant": stamp(nominal),
                    "due": due_at,
                }
            ]
            standing = (await asked(api, f"{JOBS}/{job['id']}"))["promiseStanding"]
            assert (standing["state"], standing["broken"]) == ("broken", one["broken"])
            assert standing["nextDueAt"][11:16] == "02:01"
            run = await asked(api, f"{RUNS}/{run_id}")
            assert run["promise"] == {"startWithin": 60.0}
            (broken,) = run["broken"]
            assert (broken["kind"], broken["what"], broken["due"]) == ("late", "start", due_at)

            await ended(api, worker, run_id)
            await until_state(api, "nightly", "kept")
            assert len((await asked(api, f"{RUNS}/{run_id}"))["broken"]) == 1

        edges = {"from": stamp(nominal - 60_000), "to": stamp(nominal + 60_000), "bins": 2}
        (strip,) = (await asked(api, "/v1/monitor/ledger/strips", jobId=job["id"], **edges))["items"]
        counts: list[Any] = [cell for number, cell in strip["cells"] for _ in range(number)]
        assert [None if cell is None else cell.get("broken") for cell in counts] == [None, 1]


async def test_explain_says_what_was_promised_and_what_happened(rig: MakeRig, tmp_path: Path) -> None:
    async with rig() as api:
        worker = await api.worker()
        minute = {"cronExpression": "* * * * *", "misfirePolicy": "skip", "promise": {"startWithin": 1}}
        job = await api.create(jobName="nightly", **minute)
        await api.caught_up()
        async with judging(api, tmp_path):
            await until_state(api, "nightly", "kept")
            nominal = (await now(api) // 60_000) * 60_000
            run_id = await due(api, job["id"], 1, nominal)
            await until_state(api, "nightly", "broken")
            await ended(api, worker, run_id)
            await until_state(api, "nightly", "kept")
        told = await asked(api, f"{JOBS}/{job['id']}/explain", at=stamp(nominal))
        (item,) = told["items"]
        assert item["broken"] == ["late"]
        assert "Promised to start within 1 s; started " in item["text"]
        assert item["text"].endswith(f"after; broken at {stamp(nominal + 1_000)}.")


async def test_promises_are_filtered_and_come_in_pages(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()
        for name, group in (("a", "g"), ("b", "h"), ("c", "g")):
            await api.create(jobName=name, jobGroup=group, promise={"runsAtMost": 60})
        await api.caught_up()
        assert await states(api, jobGroup="g") == {"a": "unjudged", "c": "unjudged"}
        assert await states(api, state="broken") == {}
        page = await asked(api, PROMISES, limit=2)
        assert [one["jobName"] for one in page["items"]] == ["a", "b"]
        rest = await asked(api, PROMISES, limit=2, cursor=page["nextCursor"])
        assert ([one["jobName"] for one in rest["items"]], rest["nextCursor"]) == (["c"], None)


async def test_a_job_that_promises_nothing_has_no_standing(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()
        job = await api.create()
        assert (await asked(api, f"{JOBS}/{job['id']}"))["promiseStanding"] is None


@pytest.mark.parametrize("query", [{"state": "lost"}, {"cursor": "x"}])
async def test_what_cannot_be_asked_is_refused(rig: MakeRig, query: dict[str, str]) -> None:
    async with rig() as api:
        response = await api.http.get(PROMISES, params=query)
        assert response.status_code == 400
