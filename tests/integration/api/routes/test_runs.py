"""Runs over HTTP: requested, cancelled, read while they go on."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import JOB, JOBS, RUNS, Rig
from waterclock.log.clock import now
from waterclock.model.timestamps import stamp
from waterclock_api.queries import read_models
from waterclock_api.queries.unprojected_run import fold_run

FIELDS = {
    *("id", "jobId", "jobName", "jobGroup", "invokeTarget", "params", "queue", "trigger", "status", "nominalAt"),
    *("requestedAt", "readyAt", "startedAt", "finishedAt", "durationMs", "attempt", "maxAttempts", "worker", "result"),
    *("error", "waitingOn", "attempts", "steps"),
}
LARGE = {"params", "result", "error", "attempts", "steps"}
BESIDE = {"errorLine", "waitsFor", "cancelRequestedAt", "labels", "retryOf"}


async def test_a_triggered_run_is_readable_at_once_and_shows_what_becomes_of_it(rig: MakeRig) -> None:
    async with rig() as api:
        worker = await api.worker()
        job = await api.create(invokeTarget="demo.sleep", invokeParams={"seconds": 1}, labels={"team": "ops"})
        triggered = await api.http.post(
            f"{JOBS}/{job['id']}/trigger", json={"params": {"seconds": 3}, "queue": "critical", "reason": "why not"}
        )
        run_id = triggered.json()["runId"]
        assert (triggered.status_code, triggered.json()) == (202, {"runId": run_id, "notes": []})
        assert triggered.headers["location"] == f"{RUNS}/{run_id}"
        run = await _run(api, run_id)
        assert set(run) >= FIELDS
        expected: dict[str, Any] = {
            "id": run_id,
            "jobId": job["id"],
            "jobName": "nightly",
            "params": {"seconds": 3},
            "queue": "critical",
            "trigger": "manual",
            "status": "queued",
            "reason": "why not",
            "labels": {"team": "ops"},
            "attempt": 0,
            "maxAttempts": 3,
            "attempts": [],
            "steps": [],
        }
        assert {name: run[name] for name in expected} == expected

        grant = await worker.claim_one()
        await worker.step(grant, "Rest", "so quiet")
        await api.caught_up()
        assert (await _job(api, job["id"]))["isRunning"] is True
        running = await _run(api, run_id)
        assert (running["status"], running["worker"], running["attempt"]) == ("running", "w1", 1)
        await worker.succeed(grant, {"slept": 3})
        await api.caught_up()
        done = await _run(api, run_id)
        assert (done["status"], done["result"], done["error"]) == ("succeeded", {"slept": 3}, None)
        assert done["durationMs"] >= 0
        (attempt,) = done["attempts"]
        assert set(attempt) == {"number", "fence", "worker", "startedAt", "finishedAt", "outcome", "error"}
        assert (attempt["number"], attempt["outcome"], attempt["fence"]) == (1, "succeeded", grant.fence)
        (step,) = done["steps"]
        assert (step["number"], step["name"], step["status"], step["progress"]) == (1, "Rest", "succeeded", None)
        (line,) = (await api.http.get(f"{RUNS}/{run_id}/logs")).json()["items"]
        assert (line["attempt"], line["step"], line["level"], line["text"]) == (1, 1, "info", "so quiet")
        after = await _job(api, job["id"])
        assert (after["isRunning"], after["lastRun"]["status"]) == (False, "succeeded")


async def test_steps_of_earlier_attempts_are_told_to_whoever_asks(rig: MakeRig) -> None:
    async with rig() as api:
        worker = await api.worker()
        run_id = await api.trigger((await api.create())["id"])
        first = await worker.claim_one()
        await worker.step(first, "First", "a")
        await worker.step(first, "Second", "b", number=2)
        await worker.hand_back(first)
        await worker.step(await worker.claim_one(), "Third", "c")
        await api.caught_up()

        async def steps(**query: str) -> list[tuple[int, int, str]]:
            run = (await api.http.get(f"{RUNS}/{run_id}", params=query)).json()
            assert [one["number"] for one in run["attempts"]] == [1, 2]
            return [(one["attempt"], one["number"], one["name"]) for one in run["steps"]]

        third = (2, 1, "Third")
        assert await steps() == await steps(steps="last") == [third]
        assert await steps(steps="all") == [(1, 1, "First"), (1, 2, "Second"), third]
        for every, names in ((True, ["First", "Second", "Third"]), (False, ["Third"])):  # where it is not projected yet
            unprojected = await fold_run(api.parts, run_id, all_steps=every)
            assert unprojected is not None
            assert [one.name for one in unprojected.steps] == names
        refused = await api.http.get(f"{RUNS}/{run_id}", params={"steps": "some"})
        assert [flaw["pointer"] for flaw in refused.json()["errors"]] == ["?steps"]


async def test_of_very_many_steps_the_newest_are_told(rig: MakeRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_models, "STEPS_MOST", 2)
    async with rig() as api:
        worker = await api.worker()
        run_id = await api.trigger((await api.create())["id"])
        first = await worker.claim_one()
        await worker.step(first, "First")
        await worker.step(first, "Second", number=2)
        await worker.hand_back(first)
        await worker.step(await worker.claim_one(), "Third")
        await api.caught_up()
        run = (await api.http.get(f"{RUNS}/{run_id}", params={"steps": "all"})).json()
        assert [one["name"] for one in run["steps"]] == ["Second", "Third"]


async def test_a_failed_run_names_its_error(rig: MakeRig) -> None:
    async with rig() as api:
        worker = await api.worker()
        run_id = await api.trigger((await api.create())["id"])
        await worker.fail(await worker.claim_one(), "no such table")
        await api.caught_up()
        run = await _run(api, run_id)
        assert (run["status"], run["error"]["type"], run["error"]["message"]) == (
            "failed",
            "ValueError",
            "no such table",
        )
        assert run["attempts"][0]["error"] == run["error"]


async def test_a_run_by_hand_that_has_instants_left_out_says_so(rig: MakeRig) -> None:
    async with rig() as api:
        worker = await api.worker()
        job_id = (await api.create(cronExpression="0 2 * * *"))["id"]
        triggered = (await api.http.post(f"{JOBS}/{job_id}/trigger")).json()
        await worker.fail(await worker.claim_one(), "no such table")
        await api.caught_up()
        retried = (await api.http.post(f"{RUNS}/{triggered['runId']}/retry")).json()
        for told in (triggered, retried):
            assert [note["pointer"] for note in told["notes"]] == [None]
            assert "overlapPolicy is skip; with buffer_one, one of them runs" in told["notes"][0]["message"]
        await api.http.put(
            f"{JOBS}/{job_id}", json=JOB | {"cronExpression": "0 2 * * *", "overlapPolicy": "buffer_one"}
        )
        asked = await api.http.post(f"{JOBS}/{job_id}/trigger", json={"overlapPolicy": "buffer_one"})
        assert (asked.status_code, asked.json()["notes"]) == (202, [])


async def test_a_run_may_wait_for_its_time_and_then_shows_as_queued(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()
        job_id = (await api.create(concurrent="0"))["id"]
        at = await now(api.log, 0) + 600_000
        later = await _run(api, await api.trigger(job_id, runAt=stamp(at)))
        assert (later["status"], later["readyAt"]) == ("delayed", stamp(at))
        assert (await _run(api, await api.trigger(job_id, delay="PT1H")))["status"] == "delayed"
        assert (await _run(api, await api.trigger(job_id, runAt="2020-01-01T00:00:00Z")))["status"] == "queued"
        soon = await api.trigger(job_id, delay=0.05)
        async with asyncio.timeout(15):
            while (await _run(api, soon))["status"] != "queued":  # though no worker has moved it
                continue
        assert [run["readyAt"] for run in await _runs(api, status="delayed")][-1] == stamp(at)
        assert soon in [run["id"] for run in await _runs(api, status="queued")]


async def test_a_job_that_may_not_overlap_refuses_a_second_run_and_names_the_first(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()
        job_id = (await api.create())["id"]
        first = await api.trigger(job_id)
        refused = await api.http.post(f"{JOBS}/{job_id}/trigger")
        assert refused.status_code == 409
        assert (refused.json()["type"], refused.json()["runId"]) == ("/problems#run-blocked", first)
        assert first in refused.json()["detail"]
        other = await api.http.get(f"{JOBS}/nothing")
        assert "runId" not in other.json()
        instead = await api.trigger(job_id, overlapPolicy="cancel_other")
        assert (await _run(api, instead))["status"] == "queued"
        replaced = await _run(api, first)
        assert (replaced["status"], replaced["cancelReason"]) == ("cancelled", "replaced")
        waiting = await _run(api, await api.trigger(job_id, overlapPolicy="buffer_all"))
        assert (waiting["status"], waiting["waitingOn"]) == ("waiting", instead)


async def test_a_run_that_its_disabled_job_kept_from_starting_says_so(rig: MakeRig) -> None:
    async with rig() as api:
        worker = await api.worker()
        job_id = (await api.create(concurrent="0"))["id"]
        run_id = await api.trigger(job_id, reason="month's end")
        assert (await _run(api, run_id))["cancelReason"] is None
        assert (await api.http.put(f"{JOBS}/{job_id}/status", json={"status": "1"})).status_code == 200
        assert await worker.claim() == []
        await api.caught_up()
        run = await _run(api, run_id)
        assert (run["status"], run["cancelReason"], run["reason"]) == ("cancelled", "jobDisabled", "month's end")


async def test_a_waiting_run_names_the_run_that_is_ahead_of_it_now(rig: MakeRig) -> None:
    async with rig() as api:
        worker = await api.worker()
        job_id = (await api.create(overlapPolicy="buffer_all"))["id"]
        running, second, third, fourth = [await api.trigger(job_id) for _ in range(4)]
        grant = await worker.claim_one()

        async def line() -> list[tuple[str, str | None]]:
            await api.caught_up()
            runs = [await _run(api, run_id) for run_id in (second, third, fourth)]
            listed = {run["id"]: run for run in await _runs(api, jobId=job_id)}
            assert [listed[run["id"]] for run in runs] == runs
            return [(run["status"], run["waitingOn"]) for run in runs]

        assert grant.run_id == running
        assert await line() == [("waiting", running), ("waiting", second), ("waiting", third)]
        await api.http.post(f"{RUNS}/{third}/cancel")  # out of the line
        assert await line() == [("waiting", running), ("cancelled", None), ("waiting", second)]
        await api.http.post(f"{RUNS}/{second}/cancel")
        assert await line() == [("cancelled", None), ("cancelled", None), ("waiting", running)]
        await worker.succeed(grant)  # which lets the last go, though no worker has taken it
        assert await line() == [("cancelled", None), ("cancelled", None), ("queued", None)]
        assert [run["id"] for run in await _runs(api, status="queued")] == [fourth]
        assert await _runs(api, status="waiting") == []
        assert (await _job(api, job_id))["lastRun"]["status"] == "queued"
        behind = await api.trigger(job_id)
        assert (await _run(api, behind))["waitingOn"] == fourth
        assert (await worker.claim_one()).run_id == fourth
        await api.caught_up()
        assert [(run["status"], run["waitingOn"]) for run in [await _run(api, fourth), await _run(api, behind)]] == [
            ("running", None),
            ("waiting", fourth),
        ]


async def test_runs_that_may_overlap_since_an_edit_wait_no_more(rig: MakeRig) -> None:
    async with rig() as api:
        worker = await api.worker()
        job_id = (await api.create(overlapPolicy="buffer_all"))["id"]
        running, second = [await api.trigger(job_id) for _ in range(2)]
        assert (await worker.claim_one()).run_id == running
        await api.caught_up()
        assert (await _run(api, second))["waitingOn"] == running
        await api.http.put(f"{JOBS}/{job_id}", json=JOB | {"concurrent": "0"})
        await api.caught_up()
        assert (await _run(api, second))["status"] == "queued"
        assert (await worker.claim_one()).run_id == second


async def test_a_run_let_go_shows_so_also_where_the_read_models_lag(rig: MakeRig) -> None:
    async with rig(projecting=False) as api:
        worker = await api.worker()
        job_id = (await api.http.post(JOBS, json=JOB, params={"allowUnknownExecutor": "true"})).json()["id"]
        first = await api.trigger(job_id)
        second = await api.trigger(job_id, overlapPolicy="buffer_one")
        assert (await _run(api, second))["waitingOn"] == first
        await worker.succeed(await worker.claim_one())
        assert [(run["status"], run["waitingOn"]) for run in [await _run(api, second)]] == [("queued", None)]


async def test_a_disabled_job_can_be_triggered_and_a_missing_one_cannot(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()
        job_id = (await api.create(status="1"))["id"]
        await api.trigger(job_id)
        for missing in ("nothing", "UPPER", "a" * 65):
            assert (await api.http.post(f"{JOBS}/{missing}/trigger")).status_code == 404


async def test_the_same_key_triggers_one_run(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()
        job_id = (await api.create())["id"]
        path, key = f"{JOBS}/{job_id}/trigger", {"Idempotency-Key": "now"}
        first = await api.http.post(path, json={"reason": "a"}, headers=key)
        again = await api.http.post(path, json={"reason": "a"}, headers=key)
        assert again.headers["idempotency-replayed"] == "true"
        assert (again.status_code, again.json(), again.headers["location"]) == (
            202,
            first.json(),
            first.headers["location"],
        )
        assert (await api.http.post(path, json={"reason": "b"}, headers=key)).status_code == 422
        assert len(await _runs(api)) == 1
        other = await api.create(jobName="other")
        elsewhere = await api.http.post(f"{JOBS}/{other['id']}/trigger", json={"reason": "a"}, headers=key)
        assert elsewhere.json() != first.json()
        await api.http.delete(f"{JOBS}/{job_id}")
        assert (await api.http.post(path, json={"reason": "a"}, headers=key)).json() == first.json()


async def test_triggers_that_come_at_once_are_each_answered_for_themselves(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()
        free, alone = [(await api.create(jobName=name, concurrent=name))["id"] for name in ("0", "1")]
        asked = [*[(free, None)] * 10, *[(free, "one")] * 10, *[(alone, None)] * 10, *[("0" * 16, None)] * 2]
        async with asyncio.TaskGroup() as tasks:
            sent = [tasks.create_task(_trigger(api, job, key)) for job, key in asked]
        answers = [task.result() for task in sent]
        assert {answer.status_code for answer in answers[:20]} == {202}
        runs = [answer.json()["runId"] for answer in answers[:20]]
        assert (len(set(runs[:10])), len(set(runs[10:])), len(set(runs))) == (10, 1, 11)
        assert sorted(answer.status_code for answer in answers[20:]) == [202, *[404] * 2, *[409] * 9]
        [winner] = [answer.json()["runId"] for answer in answers[20:30] if answer.status_code == 202]
        refusals = [answer.json()["detail"] for answer in answers[20:30] if answer.status_code == 409]
        assert all(winner in detail for detail in refusals)
        assert len(await _runs(api)) == 12


async def test_a_run_is_cancelled_at_once_before_it_starts_and_asked_to_stop_after(rig: MakeRig) -> None:
    async with rig() as api:
        worker = await api.worker()
        job_id = (await api.create(concurrent="0"))["id"]
        waiting, running = await api.trigger(job_id), await api.trigger(job_id)
        cancelled = await api.http.post(f"{RUNS}/{waiting}/cancel")
        assert (cancelled.status_code, cancelled.json()) == (202, {"runId": waiting, "notes": []})
        assert cancelled.headers["location"] == f"{RUNS}/{waiting}"
        grant = await worker.claim_one()
        for _ in range(2):
            assert (await api.http.post(f"{RUNS}/{running}/cancel")).status_code == 202
        await api.caught_up()
        assert (await _run(api, waiting))["status"] == "cancelled"
        asked = await _run(api, running)
        assert (asked["status"], asked["cancelRequestedAt"] is not None) == ("running", True)
        await worker.succeed(grant)
        refused = await api.http.post(f"{RUNS}/{running}/cancel")
        assert refused.status_code == 409
        assert "succeeded" in refused.json()["detail"]
        assert (await api.http.post(f"{RUNS}/nothing/cancel")).status_code == 404


async def test_runs_are_listed_newest_first_in_pages_and_by_filter(rig: MakeRig) -> None:
    async with rig() as api:
        worker = await api.worker()
        one = (await api.create(jobName="one", concurrent="0"))["id"]
        two = (await api.create(jobName="two", concurrent="0", queue="low"))["id"]
        runs = [await api.trigger(job_id) for job_id in (one, two, one, two, one)]
        for grant in await worker.claim():
            await (worker.succeed(grant) if grant.job_id == one else worker.fail(grant, "disk full"))
        await api.trigger(one, reason="spare")
        await api.caught_up()

        async def ids(**query: Any) -> list[str]:
            return [run["id"] for run in await _runs(api, **query)]

        everything = await ids()
        assert everything[1:] == runs[::-1]
        assert await ids(jobId=two) == [runs[3], runs[1]]
        assert await ids(queue="low", status="failed") == [runs[3], runs[1]]
        assert await ids(status=["failed", "queued"]) == [everything[0], runs[3], runs[1]]
        assert await ids(trigger="schedule") == []
        assert await ids(q="DISK") == [runs[3], runs[1]]
        assert await ids(q="spare") == everything[:1]
        third = (await _run(api, runs[2]))["requestedAt"]
        assert set(await ids(**{"from": third})) >= {everything[0], *runs[2:]}
        assert runs[0] not in await ids(**{"from": third})
        assert everything[0] not in await ids(to=third)
        pages: list[str] = []
        cursor: str | None = None
        while not pages or cursor is not None:
            page = (await api.http.get(RUNS, params={"limit": 4} | ({"cursor": cursor} if cursor else {}))).json()
            pages += [run["id"] for run in page["items"]]
            cursor = page["nextCursor"]
        assert pages == everything


async def test_lines_are_listed_in_pages_oldest_first(rig: MakeRig) -> None:
    async with rig() as api:
        worker = await api.worker()
        run_id = await api.trigger((await api.create())["id"])
        grant = await worker.claim_one()
        for number in (1, 2):
            await worker.step(grant, "Count", *(f"{number}.{line}" for line in range(5)), number=number)
        await api.caught_up()
        texts: list[str] = []
        cursor: str | None = None
        while not texts or cursor is not None:
            query = {"limit": 3} | ({"cursor": cursor} if cursor else {})
            page = (await api.http.get(f"{RUNS}/{run_id}/logs", params=query)).json()
            texts += [line["text"] for line in page["items"]]
            cursor = page["nextCursor"]
        assert texts == [f"{number}.{line}" for number in (1, 2) for line in range(5)]


async def test_an_edit_does_not_change_a_run_that_was_requested_before(rig: MakeRig) -> None:
    async with rig() as api:
        worker = await api.worker()
        job = await api.create(invokeTarget="demo.sleep", invokeParams={"seconds": 1})
        await api.trigger(job["id"])
        await api.http.put(
            f"{JOBS}/{job['id']}", json=JOB | {"invokeTarget": "demo.sleep", "invokeParams": {"seconds": 9}}
        )
        assert '"seconds":1' in (await worker.claim_one()).body


async def test_executors_are_listed_with_their_schemas_and_workers(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker(name="w1")
        await api.worker(name="w2")
        await api.caught_up()
        items = (await api.http.get("/v1/monitor/executors")).json()["items"]
        assert [item["key"] for item in items] == ["demo.noop", "demo.sleep"]
        assert items[0]["workers"] == ["w1", "w2"]
        assert items[1]["paramsSchema"]["$defs"]["Sleep"]["additionalProperties"] is False
        assert set(items[0]) >= {"key", "description", "paramsSchema", "resultSchema", "timeout", "workers"}


async def _run(api: Rig, run_id: str) -> dict[str, Any]:
    response = await api.http.get(f"{RUNS}/{run_id}")
    assert response.status_code == 200, response.text
    return response.json()


async def _job(api: Rig, job_id: str) -> dict[str, Any]:
    return (await api.http.get(f"{JOBS}/{job_id}")).json()


async def _trigger(api: Rig, job_id: str, key: str | None) -> httpx.Response:
    return await api.http.post(f"{JOBS}/{job_id}/trigger", headers={"Idempotency-Key": key} if key else {})


async def _runs(api: Rig, **query: Any) -> list[dict[str, Any]]:
    await api.caught_up()
    response = await api.http.get(RUNS, params=query)
    assert response.status_code == 200, response.text
    return response.json()["items"]


async def test_a_brief_run_is_a_run_without_what_may_be_large(rig: MakeRig) -> None:
    async with rig() as api:
        worker = await api.worker()
        job = await api.create(labels={"team": "ops"})
        failed = await api.trigger(job["id"], overlapPolicy="buffer_all")
        await worker.fail(await worker.claim_one(), "no such table: tides\nin line 3")
        done = await api.trigger(job["id"], overlapPolicy="buffer_all", reason="why not")
        await worker.succeed(await worker.claim_one(), {"rows": 3})
        lone = await api.ask()
        await api.caught_up()
        whole = (await api.http.get(RUNS)).json()["items"]
        brief = (await api.http.get(f"{RUNS}?view=brief")).json()["items"]
        assert [run["id"] for run in brief] == [run["id"] for run in whole] == [lone, done, failed]
        assert {frozenset(run) for run in brief} == {frozenset((FIELDS - LARGE) | BESIDE)}
        for run, all_of_it in zip(brief, whole, strict=True):
            assert {name: run[name] for name in run if name != "errorLine"} == {
                name: all_of_it[name] for name in run if name != "errorLine"
            }
        assert [run["errorLine"] for run in brief] == [None, None, "ValueError: no such table: tides"]
        (one,) = (await api.http.get(f"{RUNS}?view=brief&status=failed&jobId={job['id']}&label=team%3Dops")).json()[
            "items"
        ]
        assert one["id"] == failed
        first = (await api.http.get(f"{RUNS}?view=brief&limit=2")).json()
        rest = (await api.http.get(f"{RUNS}?view=brief&limit=2&cursor={first['nextCursor']}")).json()
        assert [*first["items"], *rest["items"]] == brief
        wrong = await api.http.get(f"{RUNS}?view=short")
        assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (400, "?view")


async def test_brief_runs_of_large_parameters_and_errors_fit_on_one_page(rig: MakeRig) -> None:
    async with rig() as api:
        worker = await api.worker()
        job = await api.create(invokeParams={"text": "x" * 60_000})
        for _ in range(30):
            await api.trigger(job["id"], overlapPolicy="buffer_all")
            await worker.fail(await worker.claim_one(), "é" * 60_000)
        await api.caught_up()
        whole = await api.http.get(RUNS)
        brief = await api.http.get(f"{RUNS}?view=brief")
    assert len(whole.json()["items"]) < 30
    assert [len(run["errorLine"]) for run in brief.json()["items"]] == [200] * 30
    assert brief.json()["items"][0]["errorLine"] == "ValueError: " + "é" * 187 + "…"
    assert len(brief.content) < 1_500 * 30
