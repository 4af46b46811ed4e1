"""What is too much, and what a full log still does."""

from __future__ import annotations

from typing import Any

from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import JOB, JOBS, RUNS, assembled_rig
from tests.support.servers import OwnValkey
from waterclock_api.http.receive_body import BODY_LIMIT
from waterclock_api.http.request_body import DEPTH_LIMIT


async def test_at_the_memory_limit_nothing_new_is_taken_and_what_runs_ends(
    own_valkey: OwnValkey, store_url: str, key_prefix: str
) -> None:
    server = await own_valkey()
    async with assembled_rig(server.url, store_url, key_prefix) as api:
        worker = await api.worker()
        job = await api.create(concurrent="0")
        place = f"{JOBS}/{job['id']}"
        burden = await api.create(jobName="burden", cronExpression="* * * * *")
        running, queued, unwanted = [await api.trigger(job["id"]) for _ in range(3)]
        first = (await worker.claim(slots=1))[0]
        assert first.run_id == running
        await api.log.execute("", "CONFIG", "SET", "maxmemory", "1")

        key = {"Idempotency-Key": "again"}
        for refused in (
            await api.http.post(JOBS, json=JOB | {"jobName": "another"}),
            await api.http.put(place, json=JOB | {"remark": "changed"}),
            await api.http.post(f"{place}/trigger", json={}, headers=key),
            await api.http.post(RUNS, json={"invokeTarget": "demo.noop"}),
        ):
            assert (refused.status_code, refused.json()["type"]) == (503, "/problems#log-full"), refused.text
            assert int(refused.headers["retry-after"]) >= 1

        await worker.step(first, "Work", "a line, in spite of all")
        await worker.succeed(first, "done")
        second = (await worker.claim(slots=1))[0]
        assert second.run_id == queued
        await worker.succeed(second)
        assert (await api.http.post(f"{RUNS}/{unwanted}/cancel", json={})).status_code == 202
        pause = f"/v1/monitor/queues/{JOB.get('queue', 'default')}/pause"
        for _ in range(2):
            assert (await api.http.post(pause, json={}, headers=key)).status_code == 200
        assert (await api.http.post(pause.replace("pause", "resume"), json={})).status_code == 200
        every = await api.http.post(f"{RUNS}/cancel", json={"all": True}, headers={"Idempotency-Key": "all"})
        assert every.status_code == 202, every.text
        off = await api.http.put(f"{JOBS}/{burden['id']}/status", json={"status": "1"})
        assert (off.status_code, off.json()["status"]) == (200, "1"), off.text
        on = await api.http.put(f"{JOBS}/{burden['id']}/status", json={"status": "0"})
        assert (on.status_code, on.json()["type"]) == (503, "/problems#log-full")
        assert (await api.http.delete(f"{JOBS}/{burden['id']}")).status_code == 204
        await api.caught_up()
        runs = (await api.http.get(RUNS)).json()["items"]
        assert {run["id"]: run["status"] for run in runs} == {
            running: "succeeded",
            queued: "succeeded",
            unwanted: "cancelled",
        }
        lines = (await api.http.get(f"{RUNS}/{running}/logs")).json()["items"]
        assert [line["text"] for line in lines] == ["a line, in spite of all"]
        assert [one["id"] for one in (await api.http.get(JOBS)).json()["items"]] == [job["id"]]
        assert (await api.http.get(place)).json()["version"] == 1

        await api.log.execute("", "CONFIG", "SET", "maxmemory", "0")
        taken = await api.http.post(f"{place}/trigger", json={}, headers=key)
        assert (taken.status_code, "idempotency-replayed" in taken.headers) == (202, False)
        assert (await api.http.post(JOBS, json=JOB | {"jobName": "another"})).status_code == 201


async def test_a_body_may_be_so_deep_and_no_deeper(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()

        def nested(depth: int) -> Any:
            value: Any = {}
            for number in range(depth - 1):
                value = [value] if number % 2 else {"a/b": value}
            return value

        fits = await api.http.post(JOBS, json=JOB | {"invokeParams": {"x": nested(DEPTH_LIMIT - 2)}})
        assert fits.status_code == 201, fits.text
        refused = await api.http.post(JOBS, json=JOB | {"invokeParams": {"x": nested(DEPTH_LIMIT - 1)}})
        (flaw,) = refused.json()["errors"]
        assert (refused.status_code, flaw["message"]) == (422, f"is nested more than {DEPTH_LIMIT} deep")
        assert flaw["pointer"].startswith("/invokeParams/x/")
        assert flaw["pointer"].count("/") == DEPTH_LIMIT
        for depth in (900, 100_000):
            deep = b'{"jobName": ' + b"[" * depth + b"]" * depth + b"}"
            answer = await api.http.post(JOBS, content=deep, headers={"content-type": "application/json"})
            assert answer.status_code in {400, 422}, answer.text


async def test_what_is_too_long_is_named_and_what_is_too_large_is_not_read(rig: MakeRig) -> None:
    async with rig() as api:
        for path, query, name in (
            (RUNS, {"q": "x" * 257}, "?q"),
            (JOBS, {"jobName": "x" * 257}, "?jobName"),
            ("/v1/monitor/events", {"actor": "x" * 321}, "?actor"),
            ("/v1/monitor/events", {"cursor": "x" * 5_001}, "?cursor"),
            (RUNS, {"cursor": "x" * 257}, "?cursor"),
            (RUNS, {"limit": "1001"}, "?limit"),
        ):
            refused = await api.http.get(path, params=query)
            assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (400, name)
        large = await api.http.post(f"{RUNS}/cancel", content=b"[" + b" " * BODY_LIMIT + b"]")
        assert (large.status_code, large.json()["type"]) == (413, "/problems#too-large")
