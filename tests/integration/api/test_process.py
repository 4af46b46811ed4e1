"""`waterclock api` as a process: one, which starts fit or says why not, and stops when it is told."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from tests.integration.api.rig import JOBS, QUEUES
from tests.integration.api.sse import stream
from waterclock.log.client import LogSettings
from waterclock.log.opening import initialise
from waterclock_dev.ports import free_port


@pytest.fixture
def env(redis_url: str, store_url: str, key_prefix: str) -> dict[str, str]:
    return {
        "WATERCLOCK_REDIS_URL": redis_url,
        "WATERCLOCK_POSTGRES_URL": store_url,
        "WATERCLOCK_KEY_PREFIX": key_prefix,
        "WATERCLOCK_PORT": str(free_port()),
    }


@pytest.mark.asyncio
async def test_it_serves_in_one_process_and_stops_with_streams_open(env: dict[str, str]) -> None:
    await _initialise(env)
    async with _running("projector", env), _running("api", env) as api, httpx.AsyncClient() as http:
        url = f"http://127.0.0.1:{env['WATERCLOCK_PORT']}"
        await _ready(http, url)
        body = {"jobName": "a", "invokeTarget": "demo.noop"}
        job = (await http.post(f"{url}{JOBS}?allowUnknownExecutor=true", json=body)).json()
        async with stream(f"{url}{JOBS}/{job['id']}/logs/stream", after="0") as events:
            assert (await events.next()).kind == "job.created"
            assert _children(api.pid) == []
            api.send_signal(signal.SIGTERM)
            assert await events.ended()
            async with asyncio.timeout(5):
                assert await api.wait() == 0


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"WATERCLOCK_HOST": "0.0.0.0"}, ("WATERCLOCK_HOST", "credentials")),
        ({"WATERCLOCK_PORT": "none"}, ("WATERCLOCK_PORT",)),
        ({"WATERCLOCK_POSTGRES_URL": "postgresql://127.0.0.1:1/x"}, ("WATERCLOCK_POSTGRES_URL",)),
        ({"WATERCLOCK_KEY_PREFIX": "another"}, ("waterclock migrate",)),
    ],
)
async def test_a_start_that_cannot_be_says_why_in_one_line(
    env: dict[str, str], settings: dict[str, str], words: tuple[str, ...]
) -> None:
    await _initialise(env)
    code, said = await _ended("api", env | settings)
    assert code == 2
    assert said.count("\n") == 1, said
    assert all(word in said for word in words), said


@pytest.mark.asyncio
async def test_a_port_that_is_taken_is_named(env: dict[str, str]) -> None:
    await _initialise(env)
    async with _running("api", env), httpx.AsyncClient() as http:
        await _alive(http, f"http://127.0.0.1:{env['WATERCLOCK_PORT']}")
        code, said = await _ended("api", env)
        assert (code, env["WATERCLOCK_PORT"] in said, "WATERCLOCK_PORT" in said) == (2, True, True)


@pytest.mark.asyncio
async def test_migrate_prepares_both_servers_and_may_be_repeated(env: dict[str, str], postgres_url: str) -> None:
    env = env | {"WATERCLOCK_POSTGRES_URL": postgres_url, "WATERCLOCK_PARTITIONS": "2"}
    for _ in range(2):
        code, said = await _ended("migrate", env)
        assert code == 0, said
    async with _running("api", env), httpx.AsyncClient() as http:
        await _alive(http, f"http://127.0.0.1:{env['WATERCLOCK_PORT']}")
    code, said = await _ended("migrate", env | {"WATERCLOCK_PARTITIONS": "3"})
    assert (code, "partitions" in said) == (2, True)


async def _initialise(env: Mapping[str, str]) -> None:
    settings = LogSettings(url=env["WATERCLOCK_REDIS_URL"], prefix=env["WATERCLOCK_KEY_PREFIX"])
    await initialise(settings, partitions=1, queues=QUEUES)


@asynccontextmanager
async def _running(verb: str, env: Mapping[str, str]) -> AsyncGenerator[asyncio.subprocess.Process]:
    process = await _start(verb, env)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(10):
            _, said = await process.communicate()
        assert process.returncode == 0, said.decode()


async def _ended(verb: str, env: Mapping[str, str]) -> tuple[int | None, str]:
    process = await _start(verb, env)
    async with asyncio.timeout(20):
        out, said = await process.communicate()
    return process.returncode, (out + said).decode()


async def _start(verb: str, env: Mapping[str, str]) -> asyncio.subprocess.Process:
    code = f"from waterclock_api.main import {verb}; {verb}([])"
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        code,
        env={name: value for name, value in os.environ.items() if not name.startswith("WATERCLOCK_")} | dict(env),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def _alive(http: httpx.AsyncClient, url: str, path: str = "/livez") -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                if (await http.get(url + path)).status_code == 200:
                    return
            except httpx.TransportError:
                await asyncio.sleep(0.02)


async def _ready(http: httpx.AsyncClient, url: str) -> None:
    await _alive(http, url, "/readyz")


def _children(pid: int) -> list[str]:
    return [child for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]
