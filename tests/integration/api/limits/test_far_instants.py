"""Moments at the ends of time, wherever one can be given."""

from __future__ import annotations

from typing import Any

from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import JOBS
from waterclock_api.queries.cursors import cursor_of

V1 = "/v1/monitor"
MOMENTS = (
    *("0001-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59", "0001-01-01T00:00:00-23:59"),
    *("1900-01-01T00:00:00Z", "1969-12-31T23:59:59.999Z", "1970-01-01T00:00:00Z", "1970-01-01T00:00:00.001Z"),
    *("9989-12-31T23:59:59Z", "9990-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59.999Z"),
    *("9999-12-31T23:59:59-23:59", "9999-12-31T23:59:59+23:59", "9999-12-31T00:00:00+14:00", "9999-W52-5T00:00:00Z"),
)
DAY_BEFORE = "9999-12-31T00:00:00Z"
EACH_SECOND = {"cronExpression": "* * * * * *"}
SCHEDULES: tuple[dict[str, Any], ...] = (
    {"cronExpression": "0 0 29 2 *"},
    EACH_SECOND | {"timezone": "Pacific/Kiritimati"},
    EACH_SECOND | {"timezone": "Pacific/Pago_Pago", "misfirePolicy": "2", "jitter": 86_400},
    {"cronExpression": "30 2 * * SUN", "timezone": "Europe/Berlin", "misfirePolicy": "1", "catchupPace": 3600},
    {"cronExpression": "@every 366d"},
)
ANSWERS = {200, 201, 202, 400, 404, 409, 410, 422}


async def test_no_moment_is_a_fault_wherever_it_is_given(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()
        odd: list[tuple[Any, ...]] = []

        async def ask(method: str, path: str, **options: Any) -> None:
            answer = await api.http.request(method, path, **options)
            if answer.status_code not in ANSWERS:
                odd.append((answer.status_code, method, path, options, answer.text[:200]))

        jobs = [(await api.create(jobName=f"far-{number}", **each))["id"] for number, each in enumerate(SCHEDULES)]
        for moment in MOMENTS:
            for job in jobs:
                where = f"{JOBS}/{job}"
                await ask("GET", f"{where}/explain", params={"at": moment})
                await ask("GET", f"{where}/explain", params={"from": moment})
                await ask("GET", f"{where}/explain", params={"to": moment})
                await ask("GET", where, params={"asOf": moment})
                for ends in ({"from": moment, "to": "9999-12-31T23:59:59.999Z"}, {"from": DAY_BEFORE, "to": moment}):
                    await ask("POST", f"{where}/simulate", json=ends)
                    await ask("POST", f"{where}/backfill", json=ends)
                await ask("POST", f"{where}/simulate", json={"from": "9989-12-25T00:00:00Z", "to": moment})
            for parameters in ({"from": moment}, {"to": moment}, {"from": moment, "to": moment}):
                for path in ("/ledger/verify", "/events", "/runs", f"/jobs/{jobs[0]}/history"):
                    await ask("GET", V1 + path, params=parameters)
            for each in SCHEDULES:
                body = {"jobName": "new", "invokeTarget": "demo.sleep", **each}
                await ask("POST", JOBS, json=body | {"startAt": moment})
                await ask("POST", JOBS, json=body | {"endAt": moment})
                await ask("PUT", f"{JOBS}/{jobs[0]}", json=body | {"startAt": moment, "endAt": moment})
                preview = {name: each[name] for name in ("cronExpression", "timezone") if name in each}
                await ask("POST", f"{V1}/schedules/preview", json=preview | {"from": moment, "count": 3})
            await ask("POST", f"{JOBS}/{jobs[1]}/trigger", json={"runAt": moment})
            await ask("POST", f"{V1}/runs", json={"invokeTarget": "demo.sleep", "runAt": moment})
            await ask("POST", f"{V1}/runs/retry", json={"from": moment, "dryRun": True})
            await ask("POST", f"{V1}/runs/cancel", json={"to": moment, "dryRun": True})
        for cursor in (cursor_of(2**64 - 1), cursor_of(-(2**63)), cursor_of(2**63, "a"), cursor_of(5, "a\0")):
            for path in ("/jobs", "/runs", "/workers", "/events", f"/jobs/{jobs[0]}/explain"):
                await ask("GET", V1 + path, params={"cursor": cursor})
        for path in (JOBS, f"{V1}/runs", f"{JOBS}/{jobs[1]}/detail"):
            await ask("GET", path)
        assert odd == []


async def test_after_the_last_year_nothing_is_named_and_the_text_says_so(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()
        for number, schedule in enumerate(SCHEDULES[:3]):
            job = await api.create(jobName=f"far-{number}", **schedule)
            answer = await api.http.get(f"{JOBS}/{job['id']}/explain", params={"at": "9999-12-31T23:59:59Z"})
            (told,) = answer.json()["items"]
            assert (told["fate"], told["reason"], told["after"]) == ("notDue", "outOfRange", None)
            assert "1900 to 9989" in told["text"]
            assert "twice" not in told["text"]
