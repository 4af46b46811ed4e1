"""Stores that take nothing more: what relieves them still works, and whoever waits for them goes on afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
from redis.asyncio import Redis

from tests.redteam.attack import attack, fell_unless
from tests.redteam.field import API, Field
from tests.support.waiting import until

KIND = "stores"


@asynccontextmanager
async def _full(field: Field) -> AsyncGenerator[None]:
    made: Any = Redis.from_url(field.valkey.url)  # pyright: ignore[reportUnknownMemberType]
    async with made as redis:
        told = await redis.info("memory")
        await redis.config_set("maxmemory", told["used_memory"] // 2)
        try:
            yield
        finally:
            await redis.config_set("maxmemory", 0)


@attack(KIND, "Valkey at maxmemory: pause, disable, cancel, delete")
async def relieved(field: Field) -> str:
    job = await field.job(jobName="relieved", jobGroup="red", cronExpression="0 4 * * *")
    async with field.client("admin") as http:
        body = {"invokeTarget": "demo.noop", "delay": 3600}
        run = (await http.post("/runs", json=body)).json()["runId"]
        async with _full(field):
            refused = await http.post("/runs", json=body)
            fell_unless(refused.status_code == 503, f"a new run: {refused.status_code}")
            for answer in (
                await http.post("/queues/low/pause"),
                await http.put(f"/jobs/{job['id']}/status", json={"status": "1"}),
                await http.post(f"/runs/{run}/cancel"),
                await http.delete(f"/jobs/{job['id']}"),
                await http.post("/queues/low/resume"),
            ):
                fell_unless(answer.is_success, f"{answer.request.method} {answer.request.url.path}: {answer.text}")

            async def said() -> str | None:
                async with httpx.AsyncClient(timeout=5, trust_env=False) as probe:
                    text = (await probe.get(f"{field.direct}/readyz")).text
                return text if "memory" in text else None

            told = await until(said, within=15, what="/readyz says that nothing can be written")
    return f"all five done, a new run 503, /readyz says {told}"


@attack(KIND, "Postgres turns read-only: the projector waits")
async def read_only(field: Field) -> str:
    pid = field.running["projector"].child.pid
    store = field.place.postgres["owner"]
    before = len(field.running["projector"].lines)
    with psycopg.connect(f"{store.rpartition('/')[0]}/postgres", autocommit=True) as admin:
        admin.execute("ALTER DATABASE waterclock SET default_transaction_read_only = on")
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'waterclock'")
        try:
            async with field.client("admin") as http:

                async def accepted() -> str | None:
                    answer = await http.post("/runs", json={"invokeTarget": "demo.noop"})
                    return answer.json()["runId"] if answer.status_code == 202 else None

                run = await until(accepted, within=20, what="a run is accepted")
                await asyncio.sleep(8)
        finally:
            admin.execute("ALTER DATABASE waterclock RESET default_transaction_read_only")
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'waterclock'")
    projector = field.running["projector"]
    fell_unless(projector.child.running and projector.child.pid == pid, f"it ended: {projector.child.last_lines}")
    told = projector.lines[before:]
    fell_unless(not any("Traceback" in line for line in told), told[-5:])
    async with field.client("admin") as http:
        await field.ended(http, run)
    return f"{len(told)} lines; the run was projected afterwards"


@attack(KIND, "Postgres without a connection to spare: an API starts")
async def no_connections(field: Field) -> str:
    store = field.place.postgres["owner"]
    at = urlsplit(store)
    crowd = at._replace(netloc=f"crowd:crowd@{at.hostname}:{at.port}").geturl()
    with psycopg.connect(f"{store.rpartition('/')[0]}/postgres", autocommit=True) as admin:
        admin.execute("ALTER DATABASE waterclock CONNECTION LIMIT 0")
        admin.execute("CREATE ROLE crowd LOGIN PASSWORD 'crowd'")
        try:
            settings = f"WATERCLOCK_POSTGRES_URL={crowd}"
            async with field.another_api("env", settings) as (where, _), httpx.AsyncClient(trust_env=False) as http:
                answer = await http.get(f"{where}{API}/jobs", headers=field.key("list"))
        finally:
            admin.execute("ALTER DATABASE waterclock CONNECTION LIMIT -1")
            admin.execute("DROP ROLE crowd")
    fell_unless(answer.status_code == 503, f"a key that cannot be looked up: {answer.status_code}")
    return "it serves, and answers 503 while keys are not known"
