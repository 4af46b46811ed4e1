"""The API as its own OpenAPI document describes it, asked by somebody who means no good.

Schemathesis makes requests from the document, right and wrong ones, alone and in sequences that follow its links, and
holds each answer against it: no 5xx, no undocumented status, header or body, and nothing accepted that the document
forbids.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import Rig, served
from tests.support.repository import ROOT
from waterclock.kit.clock import SystemClock

PROGRAM = Path(sys.executable).with_name("st")
CHECKS = (
    *("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance"),
    *("response_schema_conformance", "negative_data_rejection", "unsupported_method"),
)
ENDLESS = "/stream$"
GOT_BY = {"job.created", "run.requested", "run.succeeded"}
"""Events without which nothing but refusals was tested; in a little time no more than these is sure."""
GOT_BY_IN_LONG = GOT_BY | {"job.changed", "job.deleted"}


@pytest.mark.timeout(180)
async def test_every_answer_is_one_that_the_document_foretells(rig: MakeRig) -> None:
    await _attack(rig, "--max-examples=8", "--max-time=25", "--phases=coverage,fuzzing,stateful", events=GOT_BY)


@pytest.mark.soak
@pytest.mark.timeout(1800)
async def test_every_answer_is_one_that_the_document_foretells_for_long(rig: MakeRig) -> None:
    options = ("--max-examples=300", "--max-time=900", "--phases=examples,coverage,fuzzing,stateful")
    await _attack(rig, *options, events=GOT_BY_IN_LONG)


async def _attack(rig: MakeRig, *options: str, events: set[str]) -> None:
    async with rig(partitions=2) as api, served(api) as url, _working(api):
        key = await api.key("admin")  # from now on nobody is served without
        process = await asyncio.create_subprocess_exec(
            *(PROGRAM, "run", f"{url}/schema/openapi.json", "--exclude-path-regex", ENDLESS, "--no-color"),
            *("--exclude-method", "HEAD"),  # as GET, and `test_head.py` compares the two
            *("--checks", ",".join(CHECKS), "--request-timeout", "15", *options),
            *("--header", f"Authorization: Bearer {key}"),
            env={**os.environ, "SCHEMATHESIS_HOOKS": "tests.support.attack", "PYTHONPATH": str(ROOT)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        assert process.returncode == 0, said.decode()
        assert await _types(api) >= events, said.decode()


async def _types(api: Rig) -> set[str]:
    async with api.parts.reading() as connection:
        cursor = await connection.execute("SELECT DISTINCT type FROM events")
        return {row[0] for row in await cursor.fetchall()}


@asynccontextmanager
async def _working(api: Rig) -> AsyncGenerator[None]:
    """A worker that takes what is requested, and lets it succeed."""
    worker = await api.worker()
    clock = SystemClock()

    async def work() -> None:
        while True:
            for partition in range(2):
                for grant in await worker.claim(partition):
                    await worker.step(grant, "Work", "a line")
                    await worker.succeed(grant, {"at": clock.now_ms()})
            await asyncio.sleep(0.05)

    task = asyncio.create_task(work())
    try:
        yield
        assert not task.done(), task.exception()
    finally:
        task.cancel()
