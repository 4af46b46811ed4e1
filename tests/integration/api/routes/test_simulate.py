"""An outage foretold over HTTP: under each policy, with changes of the definition, and nothing stored."""

from __future__ import annotations

from typing import Any

from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import JOBS, Rig
from waterclock.log.tail import tail_of

OUTAGE = {"from": "2026-11-23T10:00:00Z", "to": "2026-11-23T14:30:00.500Z"}


async def foretold(api: Rig, job_id: str, **body: Any) -> dict[str, Any]:
    response = await api.http.post(f"{JOBS}/{job_id}/simulate", json=OUTAGE | body)
    assert response.status_code == 200, response.text
    return response.json()


async def test_an_outage_is_told_under_each_policy_and_nothing_is_stored(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()
        job = await api.create(cronExpression="0 * * * *", concurrent="0", catchupLimit=3)
        end = await tail_of(api.log, 0)

        answer = await foretold(api, job["id"])

        assert answer["instants"] == 4
        assert answer["misfirePolicy"] == "3"
        (assumed,) = answer["assumed"]
        assert assumed.startswith("Scheduled times are decided up to 2026-11-23T10:00:00.000Z, and then none until")
        each, once, nothing = answer["policies"]
        assert [each[name] for name in ("misfirePolicy", "instants", "fired", "skipped", "coalesced")] == [
            "1",
            4,
            3,
            1,
            0,
        ]
        assert [run["nominalAt"][11:16] for run in each["runs"]] == ["12:00", "13:00", "14:00"]
        assert {run["trigger"] for run in each["runs"]} == {"catchup"}
        assert each["lastReadyAt"] == "2026-11-23T14:30:00.700Z"
        assert [(one["fate"], one["reason"], one["count"]) for one in each["unfired"]] == [("skipped", "overflow", 1)]
        assert [once[name] for name in ("fired", "skipped", "coalesced")] == [1, 0, 3]
        assert once["unfired"][0]["runId"] == once["runs"][0]["runId"]
        assert [nothing[name] for name in ("fired", "skipped", "coalesced")] == [0, 4, 0]
        assert nothing["firstRunAt"] is None
        assert nothing["unfired"][0]["text"].endswith("and misfirePolicy skip does not run it.")
        assert await tail_of(api.log, 0) == end


async def test_an_overlap_is_told_as_far_as_it_can_be_known(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()
        job = await api.create(cronExpression="0 * * * *")
        quiet, busy = [await foretold(api, job["id"], running=running) for running in (False, True)]
        assert [quiet["policies"][0][name] for name in ("overlapPolicy", "fired")] == ["buffer_all", 4]
        assert [run["state"] for run in quiet["policies"][0]["runs"]] == ["queued", "waiting", "waiting", "waiting"]
        assert [run["state"] for run in busy["policies"][0]["runs"]] == ["waiting"] * 4
        assert [answer["assumed"][1].partition(" of the job")[0] for answer in (quiet, busy)] == ["No run", "A run"]
        told = await foretold(api, job["id"], running=True, definition={"overlapPolicy": "skip"})
        assert [told["policies"][0][name] for name in ("overlapPolicy", "fired", "skipped")] == ["skip", 0, 4]
        assert told["policies"][0]["unfired"][0]["count"] == 4


async def test_a_change_is_tried_before_it_is_made(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()
        job = await api.create(cronExpression="0 * * * *", status="1")
        answer = await foretold(
            api, job["id"], definition={"cronExpression": "*/30 * * * *", "misfirePolicy": "2", "catchupWindow": "PT1H"}
        )
        assert (answer["instants"], answer["misfirePolicy"]) == (9, "2")
        assert answer["policies"][0]["fired"] == 2
        assert answer["assumed"][-1] == "The simulation treats the job as enabled; it is disabled now."
        assert (await api.http.get(f"{JOBS}/{job['id']}")).json()["cronExpression"] == "0 * * * *"


async def test_long_lists_are_cut_and_say_so(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()
        job = await api.create(cronExpression="* * * * *", concurrent="0")
        each = (await foretold(api, job["id"], limit=7))["policies"][0]
        assert (each["fired"], len(each["runs"]), each["truncated"]) == (101, 7, True)
        assert each["lastRunAt"] == "2026-11-23T14:30:00.000Z"


async def test_a_job_on_demand_owes_nothing(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()
        job = await api.create()
        answer = await foretold(api, job["id"])
        assert {policy["instants"] for policy in answer["policies"]} == {0}
        assert "runs on demand only" in answer["assumed"][-1]


async def test_what_cannot_be_simulated_is_refused_by_name(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()
        job = await api.create(cronExpression="* * * * * *")
        for body, pointers in (
            ({}, ["/from", "/to"]),
            (OUTAGE | {"until": 1}, ["/until"]),
            (OUTAGE | {"from": "noon", "limit": 0}, ["/limit", "/from"]),
            (OUTAGE | {"to": OUTAGE["from"]}, ["/to"]),
            (OUTAGE | {"from": "2001-01-01T00:00:00Z"}, ["/from"]),
            (OUTAGE | {"from": "2026-01-01T00:00:00Z"}, ["/to"]),
            (OUTAGE | {"definition": {"cronExpression": "61 * * * *"}}, ["/definition/cronExpression"]),
            (OUTAGE | {"definition": {"misfirePolicy": "4", "no": 1}}, ["/definition/misfirePolicy", "/definition/no"]),
            (OUTAGE | {"running": "yes"}, ["/running"]),
        ):
            response = await api.http.post(f"{JOBS}/{job['id']}/simulate", json=body)
            assert response.status_code == 422, response.text
            assert [error["pointer"] for error in response.json()["errors"]] == pointers
        for job_id in ("nobody", "No%20Body!"):
            assert (await api.http.post(f"{JOBS}/{job_id}/simulate", json=OUTAGE)).status_code == 404
