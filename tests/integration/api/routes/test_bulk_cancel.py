"""Unfinished runs, cancelled by filter: what fits, and no more than was there when the key first came."""

from __future__ import annotations

from typing import Any

from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import RUNS, Rig

CANCEL = f"{RUNS}/cancel"


async def test_what_is_unfinished_and_fits_is_cancelled_and_a_dry_run_only_tells_it(rig: MakeRig) -> None:
    async with rig(partitions=2) as api:
        worker = await api.worker()
        done = await api.ask()
        await worker.succeed(await worker.claim_one(api.log.partition_of(done)))
        running = await api.ask(labels={"batch": "7"})
        await worker.claim_one(api.log.partition_of(running))
        queued = [await api.ask(queue="low", labels={"batch": "8"}) for _ in range(2)]
        later = await api.ask(delay=3600)

        async def fits(**wanted: Any) -> set[str]:
            response = await api.http.post(CANCEL, json={"dryRun": True} | wanted)
            assert response.status_code == 200, response.text
            return {item["runId"] for item in response.json()["items"]}

        assert await fits(all=True) == {running, *queued, later}
        assert await fits(status="running") == await fits(label="batch=7") == {running}
        assert await fits(status=["queued"]) == await fits(queue="low") == set(queued)
        assert await fits(label="batch") == {running, *queued}
        assert await fits(status="delayed", q=later) == {later}

        first = await api.http.post(CANCEL, json={"queue": "low", "limit": 1})
        assert (first.status_code, first.json()["matched"], first.json()["cancelled"]) == (202, 1, 1)
        rest = await api.http.post(CANCEL, json={"queue": "low", "cursor": first.json()["nextCursor"]})
        assert {one.json()["items"][0]["runId"] for one in (first, rest)} == set(queued)
        everything = (await api.http.post(CANCEL, json={"all": True})).json()
        assert {name: everything[name] for name in ("dryRun", "cancelled", "refused", "nextCursor")} == {
            "dryRun": False,
            "cancelled": 2,
            "refused": 0,
            "nextCursor": None,
        }
        statuses = {one: await _status(api, one) for one in (done, running, *queued, later)}
        assert statuses == {
            **dict.fromkeys((*queued, later), "cancelled"),
            done: "succeeded",
            running: "running",
        }
        assert (await api.http.get(f"{RUNS}/{running}")).json()["cancelRequestedAt"] is not None


async def test_a_repetition_cancels_nothing_that_came_later(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()
        run_id, key = await api.ask(), {"Idempotency-Key": "once"}
        body = {"status": "queued"}
        first = await api.http.post(CANCEL, json=body, headers=key)
        later = await api.ask()
        again = await api.http.post(CANCEL, json=body, headers=key)
        assert (again.status_code, again.headers["idempotency-replayed"]) == (202, "true")
        assert again.json() == first.json()
        assert [one["runId"] for one in first.json()["items"]] == [run_id]
        assert await _status(api, later) == "queued"
        other = await api.http.post(CANCEL, json={"status": "running"}, headers=key)
        assert (other.status_code, other.json()["type"]) == (422, "/problems#key-reused")


async def test_what_is_wrong_in_the_filter_is_named(rig: MakeRig) -> None:
    async with rig() as api:
        for body, pointer in (
            ({"status": "failed"}, "/status"),
            ({"limit": 0}, "/limit"),
            ({"from": "then"}, "/from"),
            ({"cursor": "?"}, "/cursor"),
            ({"reason": "why"}, "/reason"),
        ):
            refused = await api.http.post(CANCEL, json=body)
            assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer), body


EMPTY: list[tuple[dict[str, Any], str]] = [
    *(({name: []}, f"/{name}") for name in ("jobId", "status", "queue", "label", "trigger")),
    *(({name: ""}, f"/{name}") for name in ("jobId", "status", "queue", "label", "trigger", "q", "from", "to")),
    *(({name: ["a", " "]}, f"/{name}/1") for name in ("jobId", "queue", "label")),
    *(({name: None}, "/all") for name in ("q", "from", "to")),
    ({"queue": "default", "jobId": []}, "/jobId"),
    ({"q": " \t"}, "/q"),
    ({}, "/all"),
    ({"all": False}, "/all"),
    ({"limit": 10, "dryRun": True}, "/all"),
    ({"all": True, "jobId": []}, "/jobId"),
    ({"all": True, "queue": "default"}, "/all"),
]


async def test_an_empty_selection_is_never_everything(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()
        run_id = await api.ask()
        for body, pointer in EMPTY:
            for path in (CANCEL, f"{RUNS}/retry"):
                for dry in ({}, {"dryRun": True}):
                    refused = await api.http.post(path, json=body | dry)
                    assert refused.status_code == 422, (path, body, refused.text)
                    flaws = {flaw["pointer"]: flaw["message"] for flaw in refused.json()["errors"]}
                    assert pointer in flaws, (path, body, flaws)
                    assert pointer != "/all" or "all" in flaws[pointer]
        assert await _status(api, run_id) == "queued"
        for name in ("jobId", "status", "queue", "label", "trigger", "q", "from", "to"):
            refused = await api.http.get(RUNS, params={name: ""})
            assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (400, f"?{name}"), name
        every = await api.http.post(CANCEL, json={"all": True})
        assert [item["runId"] for item in every.json()["items"]] == [run_id]
        every = await api.http.post(f"{RUNS}/retry", json={"all": True})
        assert (every.status_code, every.json()["matched"]) == (202, 0), "what was cancelled did not end badly"


async def _status(api: Rig, run_id: str) -> str:
    await api.caught_up(api.log.partition_of(run_id))
    return (await api.http.get(f"{RUNS}/{run_id}")).json()["status"]
