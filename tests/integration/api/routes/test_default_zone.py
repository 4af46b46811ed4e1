"""The installation's zone: resolved when a job is created, stored, named and kept; `doctor` sees APIs that differ."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx

from tests.integration.api.cli.test_verbs_of_jobs import read, typed
from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import JOB, JOBS, Rig, served
from tests.integration.api.terminal import Terminal
from waterclock.store.connection.pool import open_pool, unopened_pool
from waterclock_api.consistency.default_zone import session_of
from waterclock_api.operator.diagnostics.default_zone import of_apis

BERLIN, TOKYO = "Europe/Berlin", "Asia/Tokyo"
NIGHTLY = JOB | {"cronExpression": "0 2 * * *"}
FILE = """
jobs:
  - {jobName: nightly, invokeTarget: demo.noop, cronExpression: 0 2 * * *, misfirePolicy: runOnce}
  - {jobName: weekly, invokeTarget: demo.noop, cronExpression: 0 2 * * 1}
"""


async def put(api: Rig, job: dict[str, Any], **body: Any) -> httpx.Response:
    return await api.http.put(f"{JOBS}/{job['id']}", json=NIGHTLY | body)


async def test_a_job_without_a_zone_gets_the_installations_for_good(rig: MakeRig) -> None:
    async with rig(zone=BERLIN) as api:
        await api.worker()
        job = await api.create(**NIGHTLY)
        assert job["timezone"] == BERLIN
        (note,) = job["notes"]
        assert note["pointer"] == "/timezone"
        assert note["message"].startswith(
            "not given: the job keeps Europe/Berlin, which is WATERCLOCK_TIMEZONE of the API now"
        )
        said = await api.create(jobName="said", cronExpression="0 2 * * *", timezone="UTC")
        own = await api.create(jobName="own", cronExpression="CRON_TZ=Asia/Tokyo 0 2 * * *")
        assert [(one["timezone"], one["notes"]) for one in (said, own)] == [("UTC", [])] * 2
        listed = (await api.http.get(JOBS)).json()
        assert listed["defaultTimezone"] == BERLIN
        for body, zone in (({}, BERLIN), ({"zone": TOKYO}, None)):
            preview = {"cronExpression": "0 2 * * *"} | ({"timezone": body["zone"]} if body else {})
            found = (await api.http.post("/v1/monitor/schedules/preview", json=preview)).json()
            assert found["timezone"] == (zone or TOKYO)


async def test_a_change_without_a_zone_keeps_the_stored_one_where_the_installation_has_one(rig: MakeRig) -> None:
    async with rig(zone=BERLIN) as api:
        await api.worker()
        job = await api.create(**NIGHTLY, timezone=TOKYO)
        kept = await put(api, job, remark="x")
        assert (kept.json()["timezone"], kept.json()["notes"]) == (TOKYO, [])
        assert (await put(api, job, remark="x", timezone="UTC")).json()["timezone"] == "UTC"
        wrong = await put(api, job, timezone="Berlin")
        assert wrong.json()["errors"][0]["pointer"] == "/timezone"


async def test_without_the_setting_a_zone_that_is_left_out_is_utc(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()
        job = await api.create(**NIGHTLY, timezone=TOKYO)
        assert (await put(api, job)).json()["timezone"] == "UTC"
        assert (await api.create(jobName="other"))["notes"] == []
        assert (await api.http.get(JOBS)).json()["defaultTimezone"] is None


async def test_a_file_without_zones_is_planned_and_applied_by_the_same_rule(rig: MakeRig, tmp_path: Path) -> None:
    path = tmp_path / "jobs.yaml"
    path.write_text(FILE)
    async with rig(zone=BERLIN) as api, served(api) as url:
        terminal = Terminal(url)
        await api.worker()
        job = await api.create(**NIGHTLY, timezone=TOKYO)
        lines = (await typed(terminal, "plan", "-f", str(path))).output.splitlines()
        assert lines[:3] == [
            "~ DEFAULT/nightly  change",
            '    /misfirePolicy  "skip" → "runOnce"',
            "    zone kept  Asia/Tokyo",
        ]
        assert '    /timezone  "Europe/Berlin"' in lines
        assert lines[-1].endswith(", 0 unchanged, 1 zone kept")
        await typed(terminal, "apply", "-f", str(path))
        zones = {one["jobName"]: one["timezone"] for one in (await api.http.get(JOBS)).json()["items"]}
        assert zones == {"nightly": TOKYO, "weekly": BERLIN}
        assert (await typed(terminal, "plan", "-f", str(path))).output.endswith(", 2 unchanged, 2 zones kept\n")
        assert (
            read(await typed(terminal, "job", "edit", job["id"], "--unset", "timezone", "--json"))["timezone"] == BERLIN
        )
        assert BERLIN in (await typed(terminal, "preview", "0 2 * * *", "--json")).output
        written = (await typed(terminal, "export")).output
        assert written.count(f"timezone: {BERLIN}") == 2


async def test_apis_that_differ_are_a_finding(store_url: str) -> None:
    async def told() -> list[tuple[str, str]]:
        async with await open_pool(store_url, name="doctor", max_size=1) as pool, pool.connection() as connection:
            return [(one.level, one.said) async for one in of_apis(connection)]

    async with AsyncExitStack() as held:

        async def start(zone: str | None) -> None:
            pool = unopened_pool(store_url, name="api", said=session_of(zone), max_size=2)
            await held.enter_async_context(pool)
            await pool.wait()

        assert await told() == []
        await start(BERLIN)
        await start(BERLIN)
        assert await told() == [("ok", "jobs created without a timezone get Europe/Berlin")]
        await start(None)
        ((level, said),) = await told()
        assert level == "warning"
        assert "WATERCLOCK_TIMEZONE differs between the running APIs: Europe/Berlin, not set, which is UTC." in said
