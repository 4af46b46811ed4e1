"""A job's promise beside the release before, whose API and projector know none: what survives, and what is filled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fault.test_upgrade import stores
from tests.integration.stage import waterclock
from tests.support.byhand import put_in
from tests.support.entrance import entrance
from tests.support.evidence import connected
from tests.support.rollout import rolling
from tests.support.waiting import until
from waterclock.model.definition import Definition
from waterclock.model.promise import Promise

JOBS = "/v1/monitor/jobs"
PROMISE = {"startWithin": 300, "finishBy": "06:30"}
NIGHTLY = {"jobName": "nightly", "invokeTarget": "demo.noop", "cronExpression": "0 2 * * *", "promise": PROMISE}
WITHIN = 30.0  # s


@pytest.mark.timeout(300)
async def test_a_promise_survives_what_the_release_before_does_to_its_job(
    redis_url: str, key_prefix: str, postgres_url: str, tmp_path: Path
) -> None:
    ours = stores(redis_url, key_prefix, postgres_url)
    async with entrance() as place, rolling(tmp_path, ours, place) as rollout:

        async def ask(method: str, path: str, **more: Any) -> httpx.Response:
            """Over a connection of its own: the former API may have closed another."""
            async with httpx.AsyncClient(base_url=place.url, timeout=30) as http:
                return await http.request(method, path, **more)

        async def promised(job_id: str) -> Any:
            return (await ask("GET", f"{JOBS}/{job_id}")).json().get("promise", "no such member")

        await rollout.migrate("previous")
        await rollout.migrate("present")
        await rollout.begin("present")
        created = await ask("POST", JOBS, params={"allowUnknownExecutor": "true"}, json=NIGHTLY)
        assert created.status_code == 201, created.text
        job = created.json()

        await rollout.replace("api", "previous")
        assert await promised(job["id"]) == "no such member"
        for status in ("disabled", "enabled"):
            changed = await ask("PUT", f"{JOBS}/{job['id']}/status", json={"status": status})
            assert changed.status_code == 200, changed.text
        assert (await ask("POST", JOBS, json=NIGHTLY | {"jobName": "other"})).status_code == 422

        await rollout.replace("api", "present")
        assert await promised(job["id"]) == PROMISE
        then = await ask("GET", f"{JOBS}/{job['id']}", params={"asOf": changed.json()["updatedAt"]})
        assert then.json()["promise"] == PROMISE

        async def written() -> bool:
            """An API that has gone is seen for as long as Postgres takes to end its sessions."""
            return (await ask("PUT", f"{JOBS}/{job['id']}", json=job | {"remark": "edited"})).status_code == 200

        await until(written, within=WITHIN, what="a promise can be written again")
        assert await promised(job["id"]) == PROMISE

        await rollout.replace("projector", "previous")
        refused = await ask("PUT", f"{JOBS}/{job['id']}", json=job | {"remark": "again"})
        assert (refused.status_code, refused.json()["type"]) == (409, "/problems#older-release")
        async with connected(redis_url, postgres_url, prefix=key_prefix) as reached:
            late = Definition(job_name="late", invoke_target="demo.noop", promise=Promise(runs_at_most=60))
            late_id = await put_in(reached.log, late)  # as an API would that did not see the projector
        await until(lambda: _there(place.url, late_id), within=WITHIN, what="it is projected")
        assert await promised(late_id) is None

        await rollout.replace("projector", "present")
        where = {"REDIS_URL": redis_url, "KEY_PREFIX": key_prefix, "POSTGRES_URL": postgres_url}
        code, _, said = await waterclock("rebuild", "--swap", **where)
        assert code == 0, said
        assert [await promised(one) for one in (job["id"], late_id)] == [PROMISE, {"runsAtMost": 60}]


async def _there(url: str, job_id: str) -> bool:
    async with httpx.AsyncClient(base_url=url, timeout=30) as http:
        return (await http.get(f"{JOBS}/{job_id}")).status_code == 200
