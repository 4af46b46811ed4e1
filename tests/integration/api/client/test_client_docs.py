"""What the page about the client shows is run, in its order, against a real API."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import Worker, served
from tests.support.pages import README, save

PAGE = README.parent / "docs" / "reference/python-client.md"
SAID = {
    "tide.py": ["tide 1 None", "succeeded 1 ['Measure']", "info high water"],
    "watch.py": ["high water", "it succeeded"],
    "refused.py": ["/cronExpression '61' in the minute field is invalid: use 0-59", "it has version 1"],
}


def test_every_block_of_python_is_saved_by_a_name(tmp_path: Path) -> None:
    assert [file.name for file in save(tmp_path, PAGE)] == list(SAID)
    assert PAGE.read_text().count("```python") == len(SAID)


async def test_what_the_page_shows_works(rig: MakeRig, tmp_path: Path) -> None:
    files = save(tmp_path, PAGE)
    async with rig() as api, served(api) as url:
        working = asyncio.create_task(work(await api.worker()))
        for file in files:
            assert await run(file, url) == SAID[file.name]
        working.cancel()


async def work(worker: Worker) -> None:
    while True:
        for grant in await worker.claim():
            await worker.step(grant, "Measure", "high water")
            await worker.succeed(grant)
        await asyncio.sleep(0.05)  # a hand's claims do not block


async def run(file: Path, url: str) -> list[str]:
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        str(file),
        env={**os.environ, "WATERCLOCK_API_URL": url},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(30):
        said, _ = await child.communicate()
    assert child.returncode == 0, said.decode()
    return said.decode().splitlines()
