"""Strips over HTTP: what became of the instants of many jobs, as the read models and the ledger have it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import httpx
import pytest

from tests.integration.api.conftest import MakeRig
from tests.integration.api.deciding import HOUR, MINUTE, Story, answered
from tests.integration.api.rig import JOBS
from waterclock.model.timestamps import millis, stamp
from waterclock_api.queries.overview import strips as strips_module

STRIPS = "/v1/monitor/ledger/strips"


def bins_of(item: dict[str, Any]) -> list[dict[str, int]]:
    """The cells one by one."""
    return [dict(counts or {}) for number, counts in item["cells"] for _ in range(number)]


def total(item: dict[str, Any]) -> Counter[str]:
    found: Counter[str] = Counter()
    for counts in bins_of(item):
        found.update(counts)
    return found


async def strips(story: Story, jobs: Sequence[str], *, ago: int = HOUR, until: int = 0, **query: Any) -> dict[str, Any]:
    """From `ago` ms before now, inclusive, to the instant `until` ms before now, inclusive."""
    await story.api.caught_up()
    wanted = {"jobId": list(jobs), "from": story.at(ago), "to": stamp(story.now - until + 1), **query}
    return answered(await story.api.http.get(STRIPS, params=wanted))


async def test_what_became_of_each_instant_is_counted_as_the_ledger_has_it(rig: MakeRig) -> None:
    async with rig() as api:
        story = Story(api)
        jobs = [await story.job(misfire_policy=policy) for policy in ("1", "2", "3")]
        for job_id in jobs:
            await story.decide(job_id)
        blocked = await story.job(concurrent="1", overlap_policy="skip")
        await story.decide(blocked, every=MINUTE)
        on_demand = await story.job(None)
        every = [*jobs, blocked, on_demand]

        proof = await story.proof(ago=HOUR - 1)
        told = await strips(story, every, ago=HOUR - 1, bins=60)

        assert [item["jobId"] for item in told["items"]] == every
        assert (told["from"], told["to"], told["edges"], told["oldestPending"]) == (
            story.at(HOUR - 1),
            stamp(story.now + 1),
            None,
            None,
        )
        counts = sum(map(total, told["items"]), Counter[str]())
        assert counts["skipped"] == proof["skipped"]
        assert counts["coalesced"] == proof["coalesced"]
        assert counts["waiting"] == proof["fired"]
        assert counts.total() == proof["instants"]
        assert told["items"][-1] == {"jobId": on_demand, "coarser": False, "cells": [[60, None]]}
        assert bins_of(told["items"][1]) == [{"coalesced": 1}] * 58 + [{"waiting": 1}] * 2
        assert not any(item["coarser"] for item in told["items"])


async def test_runs_are_told_by_how_they_ended(rig: MakeRig) -> None:
    async with rig() as api:
        story, worker = Story(api), await api.worker()
        job_id = await story.job("*/10 * * * *", misfire_policy="1", concurrent="1")
        await story.decide(job_id)
        await worker.succeed(await worker.claim_one())
        await worker.fail(await worker.claim_one(), "no")
        await worker.claim_one()
        await api.caught_up()

        (item,) = (await strips(story, [job_id], ago=HOUR - 1, bins=6))["items"]
        assert item["cells"] == [[1, {"succeeded": 1}], [1, {"failed": 1}], [1, {"running": 1}], [3, {"waiting": 1}]]


async def test_pending_future_and_before_it_was_created(rig: MakeRig) -> None:
    async with rig() as api:
        story = Story(api)
        job_id = await story.job()
        await story.decide(job_id, ago=10 * MINUTE)
        far = stamp(story.now + 10 * HOUR)
        await api.caught_up()
        query = {"jobId": job_id, "from": story.at(2 * HOUR), "to": far, "bins": 12}
        told = answered(await api.http.get(STRIPS, params=query))
        before, past, *_, last = bins_of(told["items"][0])
        assert before == {"notYetCreated": 60}
        assert past["pending"] == 9
        assert told["oldestPending"] == story.at(9 * MINUTE)
        assert last == {"future": 60}


async def test_a_deleted_job_is_told_of_and_an_unknown_one_is_not_found(rig: MakeRig) -> None:
    async with rig() as api:
        story = Story(api)
        job_id = await story.job()
        await story.decide(job_id)
        assert (await api.http.delete(f"{JOBS}/{job_id}")).status_code == 204
        await api.caught_up()
        far = {"from": story.at(HOUR), "to": stamp(story.now + 5 * HOUR), "bins": 2}
        (item,) = answered(await api.http.get(STRIPS, params={"jobId": job_id, **far}))["items"]
        assert total(item)["waiting"] >= 1
        assert bins_of(item)[1].keys() == {"deleted"}
        for unknown in ("0123456789abcdef", "Ä"):
            response = await api.http.get(STRIPS, params={"jobId": [job_id, unknown]})
            assert (response.status_code, response.json()["type"]) == (404, "/problems#not-found")


async def test_a_run_that_is_missing_is_a_hole_if_the_ledger_has_it_too(rig: MakeRig) -> None:
    async with rig() as api:
        story = Story(api)
        job_id = await story.job(misfire_policy="1")
        await story.decide(job_id, every=MINUTE)
        gone = stamp(story.now - 30 * MINUTE)
        async with api.parts.reading() as connection:
            await connection.execute("DELETE FROM runs WHERE nominal_at = %s::timestamptz", [gone])
        (item,) = (await strips(story, [job_id], ago=HOUR - 1, bins=60))["items"]
        assert total(item) == {"waiting": 59}  # the archive knows better

        (told,) = (await story.told(job_id, at=gone))["items"]
        _, epoch, seq = told["position"].split("-")
        async with api.parts.reading() as connection:
            await connection.execute("DELETE FROM events WHERE (epoch, seq) = (%s, %s)", [int(epoch), int(seq)])
        (item,) = (await strips(story, [job_id], ago=HOUR - 1, until=MINUTE, bins=59))["items"]
        assert bins_of(item)[29] == {"missing": 1}
        assert total(item) == {"waiting": 58, "missing": 1}


async def test_what_retention_deleted_is_forgotten(rig: MakeRig) -> None:
    async with rig() as api:
        story = Story(api)
        job_id = await story.job(misfire_policy="1")
        await story.decide(job_id, every=MINUTE)
        horizon = stamp(story.now - 30 * MINUTE)
        async with api.parts.reading() as connection:
            await connection.execute("DELETE FROM runs WHERE nominal_at < %s::timestamptz", [horizon])
            await connection.execute("INSERT INTO forgotten VALUES ('succeeded', %s::timestamptz)", [horizon])
        (item,) = (await strips(story, [job_id], ago=HOUR - 1, bins=1))["items"]
        assert total(item) == {"forgotten": 29, "waiting": 31}


async def test_more_than_is_looked_at_one_by_one_is_counted(rig: MakeRig, monkeypatch: pytest.MonkeyPatch) -> None:
    async with rig() as api:
        story = Story(api)
        jobs = [await story.job(misfire_policy=policy) for policy in ("1", "2")]
        for job_id in jobs:
            await story.decide(job_id)
        blocked = await story.job(concurrent="1", overlap_policy="skip")
        await story.decide(blocked, every=MINUTE, ago=5 * MINUTE)
        every = [*jobs, blocked]
        fine = await strips(story, every, ago=HOUR - 1, bins=7)
        monkeypatch.setattr(strips_module, "LOOKED_AT", 3 * 59)
        coarse = await strips(story, every[::-1], ago=HOUR - 1, bins=7)
        assert [item["coarser"] for item in (*fine["items"], *coarse["items"])] == [False] * 3 + [True] * 3
        assert [item["cells"] for item in coarse["items"][::-1]] == [item["cells"] for item in fine["items"]]
        assert coarse["oldestPending"] == fine["oldestPending"] == story.at(4 * MINUTE)


async def test_bins_of_a_calendar_are_whole_days_of_the_zone(rig: MakeRig) -> None:
    async with rig() as api:
        job_id = await Story(api).job("@hourly")
        await api.caught_up()
        query = {"jobId": job_id, "by": "day", "timezone": "Europe/Berlin"}
        query |= {"from": "2030-10-26T12:00:00Z", "to": "2030-10-28T12:00:00+01:00"}
        told = answered(await api.http.get(STRIPS, params=query))
        edges = [millis(edge) for edge in told["edges"]]
        assert [(b - a) // HOUR for a, b in pairwise(edges)] == [24, 25, 24]
        assert told["from"] == told["edges"][0] == "2030-10-25T22:00:00.000Z"
        assert told["to"] == told["edges"][-1]
        assert told["items"][0]["cells"] == [[1, {"future": 24}], [1, {"future": 25}], [1, {"future": 24}]]


async def test_an_answer_is_given_again_only_while_it_holds(rig: MakeRig) -> None:
    async with rig() as api:
        story = Story(api)
        job_id = await story.job("0 0 1 1 *")
        query = {"jobId": job_id, "from": story.at(HOUR), "to": story.at(0)}
        await api.caught_up()
        first = await api.http.get(STRIPS, params=query)
        tag = first.headers["etag"]
        again = await api.http.get(STRIPS, params=query, headers={"If-None-Match": f'W/"x", {tag}'})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)

        other = await story.job()
        await api.caught_up()
        query = {"jobId": other, "from": story.at(HOUR), "to": stamp(story.now + 1)}
        before = await api.http.get(STRIPS, params=query)
        await story.decide(other)
        await api.caught_up()
        after = await api.http.get(STRIPS, params=query, headers={"If-None-Match": before.headers["etag"]})
        assert after.status_code == 200
        assert after.json() != before.json()


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({}, ["?jobId"]),
        ({"jobId": [f"{n:016x}" for n in range(201)]}, ["?jobId"]),
        ({"bins": 0}, ["?bins"]),
        ({"bins": 2001}, ["?bins"]),
        ({"bins": 5, "by": "day"}, ["?bins"]),
        ({"by": "fortnight"}, ["?by"]),
        ({"timezone": "Europe/Berlin"}, ["?timezone"]),
        ({"by": "day", "timezone": "Europe/Berlim"}, ["?timezone"]),
        ({"from": "yesterday", "to": "2026-01-01"}, ["?from", "?to"]),
        ({"from": "2026-01-02T00:00:00Z", "to": "2026-01-02T00:00:00Z"}, ["?to"]),
        ({"from": "1990-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"}, ["?from"]),
        ({"from": "9989-01-01T00:00:00Z", "to": "9989-01-02T00:00:00Z", "by": "month"}, ["?to"]),
        ({"from": "2025-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z", "by": "hour"}, ["?by"]),
        ({"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T00:00:00.020Z", "bins": 21}, ["?bins"]),
        ({"jobId": [f"{n:016x}" for n in range(100)], "bins": 801}, ["?jobId"]),
    ],
)
async def test_what_cannot_be_asked_for_is_named(rig: MakeRig, query: dict[str, Any], named: list[str]) -> None:
    async with rig() as api:
        response: httpx.Response = await api.http.get(
            STRIPS, params={"jobId": "0123456789abcdef", **query} if query else {}
        )
        assert response.status_code in {400, 422}, response.text
        assert [flaw["pointer"] for flaw in response.json()["errors"]] == named
