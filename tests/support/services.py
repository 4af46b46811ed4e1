"""Our services as processes of their own, each with settings of its own, and a client of their API."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx

from tests.support.installation import ENDED, answered, clean_environment
from tests.support.waiting import until
from waterclock_dev.installation import DEMO_EXECUTORS
from waterclock_dev.servers.children import Child
from waterclock_dev.servers.ports import free_port

PATIENCE = 60.0  # s
VERBS = ("projector", "api", "scheduler", "worker")


class Place:
    """Where each service finds its stores, and what all of them are told."""

    def __init__(
        self,
        *,
        redis: Mapping[str, str],
        postgres: Mapping[str, str],
        prefix: str,
        told: Mapping[str, str] | None = None,
    ) -> None:
        """`redis`: URLs by service, and for the `operator`; `postgres`: for those that use it, and for the `owner`."""
        self.port = free_port()
        self.redis = redis
        self.postgres = postgres
        ours = {"KEY_PREFIX": prefix, "PORT": str(self.port), "WORKER_NAME": "w", "EXECUTORS": DEMO_EXECUTORS}
        self._told = ours | {"KEYLESS": "loopback"} | dict(told or {})

    def environment(self, verb: str, **more: str) -> dict[str, str]:
        told = self._told | {"REDIS_URL": self.redis.get(verb, self.redis["operator"])}
        if verb not in {"scheduler", "worker"}:
            told["POSTGRES_URL"] = self.postgres.get(verb, self.postgres["owner"])
        return clean_environment() | {f"WATERCLOCK_{name}": value for name, value in (told | more).items()}

    async def ended(self, verb: str, *arguments: str, **more: str) -> tuple[int, str]:
        """The exit code of a verb, and all that it said."""
        service = Service(verb, self.environment(verb, **more), arguments)
        try:
            async with asyncio.timeout(PATIENCE):
                code = await service.child.exited()
        finally:
            await service.child.kill()
        return code, f"{service.child.last_lines}"


class Service:
    """One process; `lines` is all that it said."""

    def __init__(self, verb: str, env: Mapping[str, str], arguments: Sequence[str] = ()) -> None:
        self.lines: list[str] = []
        command = [sys.executable, "-m", "waterclock.cli", verb, *arguments]
        self.child = Child(command, name=verb, env=env, on_line=self.lines.append)

    async def says(self, words: str) -> None:
        async def said() -> bool:
            assert self.child.running, self.child.last_lines
            return any(words in line for line in self.lines)

        await until(said, within=PATIENCE, what=f"{self.child.name} says {words!r}")


class Services:
    """All services at work."""

    def __init__(self, place: Place, running: Mapping[str, Service], http: httpx.AsyncClient) -> None:
        self.place = place
        self.running = running
        self.http = http

    @property
    def said(self) -> str:
        return "\n".join(line for service in self.running.values() for line in service.lines)

    async def post(self, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        return answered(await self.http.post(path, json=body or {}))

    async def get(self, path: str) -> dict[str, Any]:
        return answered(await self.http.get(path))

    async def ready(self) -> None:
        async def answers() -> bool:
            try:
                return (await self.http.get(f"http://127.0.0.1:{self.place.port}/readyz")).is_success
            except httpx.TransportError:
                assert self.running["api"].child.running, self.said
                return False

        await until(answers, within=PATIENCE, what="the API is ready")

    async def ended_run(self, run_id: str) -> dict[str, Any]:
        async def ended() -> dict[str, Any] | None:
            run = await self.get(f"/runs/{run_id}")
            return run if run["status"] in ENDED else None

        return await until(ended, within=PATIENCE, what=f"the end of {run_id}")

    async def scheduled(self, job_id: str, *, since: str) -> dict[str, Any]:
        """A run of the job's schedule that was requested later and has succeeded."""

        async def found() -> dict[str, Any] | None:
            query = {"jobId": job_id, "trigger": "schedule", "status": "succeeded", "from": since}
            runs = answered(await self.http.get("/runs", params=query))["items"]
            return runs[0] if runs else None

        return await until(found, within=PATIENCE, what="a run of the schedule")


@asynccontextmanager
async def serving(
    place: Place, *, headers: Mapping[str, str] | None = None, also: Sequence[str] = ()
) -> AsyncGenerator[Services]:
    """Migrate, start each service, wait until all are ready; at the end they are told to stop. `also`: more verbs."""
    code, said = await place.ended("migrate")
    assert code == 0, said
    running: dict[str, Service] = {}
    async with AsyncExitStack() as held:
        for verb in (*VERBS, *also):
            running[verb] = service = Service(verb, place.environment(verb))
            held.push_async_callback(service.child.stop, grace=20)
        base = f"http://127.0.0.1:{place.port}/v1/monitor"
        http = await held.enter_async_context(
            httpx.AsyncClient(base_url=base, timeout=30, trust_env=False, headers=dict(headers or {}))
        )
        services = Services(place, running, http)
        for service in running.values():
            await service.says("ready")
        await services.ready()
        yield services
