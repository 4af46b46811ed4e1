"""The index over HTTP: all jobs in columns, kept and mended."""

from __future__ import annotations

import gzip
from typing import Any

import httpx
import msgspec
import pytest

from tests.integration.api.conftest import MakeRig
from tests.integration.api.deciding import MINUTE, Story
from tests.integration.api.rig import JOBS, RUNS, Rig
from waterclock.model.timestamps import millis
from waterclock_api.queries.overview import jobs_index

INDEX = "/v1/monitor/jobs-index"


@pytest.fixture(autouse=True)
def _always_anew(monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction] - by pytest
    monkeypatch.setattr(jobs_index, "FRESH_S", 0.0)
    monkeypatch.setattr(jobs_index, "AS_LONG", 0)


async def index(api: Rig) -> dict[str, dict[str, Any]]:
    """The jobs by their names, once all is projected."""
    await api.caught_up()
    response = await api.http.get(INDEX)
    assert response.status_code == 200, response.text
    told = response.json()
    columns: dict[str, list[Any]] = told["columns"]
    assert {len(column) for column in columns.values()} == {told["count"]}
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    assert [(row["group"], row["name"]) for row in rows] == sorted((row["group"], row["name"]) for row in rows)
    return {row["name"]: row for row in rows}


async def test_the_index_tells_what_the_list_of_jobs_tells(rig: MakeRig) -> None:
    async with rig() as api:
        worker = await api.worker()
        for name, more in (
            ("b", {"cronExpression": "0 2 * * *", "timezone": "Europe/Berlin", "labels": {"team": "x"}}),
            ("a", {"cronExpression": "@hourly", "status": "1", "jobGroup": "z"}),
            ("c", {"queue": "low"}),
        ):
            await api.create(jobName=name, **more)
        await api.caught_up()
        jobs = {job["jobName"]: job for job in (await api.http.get(JOBS)).json()["items"]}
        await api.trigger(jobs["c"]["id"])
        await worker.succeed(await worker.claim_one())
        found = await index(api)
        jobs = {job["jobName"]: job for job in (await api.http.get(JOBS)).json()["items"]}

        assert list(found) == ["b", "c", "a"]
        for name, row in found.items():
            job = jobs[name]
            assert row["id"] == job["id"]
            for member, told in (
                ("group", "jobGroup"),
                *((one, one) for one in ("status", "cronExpression", "timezone", "queue", "invokeTarget", "labels")),
                *((one, one) for one in ("version", "updatedAt", "nextFireAt", "isRunning")),
            ):
                assert row[member] == job[told], member
        assert (found["b"]["words"], found["a"]["words"], found["c"]["words"]) == (
            "at 02:00 every day",
            "every hour",
            None,
        )
        last, row = jobs["c"]["lastRun"], found["c"]
        assert (row["lastRunId"], row["lastStatus"], row["lastDurationMs"]) == (
            last["id"],
            "succeeded",
            last["durationMs"],
        )
        assert (row["lastStartedAt"], row["lastFinishedAt"]) == (last["startedAt"], last["finishedAt"])
        assert (row["streak"], row["streakSince"], row["medianMs"]) == (1, last["finishedAt"], last["durationMs"])
        assert (found["b"]["streak"], found["b"]["streakSince"], found["b"]["lastRunId"]) == (0, None, None)


async def test_a_streak_ends_with_a_run_that_ended_otherwise(rig: MakeRig) -> None:
    async with rig() as api:
        worker = await api.worker()
        job_id = (await api.create(jobName="a"))["id"]

        async def run(error: str | None = None) -> str:
            run_id = await api.trigger(job_id)
            grant = await worker.claim_one()
            await (worker.succeed(grant) if error is None else worker.fail(grant, error))
            return run_id

        for _ in range(3):
            await run()
        assert (await index(api))["a"]["streak"] == 3
        first = await run("no\nand more")
        row = (await index(api))["a"]
        assert (row["streak"], row["lastStatus"], row["lastError"]) == (-1, "failed", "ValueError: no")
        await run(f"{'x' * 300}")
        later = await api.trigger(job_id)
        assert (await api.http.post(f"{RUNS}/{later}/cancel", json={})).status_code == 202
        row = (await index(api))["a"]
        ended = (await api.http.get(f"{RUNS}/{first}")).json()["finishedAt"]
        assert (row["streak"], row["streakSince"], row["lastStatus"]) == (-2, ended, "cancelled")
        await run()
        row = (await index(api))["a"]
        assert (row["streak"], row["lastError"]) == (1, None)


