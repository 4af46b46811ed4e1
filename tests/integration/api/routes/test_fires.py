"""What comes next of all jobs, over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import JOBS, Rig
from waterclock.model.timestamps import millis
from waterclock_api.queries.overview import jobs_index
from waterclock_api.routes.schedules import fires as routes

FIRES = "/v1/monitor/fires"
RANGE = {"from": "2030-10-27T00:00:00Z", "to": "2030-10-27T03:00:00Z"}


@pytest.fixture(autouse=True)
def _always_anew(monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction] - by pytest
    monkeypatch.setattr(jobs_index, "FRESH_S", 0.0)
    monkeypatch.setattr(jobs_index, "AS_LONG", 0)


async def three(api: Rig) -> dict[str, str]:
    """Jobs by their names: two enabled, one disabled, one on demand."""
    await api.worker()
    found = {
        name: (await api.create(jobName=name, jobGroup="g", queue="low", **more))["id"]
        for name, more in (
            ("a", {"cronExpression": "0 * * * *"}),
            ("b", {"cronExpression": "30 */1 * * *", "timezone": "Europe/Berlin"}),
            ("c", {"cronExpression": "* * * * *", "status": "1"}),
            ("d", {}),
        )
    }
    await api.caught_up()
    return found


async def asked(api: Rig, **query: Any) -> dict[str, Any]:
    response = await api.http.get(FIRES, params=query)
    assert response.status_code == 200, response.text
    return response.json()


async def test_scheduled_times_of_all_enabled_jobs_are_listed_in_order(rig: MakeRig) -> None:
    async with rig() as api:
        jobs = await three(api)
        told = await asked(api, **RANGE)
        assert (told["total"], told["counts"], told["nextCursor"]) == (6, None, None)
        items = [(item["at"][11:16], item["jobName"], item["note"]) for item in told["items"]]
        assert items == [
            ("00:00", "a", None),
            ("00:30", "b", "first pass: the clock is about to go back"),
            ("01:00", "a", None),
            ("01:30", "b", "second pass: the clock went back"),
            ("02:00", "a", None),
            ("02:30", "b", None),
        ]
        assert told["items"][0] == {
            "at": "2030-10-27T00:00:00.000Z",
            "jobId": jobs["a"],
            "jobName": "a",
            "jobGroup": "g",
            "queue": "low",
            "note": None,
        }
        found: list[Any] = []
        cursor: dict[str, str] = {}
        while True:
            page = await asked(api, **RANGE, limit=4, **cursor)
            found += page["items"]
            if page["nextCursor"] is None:
                break
            cursor = {"cursor": page["nextCursor"]}
        assert found == told["items"]


async def test_they_are_counted_in_bins(rig: MakeRig) -> None:
    async with rig() as api:
        await three(api)
        told = await asked(api, **RANGE, bins=4)
        assert (told["counts"], told["items"], told["total"]) == ([2, 1, 2, 1], [], 6)


async def test_by_default_they_are_those_of_the_next_hour(rig: MakeRig) -> None:
    async with rig() as api:
        jobs = await three(api)
        told = await asked(api)
        assert millis(told["to"]) - millis(told["from"]) == 3_600_000
        assert sorted(item["jobName"] for item in told["items"]) == ["a", "b"]
        assert (await api.http.put(f"{JOBS}/{jobs['a']}/status", json={"status": "1"})).status_code == 200
        await api.caught_up()
        assert [item["jobName"] for item in (await asked(api))["items"]] == ["b"]


async def test_too_much_to_be_counted_is_refused(rig: MakeRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "LOOKED_AT", 5)
    async with rig() as api:
        await three(api)
        response = await api.http.get(FIRES, params={**RANGE, "bins": 4})
        assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, "?bins")


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"from": "x", "to": "y"}, ["?from", "?to"]),
        ({"from": "2030-01-01T00:00:00Z", "to": "2030-01-01T00:00:00Z"}, ["?to"]),
        ({"from": "2030-01-01T00:00:00Z", "to": "2030-01-15T00:00:00.001Z"}, ["?to"]),
        ({"bins": 401}, ["?bins"]),
        ({"from": "2030-01-01T00:00:00Z", "to": "2030-01-01T00:00:00.001Z", "bins": 2}, ["?bins"]),
        ({"bins": 4, "cursor": "x"}, ["?cursor"]),
        ({"cursor": "x"}, ["?cursor"]),
        ({"limit": 1001}, ["?limit"]),
    ],
)
async def test_what_cannot_be_asked_for_is_named(rig: MakeRig, query: dict[str, Any], named: list[str]) -> None:
    async with rig() as api:
        response = await api.http.get(FIRES, params=query)
        assert response.status_code in {400, 422}
        assert [flaw["pointer"] for flaw in response.json()["errors"]] == named
