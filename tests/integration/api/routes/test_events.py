"""What has happened: the history of a job, its state at a time, the audit of all."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from statistics import mode
from typing import Any

import psycopg
import pytest

from tests.integration.api.access.test_access import bearer
from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import JOB, JOBS, RUNS, Rig
from tests.unit.api.access.test_jwt import AUDIENCE, ISSUER, KEYS, token
from waterclock_api.access.token_settings import TokenSettings
from waterclock_api.queries import events

EVENTS = "/v1/monitor/events"


async def test_a_history_tells_a_jobs_events_newest_first_also_once_it_is_deleted(rig: MakeRig) -> None:
    async with rig(partitions=2) as api:
        worker = await api.worker()
        job_id, other = (await api.create())["id"], (await api.create(jobName="other"))["id"]
        run_id = await api.trigger(job_id)
        grant = await worker.claim_one(api.log.partition_of(job_id))
        await worker.step(grant, "Work", "a line")
        await worker.succeed(grant)
        await api.http.put(f"{JOBS}/{job_id}/status", json={"status": "1", "reason": "holidays"})
        assert (await api.http.delete(f"{JOBS}/{job_id}")).status_code == 204

        found = await _all(api, f"{JOBS}/{job_id}/history")
        assert [one["type"] for one in reversed(found)] == [
            *("job.created", "run.requested", "run.started", "step.started", "step.log", "step.finished"),
            *("run.succeeded", "job.disabled", "job.deleted"),
        ]
        assert {one["jobId"] for one in found} == {job_id}
        assert found[4]["lines"][0]["text"] == "a line"
        assert found[1]["reason"] == "holidays"

        only = await _all(api, f"{JOBS}/{job_id}/history", type=["job", "run.started"])
        assert [one["type"] for one in only] == ["job.deleted", "job.disabled", "run.started", "job.created"]
        assert await _all(api, f"{JOBS}/{job_id}/history", to=found[-1]["at"], type="job") == [found[-1]]
        assert found[-1] not in await _all(api, f"{JOBS}/{job_id}/history", **{"from": found[0]["at"]})
        of_run = await _all(api, EVENTS, runId=run_id)
        assert of_run == [one for one in found if one.get("runId") == run_id]
        history = f"{RUNS}/{run_id}/history"
        assert await _all(api, history) == of_run
        assert [one["type"] for one in await _all(api, history, type="step.log")] == ["step.log"]
        assert await _all(api, history, actor="nobody") == []
        first = (await api.http.get(history, params={"limit": 2})).json()
        rest = (await api.http.get(history, params={"cursor": first["nextCursor"]})).json()
        assert first["items"] + rest["items"] == of_run
        assert await _all(api, EVENTS, jobId=other) == await _all(api, f"{JOBS}/{other}/history")

        for path in (f"{JOBS}/none/history", f"{RUNS}/{job_id}-none/history", f"{RUNS}/none/history"):
            assert (await api.http.get(path)).status_code == 404


async def test_why_a_job_was_changed_and_deleted_is_told(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()
        job = await api.create()
        path, why = f"{JOBS}/{job['id']}", {"reason": "Ünïcödé & more: INC-4711?"}
        changed = await api.http.put(path, json=job | {"remark": "slow"}, params=why)
        assert (changed.status_code, changed.json()["version"]) == (200, 2)
        same = await api.http.put(path, json=job | {"remark": "slow"}, params={"reason": "nothing changes"})
        assert (same.status_code, same.json()["version"]) == (200, 2)
        for params, pointer in (
            ({"reason": "x" * 1001}, "?reason"),
            ({"reason": ""}, "?reason"),
            ({"why": "x"}, "?why"),
        ):
            for asked in (api.http.put(path, json=job, params=params), api.http.delete(path, params=params)):
                refused = await asked
                assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (400, pointer), params
        posted = await api.http.post(JOBS, json={"jobName": "n", "invokeTarget": "demo.noop"}, params=why)
        assert (posted.status_code, posted.json()["errors"][0]["pointer"]) == (400, "?reason")
        assert (await api.http.delete(path, params={"reason": "x" * 1000})).status_code == 204

        told = {one["type"]: one.get("reason") for one in await _all(api, f"{path}/history")}
        assert told == {"job.created": None, "job.changed": why["reason"], "job.deleted": "x" * 1000}


async def test_cleared_lines_are_counted_in_the_history_and_not_told(rig: MakeRig) -> None:
    async with rig() as api:
        worker = await api.worker()
        job_id = (await api.create())["id"]
        await api.trigger(job_id)
        grant = await worker.claim_one()
        await worker.step(grant, "Work", "secret one", "secret two")
        await worker.succeed(grant)
        assert (await api.http.delete(f"{JOBS}/{job_id}/logs")).status_code == 204
        response = await api.http.get(f"{JOBS}/{job_id}/history", params={"type": "step.log"})
        (logged,) = response.json()["items"]
        assert (logged["lines"], logged["linesCount"]) == ([], 2)
        assert "secret" not in response.text


async def test_the_audit_is_one_line_of_time_over_all_partitions_and_filters_by_actor(rig: MakeRig) -> None:
    async with rig(partitions=3) as api:
        await api.worker()
        jobs = [(await api.create(jobName=f"job {n}"))["id"] for n in range(6)]
        await api.http.post("/v1/monitor/queues/low/pause", json={"reason": "audit me"})
        for partition in range(3):
            await api.caught_up(partition)

        found = await _all(api, EVENTS)
        assert [one["at"] for one in found] == sorted((one["at"] for one in found), reverse=True)
        assert len({one["id"] for one in found}) == len(found)
        assert {one["jobId"] for one in found if one["type"] == "job.created"} == set(jobs)
        assert {one["type"] for one in found} >= {"worker.joined", "epoch.began", "queue.paused"}
        for actor in ("anonymous", "anonymous@127.0.0.1"):
            mine = await _all(api, EVENTS, actor=actor)
            assert mine == [one for one in found if str(one.get("actor")).startswith("anonymous@")]
            assert {one["type"] for one in mine} >= {"job.created", "queue.paused"}
        assert await _all(api, EVENTS, actor="anon") == []
        paused = await _all(api, EVENTS, type="queue.paused")
        assert {one["reason"] for one in paused} == {"audit me"}


async def test_whose_events_are_asked_for_is_told_from_where_they_came(rig: MakeRig, tmp_path: Path) -> None:
    jwks = tmp_path / "jwks"
    jwks.write_text(json.dumps(KEYS))
    tokens = TokenSettings(jwt_issuer=ISSUER, jwt_audience=AUDIENCE, jwt_jwks=str(jwks))
    async with rig(tokens=tokens, proxies=("127.0.0.1",)) as api:
        await api.worker()
        at = {
            "alice": ("10.0.0.1", "10.0.0.2"),
            "alice@10.0.0.1": ("10.0.0.9",),
            "alice@example.com": ("10.0.0.1",),
            "alice@": ("::1",),
            "alice@10.0.0.1@10.0.0.2": ("2001:db8::1",),
        }
        for subject, addresses in at.items():
            for address in addresses:
                asked = bearer(token(sub=subject, scope="run")) | {"X-Forwarded-For": address}
                answer = await api.http.post(RUNS, json={"invokeTarget": "demo.noop"}, headers=asked)
                assert answer.status_code == 202
        await api.caught_up()
        reader = bearer(token(scope="export query"))
        everything = [f"jwt:{subject}@{address}" for subject, addresses in at.items() for address in addresses]
        for question, wanted in {
            "jwt:alice": ["jwt:alice@10.0.0.1", "jwt:alice@10.0.0.2"],
            "jwt:alice@10.0.0.1": ["jwt:alice@10.0.0.1"],
            "jwt:alice@10.0.0.1@": ["jwt:alice@10.0.0.1@10.0.0.9"],
            "jwt:alice@10.0.0.1@10.0.0.9": ["jwt:alice@10.0.0.1@10.0.0.9"],
            "jwt:alice@example.com": ["jwt:alice@example.com@10.0.0.1"],
            "jwt:alice@example.com@10.0.0.1": ["jwt:alice@example.com@10.0.0.1"],
            "jwt:alice@example": [],
            "jwt:alice@@": ["jwt:alice@@::1"],
            "jwt:alice@@::1": ["jwt:alice@@::1"],
            "jwt:alice@10.0.0.1@10.0.0.2@": ["jwt:alice@10.0.0.1@10.0.0.2@2001:db8::1"],
            "jwt:alice@10.0.0.1@10.0.0.2": [],
            "jwt:": [],
            "jwt": [],
            "@": [],
        }.items():
            for path in (EVENTS, f"{EVENTS}?type=run"):
                found = (await api.http.get(path, params={"actor": question}, headers=reader)).json()["items"]
                assert [one["actor"] for one in reversed(found)] == wanted, question
        assert (await api.http.get(EVENTS, params={"actor": ""}, headers=reader)).status_code == 400
        found = (await api.http.get(f"{EVENTS}?type=run", headers=reader)).json()["items"]
        assert [one["actor"] for one in reversed(found)] == everything


async def test_a_cursor_goes_on_where_it_stood_whatever_comes_meanwhile(rig: MakeRig) -> None:
    async with rig(partitions=2) as api:
        await api.worker()
        for n in range(5):
            await api.create(jobName=f"job {n}")
        for partition in range(api.log.partitions):
            await api.caught_up(partition)
        before = await _all(api, EVENTS)
        first = (await api.http.get(EVENTS, params={"limit": 3})).json()
        for n in range(5, 8):
            await api.create(jobName=f"job {n}")
        rest = await _all(api, EVENTS, cursor=first["nextCursor"])
        assert first["items"] + rest == before


@pytest.mark.parametrize("looked_at", [3, 2_000])
async def test_no_event_is_missed_where_a_clock_was_set_back(
    rig: MakeRig, monkeypatch: pytest.MonkeyPatch, looked_at: int
) -> None:
    monkeypatch.setattr(events, "LOOKED_AT", looked_at)
    async with rig(partitions=2) as api:
        await api.worker()
        jobs = [(await api.create(jobName=f"job {n}"))["id"] for n in range(6)]
        for n in range(3):
            for job_id in jobs:
                await api.http.put(f"{JOBS}/{job_id}", json=JOB | {"jobName": job_id, "remark": str(n)})
        for partition in range(2):
            await api.caught_up(partition)
        before = await _all(api, EVENTS)
        ahead = mode(map(api.log.partition_of, jobs))
        job_id = next(one for one in jobs if api.log.partition_of(one) == ahead)
        async with api.parts.reading() as connection:
            place = "(SELECT percentile_disc(0.3) WITHIN GROUP (ORDER BY seq) FROM events WHERE partition = %s)"
            changed = f"UPDATE events SET at = at + interval '1 hour' WHERE partition = %s AND seq < {place}"
            assert (await connection.execute(changed, [ahead, ahead])).rowcount > 2

        after = await _all(api, EVENTS)

        assert sorted(one["id"] for one in after) == sorted(one["id"] for one in before)
        for partition in range(2):
            own = [[one["id"] for one in found if _partition(one) == partition] for found in (before, after)]
            assert own[0] == own[1]
        assert [one["id"] for one in await _all(api, EVENTS, jobId=job_id)] == [
            one["id"] for one in before if one.get("jobId") == job_id
        ]
        whole = {"from": before[-1]["at"], "to": before[0]["at"]}  # by clocks that were right
        assert {one["id"] for one in await _all(api, EVENTS, **whole)} == {one["id"] for one in before}
        of_job = [one["id"] for one in before if one.get("jobId") == job_id]
        assert [one["id"] for one in await _all(api, EVENTS, jobId=job_id, to=before[0]["at"])] == of_job


async def test_a_page_looks_at_so_many_events_and_no_more(rig: MakeRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "LOOKED_AT", 2)
    monkeypatch.setattr(events, "ROUNDS", 2)
    async with rig(partitions=2) as api:
        await api.worker()
        job_id = (await api.create())["id"]
        for n in range(12):
            await api.http.put(f"{JOBS}/{job_id}", json=JOB | {"remark": str(n)})
        page = (await api.http.get(EVENTS, params={"type": "worker.joined"})).json()
        assert page["items"] == []
        assert page["nextCursor"] is not None
        assert [one["type"] for one in await _all(api, EVENTS, type="job.created")] == ["job.created"]
        everything = await _all(api, EVENTS)
        assert len({one["id"] for one in everything}) == len(everything) >= 14


async def test_a_job_is_read_as_it_was(rig: MakeRig) -> None:
    async with rig() as api:
        worker = await api.worker()
        created = await api.create(cronExpression="@daily")
        job_id, seen = created["id"], [created["createdAt"]]

        async def now() -> str:
            await asyncio.sleep(0.003)  # so that no two changes share a millisecond
            await api.caught_up()
            async with api.parts.reading() as connection:
                cursor = await connection.execute("SELECT max(at) FROM events")
                row = await cursor.fetchone()
            await asyncio.sleep(0.003)
            assert row is not None
            return f"{row[0]:%Y-%m-%dT%H:%M:%S}.{row[0].microsecond // 1000:03d}Z"

        run_id = await api.trigger(job_id)
        seen.append(await now())
        grant = await worker.claim_one()
        seen.append(await now())
        await worker.succeed(grant)
        changed = (await api.http.put(f"{JOBS}/{job_id}", json=JOB | {"remark": "second", "labels": {"a": "b"}})).json()
        seen.append(await now())
        await api.http.put(f"{JOBS}/{job_id}/status", json={"status": "1"})
        seen.append(await now())
        await api.http.delete(f"{JOBS}/{job_id}")
        seen.append(await now())

        then = [await api.http.get(f"{JOBS}/{job_id}", params={"asOf": at}) for at in seen]
        assert [one.status_code for one in then] == [200, 200, 200, 200, 200, 404]
        told = [one.json() for one in then]
        for name in set(created) - {"nextFireAt"}:
            assert told[0][name] == created[name], name
        assert [one["version"] for one in told[:5]] == [1, 1, 1, 2, 3]
        assert [one["isRunning"] for one in told[:5]] == [False, False, True, False, False]
        assert [one["lastRun"] and one["lastRun"]["status"] for one in told[:5]] == [
            *(None, "queued", "running", "succeeded", "succeeded"),
        ]
        assert {one["lastRun"]["id"] for one in told[1:5]} == {run_id}
        assert {name: told[3][name] for name in ("remark", "labels", "status", "updatedAt")} == {
            name: changed[name] for name in ("remark", "labels", "status", "updatedAt")
        }
        assert (told[0]["nextFireAt"], told[3]["nextFireAt"]) != (None, None)
        assert told[4]["status"] == "1"
        assert "deleted at" in told[5]["detail"]
        early = await api.http.get(f"{JOBS}/{job_id}", params={"asOf": "2020-01-01T00:00:00Z"})
        assert (early.status_code, "created only at" in early.json()["detail"]) == (404, True)


async def test_a_job_is_read_as_it_was_where_a_clock_was_set_back(rig: MakeRig, store_url: str) -> None:
    """It was changed while the clock was an hour ahead, and disabled once that was right again."""
    async with rig() as api:
        await api.worker()
        job_id = (await api.create())["id"]
        await api.http.put(f"{JOBS}/{job_id}", json=JOB | {"remark": "second"})
        disabled = (await api.http.put(f"{JOBS}/{job_id}/status", json={"status": "1"})).json()
        await api.caught_up()
        with psycopg.connect(store_url, autocommit=True) as connection:
            ahead = "UPDATE events SET at = at + interval '1 hour' WHERE type = 'job.changed'"
            assert connection.execute(ahead).rowcount == 1

        then = (await api.http.get(f"{JOBS}/{job_id}", params={"asOf": disabled["updatedAt"]})).json()

        assert (then["version"], then["status"], then["remark"]) == (3, "1", "second")


async def test_what_is_no_longer_kept_is_said_to_be_gone(rig: MakeRig, store_url: str) -> None:
    async with rig() as api:
        await api.worker()
        job = await api.create()
        with psycopg.connect(store_url, autocommit=True) as connection:
            connection.execute("DELETE FROM events WHERE type = 'job.created'")
        gone = await api.http.get(f"{JOBS}/{job['id']}", params={"asOf": job["createdAt"]})
        assert (gone.status_code, gone.json()["type"].rpartition("#")[2]) == (410, "history-gone")


async def test_runs_that_are_no_longer_kept_are_not_said_never_to_have_been(rig: MakeRig, store_url: str) -> None:
    async with rig() as api:
        await api.worker()
        job = await api.create()
        assert (await api.http.get(EVENTS)).json()["keptFrom"] is None
        with psycopg.connect(store_url, autocommit=True) as connection:
            connection.execute("INSERT INTO forgotten VALUES ('events', '2100-01-01T00:00:00Z')")
        assert (await api.http.get(f"{JOBS}/{job['id']}/history")).json()["keptFrom"] == "2100-01-01T00:00:00.000Z"
        then = (await api.http.get(f"{JOBS}/{job['id']}", params={"asOf": job["createdAt"]})).json()
        assert (then["isRunning"], then["lastRun"], then["version"]) == (None, None, 1)


async def test_what_cannot_be_asked_is_named(rig: MakeRig) -> None:
    async with rig() as api:
        job_id = (await _with_worker(api))["id"]
        foreign = (await api.http.get(f"{JOBS}/{job_id}/history", params={"limit": 1})).json()["nextCursor"]
        for path, query, name in (
            (EVENTS, {"type": "job.craeted"}, "?type"),
            (EVENTS, {"cursor": "gaFh"}, "?cursor"),
            (EVENTS, {"cursor": "kA"}, "?cursor"),
            (EVENTS, {"from": "yesterday"}, "?from"),
            (EVENTS, {"jobId": "a", "runId": "b"}, "?runId"),
            (f"{JOBS}/{job_id}", {"asOf": "then"}, "?asOf"),
            (RUNS, {"cursor": foreign}, "?cursor"),
        ):
            refused = await api.http.get(path, params=query)
            assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (400, name), refused.text


async def _with_worker(api: Rig) -> dict[str, Any]:
    await api.worker()
    job = await api.create()
    await api.trigger(job["id"])
    await api.caught_up()
    return job


async def _all(api: Rig, path: str, **query: Any) -> list[dict[str, Any]]:
    """Every item, by pages of two."""
    found: list[dict[str, Any]] = []
    while True:
        response = await api.http.get(path, params={"limit": 2} | query)
        assert response.status_code == 200, response.text
        found += response.json()["items"]
        if response.json()["nextCursor"] is None:
            return found
        query["cursor"] = response.json()["nextCursor"]


def _partition(event: dict[str, Any]) -> int:
    return int(event["id"].split("-")[0])