async def test_what_is_due_and_not_decided_is_told(rig: MakeRig) -> None:
    async with rig() as api:
        story = Story(api)
        job_id = await story.job(job_name="a")
        await story.decide(job_id, ago=10 * MINUTE)
        await story.job("0 0 1 1 *", job_name="b")
        found = await index(api)
        assert (found["a"]["pendingSince"], found["b"]["pendingSince"]) == (story.at(9 * MINUTE), None)
        assert millis(found["a"]["nextFireAt"]) > story.now
        await story.decide(job_id)
        assert (await index(api))["a"]["pendingSince"] != story.at(9 * MINUTE)


async def test_it_is_mended_by_what_is_projected(rig: MakeRig, monkeypatch: pytest.MonkeyPatch) -> None:
    async with rig() as api:
        await api.worker()
        for name in ("a", "b", "c"):
            await api.create(jobName=name)
        before = await index(api)
        asked: list[Any] = []
        rows = jobs_index._rows  # pyright: ignore[reportPrivateUsage]

        async def spied(connection: Any, arguments: Any) -> Any:
            asked.append(arguments["job_ids"])
            return await rows(connection, arguments)

        monkeypatch.setattr(jobs_index, "_rows", spied)
        body = {"status": "1", "reason": "a fair"}
        assert (await api.http.put(f"{JOBS}/{before['b']['id']}/status", json=body)).status_code == 200
        assert (await api.http.delete(f"{JOBS}/{before['c']['id']}")).status_code == 204
        after = await index(api)
        assert (list(after), after["b"]["status"], after["b"]["version"]) == (["a", "b"], "1", 2)
        assert [sorted(ids) for ids in asked] == [sorted([before["b"]["id"], before["c"]["id"]])]

        assert await index(api) == after
        assert len(asked) == 1

        monkeypatch.setattr(jobs_index, "EVENTS_MOST", 1)
        await api.trigger(before["a"]["id"])
        running = await index(api)
        assert (asked[-1], running["a"]["lastStatus"]) == (None, "queued")


async def test_it_is_compressed_and_known_by_its_tag(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()
        await api.create(jobName="a")
        await api.caught_up()
        plain = await api.http.get(INDEX, headers={"Accept-Encoding": "identity"})
        assert "content-encoding" not in plain.headers
        async with api.http.stream("GET", INDEX, headers={"Accept-Encoding": "br, gzip"}) as packed:
            body = b"".join([part async for part in packed.aiter_raw()])
        assert (packed.headers["content-encoding"], packed.headers["vary"]) == ("gzip", "Accept-Encoding")
        assert msgspec.json.decode(gzip.decompress(body))["columns"] == plain.json()["columns"]
        tag = plain.headers["etag"]
        again = await api.http.get(INDEX, headers={"If-None-Match": tag})
        assert (again.status_code, again.content, packed.headers["etag"]) == (304, b"", tag)
        await api.create(jobName="b")
        await api.caught_up()
        changed = await api.http.get(INDEX, headers={"If-None-Match": tag})
        assert (changed.status_code, changed.json()["count"]) == (200, 2)


async def test_no_more_are_told_than_may_be(rig: MakeRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs_index, "JOBS_MOST", 2)
    async with rig() as api:
        await api.worker()
        empty: httpx.Response = await api.http.get(INDEX)
        assert (empty.json()["count"], empty.json()["columns"]["id"]) == (0, [])
        for name in ("a", "b", "c"):
            await api.create(jobName=name)
        await api.caught_up()
        monkeypatch.setattr(jobs_index, "OLDEST_S", 0.0)
        told = (await api.http.get(INDEX)).json()
        assert (told["count"], told["more"], told["columns"]["name"]) == (2, True, ["a", "b"])
        assert (await api.http.get(INDEX, params={"q": "a"})).status_code == 400
