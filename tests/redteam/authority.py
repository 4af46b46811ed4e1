"""What a caller may make a worker reach: nothing that the worker's configuration does not name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from tests.redteam.attack import attack, fell_unless
from tests.redteam.field import Field

KIND = "authority"
REFUSED = frozenset({401, 403, 404, 409, 422})
_MINE: dict[str, Any] = {"bucket": "mine"}


async def _tried(field: Field, http: httpx.AsyncClient, path: str, body: Mapping[str, Any]) -> str:
    """What became of a request that should go nowhere: refused, or a run that failed before it reached anything."""
    before = len(field.trap.caught)
    answer = await http.post(path, json=dict(body))
    if answer.status_code in REFUSED:
        fell_unless(len(field.trap.caught) == before, f"{answer.status_code}, but something came: {field.trap.caught}")
        return f"{answer.status_code} {answer.json()['detail']}"
    fell_unless(answer.status_code == 202, f"{answer.status_code} {answer.text}")
    run = await field.ended(http, answer.json()["runId"])
    fell_unless(len(field.trap.caught) == before, f"came to the listener: {field.trap.caught[before:]!r}")
    fell_unless(run["status"] == "failed", f"the run {run['status']}: {run['result']}")
    outcomes = [one["outcome"] for one in run["attempts"]]
    fell_unless(outcomes == ["badParams"], f"{outcomes}: {run['error']}")
    return f"badParams: {run['error']['message']}"


async def _as_runner(field: Field, target: str, params: Mapping[str, Any]) -> str:
    async with field.client("run") as http:
        return await _tried(field, http, "/runs", {"invokeTarget": target, "params": params})


@attack(KIND, "run: a database is sent to a store of the caller's", quick=True)
async def exfiltration(field: Field) -> str:
    return await _as_runner(field, "db.backup", {"endpoint": field.trap.url, **_MINE})


@attack(KIND, "run: the same by the other name", quick=True)
async def exfiltration_by_alias(field: Field) -> str:
    return await _as_runner(field, "db:backup", {"endpoint": field.trap.url, **_MINE})


@attack(KIND, "run: another database of the server")
async def other_database(field: Field) -> str:
    for name in ("postgres", "template1", "waterclock", "neighbour"):
        said = await _as_runner(field, "db.backup", {"database": name})
    return said


@attack(KIND, "run: a port inside is looked at by a backup's endpoint")
async def port_scan(field: Field) -> str:
    inside = field.postgres.url.rpartition("@")[2].partition("/")[0]
    for address in (inside, "127.0.0.1:1", "169.254.169.254", "[::1]:80", "localhost:22"):
        said = await _as_runner(field, "db.backup", {"endpoint": f"http://{address}", **_MINE})
    return said


@attack(KIND, "run: a dump of the caller's is restored", quick=True)
async def code_by_restore(field: Field) -> str:
    return await _as_runner(field, "db.restore-drill", {"endpoint": field.trap.url, **_MINE})


@attack(KIND, "run: older backups are deleted by retention", quick=True)
async def history_deleted(field: Field) -> str:
    async with field.client("run") as http:
        body = {"invokeTarget": "db.backup", "params": {"retentionDays": 0, "keepLast": 1}}
        answer = await http.post("/runs", json=body)
        fell_unless(answer.status_code == 403, f"{answer.status_code} {answer.text}")
        return answer.json()["detail"]


@attack(KIND, "run: a secret is sent as an access key", quick=True)
async def secret_as_key(field: Field) -> str:
    keys = {"accessKey": "env:BOOKS_TOKEN", "secretKey": "env:WATERCLOCK_BACKUP_DATABASE_URL"}
    return await _as_runner(field, "db.backup", {"endpoint": field.trap.url, **_MINE, **keys})


@attack(KIND, "add and run: a secret is sent as an access key")
async def secret_as_key_by_a_job(field: Field) -> str:
    keys = {"accessKey": "env:BOOKS_TOKEN", "secretKey": "env:BOOKS_TOKEN"}
    params = {"endpoint": field.trap.url, **_MINE, **keys}
    async with field.client("add", "run") as http:
        job = {"jobName": "thief", "jobGroup": "red", "invokeTarget": "db.backup", "invokeParams": params}
        answer = await http.post("/jobs", json=job)
        fell_unless(answer.status_code == 422, f"{answer.status_code} {answer.text}")
        unknown = await http.post("/jobs", params={"allowUnknownExecutor": "true"}, json=job)
        if unknown.status_code in REFUSED:
            return answer.json()["detail"]
        return await _tried(field, http, f"/jobs/{unknown.json()['id']}/trigger", {})


@attack(KIND, "run: other parameters at a trigger, a retry of them", quick=True)
async def other_parameters(field: Field) -> str:
    job = await field.job(
        jobName="nightly", jobGroup="red", invokeTarget="db.backup", invokeParams={"retentionDays": 7}
    )
    async with field.client("run") as http:
        path = f"/jobs/{job['id']}/trigger"
        for params in (
            {"endpoint": field.trap.url, **_MINE}, {"retentionDays": 0}, {"keepLast": 1, "retentionDays": 1},
            {"database": "waterclock"}, {"prefix": "other"}, {"place": "other"}, {"includeSchemas": ["nothing"]},
        ):  # fmt: skip
            answer = await http.post(path, json={"params": params})
            fell_unless(answer.status_code == 403, f"{params}: {answer.status_code} {answer.text}")
            fell_unless("edit" in answer.json()["detail"], answer.text)
        return answer.json()["detail"]


@attack(KIND, "run: an executor that nobody has announced", quick=True)
async def unknown_executor(field: Field) -> str:
    async with field.client("run") as http:
        body = {"invokeTarget": "db:backup", "params": {"endpoint": field.trap.url, **_MINE}}
        answer = await http.post("/runs", params={"allowUnknownExecutor": "true"}, json=body)
        fell_unless(answer.status_code == 403, f"{answer.status_code} {answer.text}")
        return answer.json()["detail"]


@attack(KIND, "run: a secret of an HTTP job goes to another host", quick=True)
async def reference_to_another_host(field: Field) -> str:
    headers = {"Authorization": {"from": "env:BOOKS_TOKEN"}}
    job = await field.job(
        jobName="hook", jobGroup="red", invokeTarget="http.request", invokeParams={"url": "https://books.example/close"}
    )
    async with field.client("run") as http:
        for params in (
            {"url": "https://thief.example/", "headers": headers},
            {"url": "https://books.example/close", "headers": headers},
            {"url": "https://books.example/close", "sign": {"key": "env:BOOKS_TOKEN"}},
        ):
            answer = await http.post(f"/jobs/{job['id']}/trigger", json={"params": params})
            fell_unless(answer.status_code == 403, f"{params}: {answer.status_code} {answer.text}")
            alone = await http.post("/runs", json={"invokeTarget": "http.request", "params": params})
            fell_unless(alone.status_code == 403, f"{params}: {alone.status_code} {alone.text}")
        return answer.json()["detail"]


@attack(KIND, "nobody, and every other scope: a run is asked for", quick=True)
async def without_the_scope(field: Field) -> str:
    body = {"invokeTarget": "demo.noop"}
    async with field.client() as http:
        answer = await http.post("/runs", json=body)
        fell_unless(answer.status_code == 401, f"nobody: {answer.status_code}")
    for scope in ("list", "query", "add", "edit", "remove", "changeStatus", "export"):
        async with field.client(scope) as http:
            answer = await http.post("/runs", json=body)
            fell_unless(answer.status_code == 403, f"{scope}: {answer.status_code}")
    return "401 and 403"
