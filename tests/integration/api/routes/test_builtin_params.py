"""Parameters that a built-in executor would refuse at the run are refused when they are written."""

from __future__ import annotations

from typing import Any

import msgspec

from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import JOBS, RUNS, Rig
from tests.support.announced import specs

URL = "https://books.example/close"
REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("db.backup", {"uploadToS3": False}, "/uploadToS3"),
    ("db.backup", {"database": ".."}, "/database"),
    ("db:backup", {"database": ".."}, "/database"),
    ("db.restore-drill", {"database": "."}, "/database"),
    ("http.request", {"url": URL, "json": {}, "text": ""}, "/text"),
    ("http.request", {"url": URL, "headers": {"Host": "x"}}, "/headers/Host"),
    ("http.request", {"url": URL, "headers": {"X-A": "1", "x-a": "2"}}, "/headers/x-a"),
    ("http.request", {"url": URL, "expect": ["299-200"]}, "/expect/0"),
    ("http.request", {"url": "https://books.example:99999/"}, "/url"),
    ("http.request", {"url": "https://a..b/"}, "/url"),
    ("http.request", {"url": "https://a b/"}, "/url"),
]


async def test_what_would_fail_is_refused_when_it_is_written_and_what_is_stored_goes_on(rig: MakeRig) -> None:
    async with rig() as api:
        stored = [
            await _stored(api, f"stored {number}", target, params)
            for number, (target, params, _) in enumerate(REFUSED)
            if "a b" not in params.get("url", "")
        ]
        await api.worker(*specs())
        for target, params, pointer in REFUSED:
            job = {"jobName": "new", "invokeTarget": target, "invokeParams": params}
            assert await _refused(api, "POST", JOBS, job) == [f"/invokeParams{pointer}"]
            run = {"invokeTarget": target, "params": params}
            assert await _refused(api, "POST", RUNS, run) == [f"/params{pointer}"]
        for job, (target, params, pointer) in zip(stored, REFUSED, strict=False):
            path = f"{JOBS}/{job['id']}"
            told = (await api.http.get(path)).json()
            said = "goes on as it is stored" if pointer == "/expect/0" else "a run with it fails"
            notes = [note["message"] for note in told["notes"] if note["pointer"] == f"/invokeParams{pointer}"]
            assert any(note.startswith(said) for note in notes), told
            again = await api.http.put(path, json=told | {"remark": "edited"})
            assert (again.status_code, again.json()["invokeParams"]) == (200, params), again.text
            assert (await api.http.post(f"{path}/trigger", json={"params": params})).status_code == 202
            assert (await api.http.post(f"{path}/trigger", json={})).status_code == 202
            fine = {"url": URL} if target == "http.request" else {}
            assert (await api.http.put(path, json=told | {"invokeParams": fine})).status_code == 200
            assert await _refused(api, "PUT", path, told) == [f"/invokeParams{pointer}"]
            assert await _refused(api, "POST", f"{path}/trigger", {"params": params}) == [f"/params{pointer}"]


async def test_an_executor_of_somebody_else_with_that_name_is_his_affair(rig: MakeRig) -> None:
    own = next(spec for spec in specs() if spec.key == "http.request")
    async with rig() as api:
        await api.worker(msgspec.structs.replace(own, params_schema={"type": "object"}))
        job = await api.create(invokeTarget="http.request", invokeParams={"url": "x", "json": 1, "text": "y"})
        assert "notes" not in job or not job["notes"]


async def _stored(api: Rig, name: str, target: str, params: dict[str, Any]) -> dict[str, Any]:
    """A job from before anybody knew what its executor asks."""
    job = {"jobName": name, "invokeTarget": target, "invokeParams": params, "concurrent": "0"}
    answer = await api.http.post(JOBS, json=job, params={"allowUnknownExecutor": "true"})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def _refused(api: Rig, method: str, path: str, body: dict[str, Any]) -> list[str]:
    answer = await api.http.request(method, path, json=body)
    assert answer.status_code == 422, answer.text
    return [error["pointer"] for error in answer.json()["errors"]]
