"""The timeout and retries in force: what a job's next run has where the job itself says nothing."""

from __future__ import annotations

from typing import Any

import msgspec

from tests.integration.api.cli.test_verbs_of_jobs import typed
from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import JOBS, NOOP, SLEEP, Rig
from tests.integration.api.terminal import told

USUAL = {"maxAttempts": 3, "backoff": "exponential", "initial": 10, "max": 3600}
FOUND = {"timeout": 90, "timeoutFrom": "executor", "retry": USUAL, "retryFrom": "default"}


async def in_force(api: Rig, **body: Any) -> dict[str, Any]:
    """Of the same job in the answer to its creation, read alone, in a list and in its detail."""
    job = await api.create(**body)
    one = (await api.http.get(f"{JOBS}/{job['id']}")).json()
    (listed,) = (await api.http.get(JOBS, params={"jobName": body["jobName"]})).json()["items"]
    detail = (await api.http.get(f"{JOBS}/{job['id']}/detail")).json()["job"]
    assert job["inForce"] == one["inForce"] == listed["inForce"] == detail["inForce"]
    assert job["timeout"] == body.get("timeout")
    return job["inForce"]


async def bounded(api: Rig) -> None:
    """A worker that has an executor with a timeout, and one without."""
    await api.worker(msgspec.structs.replace(SLEEP, timeout=90.0), NOOP)


async def test_the_timeout_is_the_jobs_else_its_executors_else_the_default(rig: MakeRig) -> None:
    async with rig() as api:
        await bounded(api)
        assert await in_force(api, jobName="a", invokeTarget="demo.sleep") == FOUND
        assert await in_force(api, jobName="b", invokeTarget="demo:sleep") == FOUND, "by an alias"
        own = await in_force(api, jobName="c", invokeTarget="demo.sleep", timeout=0, retry={"maxAttempts": 1})
        assert own == {
            "timeout": 0,
            "timeoutFrom": "job",
            "retry": USUAL | {"maxAttempts": 1},
            "retryFrom": "job",
        }
        assert await in_force(api, jobName="d") == FOUND | {"timeout": 3600, "timeoutFrom": "default"}


async def test_of_an_executor_that_nobody_announced_the_timeout_is_not_known(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()
        body = {"jobName": "odd", "invokeTarget": "shop.odd"}
        job = await api.http.post(JOBS, json=body, params={"allowUnknownExecutor": "true"})
        assert job.json()["inForce"] == FOUND | {"timeout": None, "timeoutFrom": None}


async def test_a_job_that_was_read_can_be_sent_back(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()
        job = await api.create()
        same = await api.http.put(f"{JOBS}/{job['id']}", json=job | {"inForce": {"timeout": 1}})
        assert (same.status_code, same.json()["version"], same.json()["timeout"]) == (200, 1, None)


async def test_the_command_line_shows_them(rig: MakeRig) -> None:
    async with told(rig) as (story, terminal):
        await bounded(story.api)
        await story.api.create(jobName="a", invokeTarget="demo.sleep", retry={"backoff": "fixed", "initial": 5})
        said = (await typed(terminal, "job", "show", "DEFAULT/a")).output.splitlines()
        assert [line.split("  ")[-1].strip() for line in said if " in force" in line] == [
            "90 s (executor)",
            "3 attempts, fixed, 5 s (job)",
        ]
        assert not {"retry", "timeout"} & {line.split("  ")[0] for line in said}, "they are told once"
