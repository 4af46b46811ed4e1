"""Workers over HTTP: who is there, who left, who was lost."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import NOOP, SLEEP, Rig, Worker
from waterclock.log.commands.bodies import part
from waterclock.log.liveness import sessions
from waterclock.model.events import RunCancelled, RunDied, RunLost, WorkerLeft
from waterclock_api.routes.fleet import workers
from waterclock_api.validation import live_executors

WORKERS = "/v1/monitor/workers"


async def test_workers_tell_what_they_do(rig: MakeRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "LEASE_MS", 3_600_000)
    async with rig(partitions=2) as api:
        worker = await api.worker(name="w1")
        await api.worker(name="w2")
        for number in range(3):
            await api.trigger((await api.create(jobName=f"job {number}"))["id"])
        held = [len(await worker.claim(partition)) for partition in (0, 1)]
        found = {one["name"]: one for one in await _workers(api)}
        assert set(found["w1"]) == {
            *("id", "name", "queues", "slots", "running", "executors", "lastReadAt", "startedAt", "leftAt", "status"),
            "takesAny",
        }
        assert found["w1"]["id"].startswith("w1-")
        told = {name: found["w1"][name] for name in ("queues", "slots", "executors", "leftAt", "status", "running")}
        assert told == {
            "queues": ["default"],
            "slots": 10,
            "executors": ["demo.sleep", "demo.noop"],
            "leftAt": None,
            "status": "live",
            "running": sum(held),
        }
        assert sum(held) == 3
        assert found["w2"]["running"] == 0
        assert found["w1"]["lastReadAt"] >= found["w1"]["startedAt"]


async def test_a_worker_that_left_or_was_lost_says_so_and_stands_last(
    rig: MakeRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with rig() as api:
        lost, left, gone, _ = [await api.worker(name=name) for name in ("lost", "left", "gone", "live")]
        await api.trigger((await api.create())["id"])
        assert len(await lost.claim()) == 1
        await sessions.leave(api.log, left.session, body=part(WorkerLeft, session=left.session, reason="drained"))
        swept = await sessions.sweep(
            api.log,
            0,
            session=lost.session,
            number=0,
            body_left=part(WorkerLeft, session=lost.session, reason="lost"),
            body_lost=part(RunLost, reason="leaseExpired"),
            body_died=part(RunDied, reason="leaseExpired"),
            body_cancelled=part(RunCancelled),
        )
        assert swept.state == "emptied"
        await sessions.leave(api.log, gone.session, body=None)  # as where the log has forgotten a session

        monkeypatch.setattr(workers, "LEASE_MS", 3_600_000)
        listed = await _workers(api)
        assert {one["name"]: (one["status"], one["running"]) for one in listed} == {
            name: (name, 0) for name in ("live", "gone", "left", "lost")
        }
        assert {one["name"] for one in listed[:2]} == {"live", "gone"}
        monkeypatch.setattr(workers, "LEASE_MS", -1)
        assert {one["name"]: one["status"] for one in await _workers(api)}["live"] == "silent"
        names: list[str] = []
        cursor: str | None = None
        while not names or cursor is not None:
            page = await _page(api, limit=1, **({"cursor": cursor} if cursor else {}))
            names += [one["name"] for one in page["items"]]
            cursor = page["nextCursor"]
        assert names == [one["name"] for one in listed]


async def test_a_renewal_shows_as_the_last_word_of_a_worker(rig: MakeRig) -> None:
    async with rig() as api:
        worker: Worker = await api.worker()
        (before,) = await _workers(api)
        while True:
            await sessions.renew(api.log, 0, worker.session, 1)
            (after,) = await _workers(api)
            if after["lastReadAt"] > before["lastReadAt"]:
                break


async def test_only_workers_that_are_alive_in_the_log_have_an_executor(
    rig: MakeRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_executors, "FRESH_FOR", -1.0)
    async with rig(partitions=2) as api:
        await api.worker(SLEEP, name="sleeper", announces=True)
        await api.worker(SLEEP, NOOP, name="before")
        gone = await api.worker(NOOP, name="gone", announces=True)
        assert await _having(api) == {"demo.noop": ["before", "gone"], "demo.sleep": ["before", "sleeper"]}
        await sessions.leave(api.log, gone.session, body=None)  # of which the archive does not hear
        assert await _having(api) == {"demo.noop": ["before"], "demo.sleep": ["before", "sleeper"]}
        found = {one["name"]: (one["executors"], one["takesAny"]) for one in await _workers(api)}
        assert found == {
            "sleeper": (["demo.sleep"], False),
            "before": (["demo.sleep", "demo.noop"], True),
            "gone": (["demo.noop"], None),
        }

        monkeypatch.setattr(
            live_executors, "PATIENCE", -1.0
        )  # where the log does not answer, what the archive says counts
        assert await _having(api) == {"demo.noop": ["before", "gone"], "demo.sleep": ["before", "sleeper"]}


async def _having(api: Rig) -> dict[str, list[str]]:
    await api.caught_up()
    answer = await api.http.get("/v1/monitor/executors")
    return {one["key"]: one["workers"] for one in answer.json()["items"]}


async def _workers(api: Rig) -> list[dict[str, Any]]:
    await api.caught_up()
    return (await _page(api))["items"]


async def _page(api: Rig, **query: Any) -> dict[str, Any]:
    response = await api.http.get(WORKERS, params=query)
    assert response.status_code == 200, response.text
    return response.json()
