"""With a key that may only run, a worker opens no connection to what its configuration does not name."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.integration.api.access.test_run_scope import BACKUP, DRILL, SPECS, refused
from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import JOBS, RUNS, Rig
from tests.integration.backup.test_outside import Listener, listening
from tests.integration.worker.shop import Process, Shop
from tests.support.waiting import until
from waterclock.log.client import LogSettings
from waterclock.model.outcomes import ENDED
from waterclock.model.parameters.authority import HTTP

PATIENCE = 30.0  # s


@asynccontextmanager
async def a_worker(api: Rig, prefix: str, folder: Path, *, named: Listener, foreign: Listener) -> AsyncGenerator[None]:
    """A real worker with one place, whose store is `named`; what it could reach besides is `foreign`."""
    places = folder / "places.toml"
    places.write_text(
        f"""
        [default]
        connection = "env:BOOKS_URL"
        endpoint = "{named.url}"
        bucket = "books"
        accessKey = "env:BOOKS_KEY"
        secretKey = "env:BOOKS_SECRET"
        retentionDays = 7
        """
    )
    process = await Process.start(
        Shop(api.log, LogSettings(url=api.redis_url, prefix=prefix)),
        WATERCLOCK_PLACES=str(places),
        WATERCLOCK_HTTP_REFERENCES=f"env:HOOK@127.0.0.1:{named.port}",
        BOOKS_URL=f"postgresql://books:hush@127.0.0.1:{named.port}/books",
        BOOKS_KEY="key",
        BOOKS_SECRET="secret",
        FOREIGN_URL=f"postgresql://books:hush@127.0.0.1:{foreign.port}/books",
        HOOK="token",
    )
    try:
        await process.says("ready")
        await api.caught_up()
        await api.parts.registry.known("no.such")
        yield
    finally:
        await process.kill()


def asked_of(foreign: Listener) -> list[tuple[str, dict[str, Any]]]:
    """What leads to `foreign`, past what the place names, or deletes there."""
    url = f"{foreign.url}/take"
    return [
        (BACKUP, {"endpoint": foreign.url, "bucket": "mine"}),
        (BACKUP, {"connection": "env:FOREIGN_URL"}),
        (BACKUP, {"endpoint": foreign.url, "accessKey": "env:HOOK", "secretKey": "env:HOOK"}),
        (BACKUP, {"retentionDays": 0, "keepLast": 1}),
        (BACKUP, {"database": "postgres"}),
        (BACKUP, {"prefix": "others"}),
        (DRILL, {"target": "env:FOREIGN_URL"}),
        (DRILL, {"endpoint": foreign.url, "bucket": "mine"}),
        (DRILL, {"connection": "env:FOREIGN_URL", "compareWithSource": True}),
        ("db:backup", {"endpoint": foreign.url}),
        ("db:restore-drill", {"endpoint": foreign.url}),
        (HTTP, {"url": url, "headers": {"Authorization": {"from": "env:HOOK"}}}),
        (HTTP, {"url": url, "sign": {"key": "env:FOREIGN_URL"}}),
        (HTTP, {"url": url, "headers": {"A": {"from": "file:/proc/self/environ"}}, "redirects": 10}),
    ]


async def test_no_request_reaches_what_the_worker_does_not_name(rig: MakeRig, key_prefix: str, tmp_path: Path) -> None:
    async with rig() as api, listening() as foreign, listening() as named:
        older = await api.worker(*SPECS.values())  # of before places: jobs are stored as they come
        jobs: dict[str, str] = {}
        for key in (BACKUP, DRILL, HTTP):
            params = {"url": named.url} if key == HTTP else {}
            jobs[key] = (await api.create(jobName=key, invokeTarget=key, invokeParams=params, concurrent="0"))["id"]
        outside = [
            (await api.create(jobName=f"outside {n}", invokeTarget=key, invokeParams=params, retry={"maxAttempts": 1}))[
                "id"
            ]
            for n, (key, params) in enumerate(asked_of(foreign))
            if params.keys() & {"endpoint", "connection", "target", "url"}
        ]
        del older
        admin = {"Authorization": f"Bearer {await api.key('admin', name='admin')}"}
        alone = {"Authorization": f"Bearer {await api.key('run', name='alone')}"}

        async def post(path: str, **body: Any) -> httpx.Response:
            return await api.http.post(path, json=body, headers=alone)

        async def ended(run_id: str) -> dict[str, Any]:
            async def look() -> dict[str, Any] | None:
                run = (await api.http.get(f"{RUNS}/{run_id}", headers=admin)).json()
                return run if run.get("status") in ENDED else None

            return await until(look, within=PATIENCE, what=f"the end of {run_id}")

        async with a_worker(api, key_prefix, tmp_path, named=named, foreign=foreign):
            for key, params in asked_of(foreign):
                job = jobs[key.replace(":", ".")]
                refused(await post(f"{JOBS}/{job}/trigger", params=params))
                refused(await post(RUNS, invokeTarget=key, params=params))
                refused(await post(f"{RUNS}?allowUnknownExecutor=true", invokeTarget=key, params=params))
            runs = [await post(f"{JOBS}/{job}/trigger") for job in outside]
            runs.append(await post(RUNS, invokeTarget=HTTP, params={"url": foreign.url}))  # not a public address
            for _ in range(2):  # and once more: the job says so still, and so does the worker
                assert {answered.status_code for answered in runs} == {202}
                failed = [await ended(answered.json()["runId"]) for answered in runs]
                assert {run["status"] for run in failed} == {"failed"}
                assert {run["error"]["type"] for run in failed} <= {"BadParams", "GiveUp"}
                runs = [await post(f"{RUNS}/{run['id']}/retry") for run in failed]
            assert foreign.came == 0

            assert (await post(f"{JOBS}/{jobs[BACKUP]}/trigger")).status_code == 202

            async def came() -> bool:
                return named.came > 0

            await until(came, within=PATIENCE, what="the worker's way to its own place")
            assert foreign.came == 0
