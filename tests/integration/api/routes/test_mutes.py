"""Mutes over HTTP: begun, listed and ended, with every flaw named."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import JOBS, Rig
from waterclock.model.positions import parse_position
from waterclock.model.timestamps import millis

MUTES = "/v1/monitor/notices/mutes"
EVENTS = "/v1/monitor/events"
DAY = 86_400


async def mute(api: Rig, expected: int = 201, *, headers: dict[str, str] | None = None, **body: Any) -> dict[str, Any]:
    response = await api.http.post(MUTES, json={"reason": "noisy", "for": 3600} | body, headers=headers)
    assert response.status_code == expected, response.text
    return response.json()


async def listed(api: Rig, **query: Any) -> list[str]:
    found = await api.http.get(MUTES, params=query)
    assert found.status_code == 200, found.text
    return [one["id"] for one in found.json()["items"]]


def flaws(problem: dict[str, Any]) -> dict[str, str]:
    return {one["pointer"]: one["message"] for one in problem["errors"]}


async def test_a_mute_says_what_since_where_and_until_when(rig: MakeRig) -> None:
    async with rig(partitions=2) as api:
        await api.worker()
        job = await api.create(jobGroup="reports")
        two_hours: dict[str, Any] = {"for": "PT2H"}
        told = await mute(api, jobId=job["id"], **two_hours)

        assert (told["jobId"], told["jobGroup"], told["jobName"]) == (job["id"], "reports", "nightly")
        assert (told["group"], told["label"], told["all"], told["inForce"]) == (None, None, False, True)
        assert millis(told["until"]) - millis(told["mutedAt"]) == pytest.approx(2 * 3_600_000, abs=2_000)
        assert told["endsAt"] == told["until"]
        position = parse_position(told["position"])
        assert position.partition == api.log.partition_of(job["id"])
        (event,) = (await api.http.get(f"{JOBS}/{job['id']}/history", params={"type": "notices"})).json()["items"]
        assert (event["id"], event["muteId"], event["until"]) == (told["position"], told["id"], told["until"])
        assert (event["reason"], event["actor"]) == (told["reason"], told["actor"])
        assert await listed(api) == [told["id"]]


async def test_what_is_of_no_single_job_is_of_the_first_partition(rig: MakeRig) -> None:
    async with rig(partitions=2) as api:
        several: list[dict[str, Any]] = [{"group": "reports"}, {"label": "tier=gold"}, {"all": True}]
        for whose in several:
            told = await mute(api, **whose)
            assert {name: told[name] for name in whose} == whose
            assert (told["jobId"], parse_position(told["position"]).partition) == (None, 0)
        assert len(await listed(api)) == 3


async def test_a_job_is_told_the_mutes_that_concern_it(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()
        one = await api.create(jobGroup="reports", labels={"tier": "gold", "team": "a"})
        other = await api.create(jobName="other")
        own = await mute(api, jobId=one["id"])
        await mute(api, jobId=other["id"])
        await mute(api, group="DEFAULT")
        await mute(api, label="tier=silver")
        group, label = await mute(api, group="reports"), await mute(api, label="tier=gold")
        everything = await mute(api, all=True)

        wanted = [everything["id"], label["id"], group["id"], own["id"]]
        assert await listed(api, jobId=one["id"]) == wanted
        first = (await api.http.get(MUTES, params={"jobId": one["id"], "limit": 3})).json()
        assert [each["id"] for each in first["items"]] == wanted[:3]
        assert await listed(api, jobId=one["id"], limit=3, cursor=first["nextCursor"]) == wanted[3:]
        assert await listed(api, jobId="unknown") == [everything["id"]]


async def test_a_mute_is_ended_once_and_stays_known(rig: MakeRig) -> None:
    async with rig() as api:
        told = await mute(api, group="reports")
        for reason in ("back", "again"):
            ended = await api.http.delete(f"{MUTES}/{told['id']}", params={"reason": reason})
            assert (ended.status_code, ended.content) == (204, b"")

        assert await listed(api) == []
        (over,) = (await api.http.get(MUTES, params={"all": "true"})).json()["items"]
        assert (over["inForce"], over["unmutedBy"], over["unmutedReason"]) == (False, told["actor"], "back")
        assert told["mutedAt"] <= over["endsAt"] < over["until"] == told["until"]
        found = (await api.http.get(EVENTS, params={"type": "notices.unmuted"})).json()["items"]
        assert len(found) == 1

        for unknown in ("unknown", "J-m1"):
            assert (await api.http.delete(f"{MUTES}/{unknown}")).status_code == 404


async def test_the_mutes_of_a_job_end_with_it(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()
        job = await api.create()
        told = await mute(api, jobId=job["id"])
        assert (await api.http.delete(f"{JOBS}/{job['id']}")).status_code == 204

        assert await listed(api) == []
        (over,) = (await api.http.get(MUTES, params={"all": "true"})).json()["items"]
        assert (over["id"], over["inForce"], over["unmutedBy"]) == (told["id"], False, None)
        assert over["endsAt"] < over["until"]
        assert flaws(await mute(api, 422, jobId=job["id"])) == {"/jobId": f"there is no job {job['id']}"}


async def test_a_key_that_comes_again_mutes_once(rig: MakeRig) -> None:
    async with rig() as api:
        first = await api.http.post(
            MUTES, json={"group": "a", "for": 60, "reason": "r"}, headers={"Idempotency-Key": "k"}
        )
        again = await api.http.post(
            MUTES, json={"group": "a", "for": 60, "reason": "r"}, headers={"Idempotency-Key": "k"}
        )
        assert (first.status_code, again.status_code) == (201, 201)
        assert first.json() == again.json()
        assert "Idempotency-Replayed" not in first.headers
        assert again.headers["Idempotency-Replayed"] == "true"
        reused = await mute(api, 422, group="b", headers={"Idempotency-Key": "k"})
        assert reused["type"] == "/problems#key-reused"
        assert await listed(api) == [first.json()["id"]]


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, {"": "says not whose notices: give one of jobId, group, label and all"}),
        ({"all": False}, {"": "says not whose notices: give one of jobId, group, label and all"}),
        (
            {"group": "a", "label": "b=c", "all": True},
            {
                "/label": "is given beside group: give one of jobId, group, label and all",
                "/all": "is given beside group: give one of jobId, group, label and all",
            },
        ),
        ({"jobId": "reports/nightly"}, {"/jobId": "is no id of a job"}),
        ({"jobId": "nobody"}, {"/jobId": "there is no job nobody"}),
        ({"group": "a/b"}, {"/group": ...}),
        ({"label": "tier"}, {"/label": "is not name=value"}),
        ({"label": "ti er=gold"}, {"/label": "is not a label name: 1 to 64 letters, digits, - _ . /"}),
        ({"group": "a", "reason": ""}, {"/reason": ...}),
        ({"group": "a", "reason": " "}, {"/reason": "is blank"}),
        ({"group": "a", "reason": None}, {"/reason": ...}),
        ({"group": "a", "for": None}, {"": "says not for how long: give for or until"}),
        ({"group": "a", "for": 0}, {"/for": "must be from 1 to 2592000 seconds"}),
        ({"group": "a", "for": 30 * DAY + 1}, {"/for": "must be from 1 to 2592000 seconds"}),
        (
            {"group": "a", "for": "2h"},
            {"/for": "is neither a number of seconds nor an ISO 8601 duration such as PT1M30S"},
        ),
        ({"group": "a", "until": "2099-01-01T00:00:00Z"}, {"/until": "is given beside for: give one of them"}),
        ({"group": "a", "for": None, "until": "2099-01-01T00:00:00Z"}, {"/until": "is more than 30 days from now"}),
        ({"group": "a", "for": None, "until": "2026-01-01T00:00:00Z"}, {"/until": "is in the past"}),
        ({"group": "a", "for": None, "until": "soon"}, {"/until": ...}),
        ({"group": "a", "minutes": 5}, {"/minutes": ...}),
    ],
)
async def test_what_is_wrong_is_named_and_mutes_nothing(
    rig: MakeRig, body: dict[str, Any], wrong: dict[str, Any]
) -> None:
    async with rig() as api:
        found = flaws(await mute(api, 422, **body))
        assert found.keys() == wrong.keys()
        assert {at: said for at, said in wrong.items() if said is not ...}.items() <= found.items()
        assert await listed(api, all="true") == []


async def test_who_may_change_a_status_may_mute_and_everything_is_for_administrators(rig: MakeRig) -> None:
    async with rig() as api:
        names = {"reader": ("list", "query"), "operator": ("list", "changeStatus"), "chief": ("admin",)}
        keys = {
            name: {"Authorization": f"Bearer {await api.key(*scopes, name=name)}"} for name, scopes in names.items()
        }

        refused = await mute(api, 403, group="a", headers=keys["reader"])
        assert "changeStatus" in refused["detail"]
        refused = await mute(api, 403, all=True, headers=keys["operator"])
        assert "'admin'" in refused["detail"]
        told = await mute(api, group="a", headers=keys["operator"])
        assert told["actor"].startswith("key:operator@")
        everything = await mute(api, all=True, headers=keys["chief"])
        found = await api.http.get(MUTES, headers=keys["reader"])
        assert [one["id"] for one in found.json()["items"]] == [everything["id"], told["id"]]

        path = f"{MUTES}/{everything['id']}"
        assert (await api.http.delete(path, headers=keys["reader"])).status_code == 403
        assert (await api.http.delete(path, headers=keys["operator"])).status_code == 403
        assert (await api.http.delete(path, headers=keys["chief"])).status_code == 204


async def test_where_the_read_models_are_late_it_is_said_that_it_does_not_hold_yet(rig: MakeRig) -> None:
    async with rig() as api:
        response = await api.http.post(
            MUTES, json={"group": "a", "for": 60, "reason": "r"}, headers={"Prefer": "respond-async"}
        )
        told = response.json()
        assert (response.status_code, response.headers["Preference-Applied"]) == (202, "respond-async")
        assert (told["group"], told["inForce"], told["unmutedBy"]) == ("a", True, None)
        ended = await api.http.delete(f"{MUTES}/{told['id']}")  # which waits until it is known
        assert ended.status_code == 204
        assert await listed(api) == []
