"""What the page about callers shows, in each framework, against a real API."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import RUNS, served
from tests.support.pages import save
from tests.support.repository import DOCS
from waterclock.model.events import ExecutorSpec

PAGE = DOCS / "how-to" / "call-from-python.md"
CONFIRM = ExecutorSpec(
    key="orders.confirm", description="Confirm an order.", params_schema={"type": "object", "properties": {"order": {}}}
)
CALLS = {
    "flask_app": """
from flask_app import app
caller = app.test_client()
for order in ("A-1", "A-1", "A-2"):
    answer = caller.post(f"/orders/{order}/confirm")
    print(answer.status_code)
""",
    "django_app": """
import django_app
from django.test import Client
for order in ("A-1", "A-1", "A-2"):
    print(Client().post(f"/orders/{order}/confirm").status_code)
""",
    "fastapi_app": """
import asyncio
import httpx
from fastapi_app import app, lifespan
async def call():
    async with lifespan(app), httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as caller:
        for order in ("A-1", "A-1", "A-2"):
            answer = await caller.post(f"/orders/{order}/confirm")
            print(answer.status_code)
        assert (await caller.get(f"/runs/{answer.json()['runId']}")).json() == {"status": "queued"}
asyncio.run(call())
""",
}


@pytest.mark.parametrize("framework", CALLS)
async def test_a_handler_requests_one_run_for_each_order(rig: MakeRig, tmp_path: Path, framework: str) -> None:
    save(tmp_path, PAGE)
    async with rig() as api, served(api) as url:
        await api.worker(CONFIRM)
        assert await called(tmp_path, CALLS[framework], url) == "202\n202\n202\n"
        runs = (await api.http.get(RUNS)).json()["items"]
    assert sorted(run["params"]["order"] for run in runs) == ["A-1", "A-2"]


async def test_a_handler_says_so_when_no_api_answers(tmp_path: Path) -> None:
    save(tmp_path, PAGE)
    said = await called(tmp_path, CALLS["flask_app"].replace('("A-1", "A-1", "A-2")', '("A-1",)'), "http://127.0.0.1:1")
    assert said.splitlines()[-1] == "503"


async def called(folder: Path, code: str, url: str) -> str:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code),
        cwd=folder,
        env={**os.environ, "WATERCLOCK_API_URL": url},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        said, complaints = await child.communicate()
    assert child.returncode == 0, complaints.decode()
    return said.decode()
