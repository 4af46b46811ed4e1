"""Whatever the log's server answers while servers change places ends no service, and none of its loops.

All services run in this process, behind a proxy that gives the answers; each loop has to hear each of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from tests.contract.log import build
from tests.support import servers
from tests.support.answering import RESET, SILENCE, Answering, Spoken
from tests.support.servers import Shared
from tests.support.waiting import until
from waterclock.executors import definition
from waterclock.log.client import LogSettings
from waterclock.log.recovery.opening import initialise
from waterclock_api import main as api
from waterclock_api import projector_main as projector
from waterclock_dev.servers.ports import LOOPBACK, free_port
from waterclock_scheduler import main as scheduler
from waterclock_worker import main as worker

FEW = [
    "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)",
    "NOREPLICAS Not enough good replicas to write.",
    RESET,
]
"""Of what a planned switchover is met by."""
OTHERS = [
    "MOVED 3999 127.0.0.1:6381",
    "OOM command not allowed when used memory > 'maxmemory'.",
    "WRONGPASS invalid username-password pair or user is disabled.",
    "READONLY You can't write against a read only replica.",
    "LOADING Valkey is loading the dataset in memory",
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    "CLUSTERDOWN The cluster is down",
    "SUPERSEDED by a server with a later epoch",
    "ASK 3999 127.0.0.1:6381",
    "TRYAGAIN Multiple keys request during rehashing of slot",
    "MISCONF Errors writing to the AOF file: No space left on device",
    "BUSY Valkey is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
    "NOAUTH Authentication required.",
    "NOPERM User x has no permissions to run the 'evalsha' command",
    SILENCE,
]
HEARD = 20.0  # s; pauses of loops grow to two, and one that hears nothing waits for five
WELL = 30.0  # s
LOOPS = {
    ("api", "EVALSHA"),  # watches the schedules
    ("api-reader", "XREAD"),
    ("projector-reader", "XREAD"),
    ("scheduler", "EVALSHA"),
    ("worker", "EVALSHA"),
    ("worker-reader", "XREAD"),
    ("leases", "EVALSHA"),
}
"""What loops of services go on to ask, by the names of their connections."""
FASTSTREAM = ("", "XREAD")  # rests five seconds after each failure


class Running:
    """All services. `stop` ends them; none is to end before."""

    def __init__(self, proxy: Answering, prefix: str, port: int) -> None:
        self.proxy = proxy
        self.http = httpx.AsyncClient(base_url=f"http://{LOOPBACK}:{port}/v1/monitor", timeout=20)
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self.stop = asyncio.Event()
        self.job = ""
        self.missing: set[Spoken] = set()
        self.loops = {(f"{prefix}-{name}", command) for name, command in LOOPS}

    async def each_is(self, spoken: str, *, within: float) -> None:
        """Return when each loop has been answered, by the server (`asked`) or by the proxy (`answered`).

        By the proxy whatever it asked: on a new connection something comes before what it wants.
        """

        async def all_of_them() -> bool:
            found: set[Spoken] = getattr(self.proxy, spoken)
            plain = {(name.removesuffix("-control"), command) for name, command in found}
            if spoken == "answered":
                names = {name for name, _ in plain}
                plain |= {one for one in self.loops if one[0] in names}
            self.missing = self.loops - plain
            self.check_alive()
            return not self.missing

        try:
            await until(all_of_them, within=within, what=f"{spoken} each")
        except AssertionError as error:
            raise AssertionError(f"not {spoken}: {sorted(self.missing)}") from error

    def check_alive(self) -> None:
        for name, task in self.tasks.items():
            assert not task.done(), f"{name} has ended: {task.exception()!r}"

    async def trigger(self) -> httpx.Response:
        return await self.http.post(f"/jobs/{self.job}/trigger")

    async def is_refused(self, reply: str) -> None:
        answer = await self.trigger()
        assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE, (reply, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"

    async def greeting_is_answered(self) -> bool:
        return any(command == "INFO" for _, command in self.proxy.answered)

    async def executes(self) -> None:
        """Return when a run that is asked for now has succeeded."""

        async def accepted() -> str | None:
            answer = await self.trigger()
            return answer.json()["runId"] if answer.is_success else None

        run_id = await until(accepted, within=WELL, what="a run is accepted")

        async def succeeded() -> bool:
            answer = await self.http.get(f"/runs/{run_id}")
            return answer.is_success and answer.json()["status"] == "succeeded"

        await until(succeeded, within=WELL, what="a run succeeds")


@asynccontextmanager
async def running(
    server: Shared, prefix: str, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[Running]:
    port = free_port()
    async with Answering(server.url) as proxy:
        await initialise(LogSettings(url=server.url, prefix=prefix), partitions=1, queues=build.QUEUES)
        for name, value in {
            "REDIS_URL": proxy.url,
            "POSTGRES_URL": postgres_url,
            "KEY_PREFIX": prefix,
            "PORT": str(port),
            "KEYLESS": "loopback",
            "LEASE": "4",
            "EXECUTORS": "waterclock_worker.executors.demo",
        }.items():
            monkeypatch.setenv(f"WATERCLOCK_{name}", value)
        everybodys = definition._declared  # pyright: ignore[reportPrivateUsage]
        ours = [one for one in everybodys if one.module.startswith("waterclock_worker.")]  # not those of other tests
        monkeypatch.setattr(definition, "_declared", ours)
        all_of_them = Running(proxy, prefix, port)
        stop = all_of_them.stop
        serving: dict[str, Any] = {
            "projector": projector._project(stop),  # pyright: ignore[reportPrivateUsage]
            "api": api._serve_api(stop),  # pyright: ignore[reportPrivateUsage]
            "scheduler": scheduler._serve(stop),  # pyright: ignore[reportPrivateUsage]
            "worker": worker.serve(stop, ()),
        }
        all_of_them.tasks = {name: asyncio.create_task(work, name=name) for name, work in serving.items()}
        try:
            yield all_of_them
        finally:
            stop.set()
            await asyncio.wait(all_of_them.tasks.values(), timeout=WELL)
            await all_of_them.http.aclose()
            for task in all_of_them.tasks.values():
                task.cancel()
            everybodys += [one for one in ours if one not in everybodys]


async def begun(all_of_them: Running) -> None:
    """There are a job of each second and somebody who listens, and all is well."""

    async def written() -> str | None:
        all_of_them.check_alive()
        job = {"jobName": "tick", "invokeTarget": "demo.noop", "cronExpression": "* * * * * *"}
        with contextlib.suppress(httpx.TransportError):
            answer = await all_of_them.http.post("/jobs", json=job)
            if answer.is_success:
                return answer.json()["id"]
        return None

    all_of_them.job = await until(written, within=WELL, what="a job is written")
    await all_of_them.executes()


async def passes(all_of_them: Running, replies: list[str]) -> None:
    proxy = all_of_them.proxy
    for reply in replies:
        await all_of_them.each_is("asked", within=HEARD)
        proxy.answer(reply, greets=True)
        async with asyncio.TaskGroup() as at_once:
            at_once.create_task(all_of_them.is_refused(reply))
            at_once.create_task(all_of_them.each_is("answered", within=HEARD))
        proxy.answer(reply, greets=False)  # now nobody can connect, either
        await until(all_of_them.greeting_is_answered, within=HEARD, what="a greeting is answered")
        proxy.calm()
    await all_of_them.executes()
    all_of_them.check_alive()


async def listened(all_of_them: Running) -> None:
    """A stream that goes on through all of it."""
    async with all_of_them.http.stream("GET", "/events/stream") as response:
        assert response.status_code == httpx.codes.OK
        async for _ in response.aiter_raw():
            pass


@pytest.mark.parametrize("replies", [FEW, pytest.param(OTHERS, marks=pytest.mark.soak)], ids=["few", "others"])
async def test_no_answer_of_the_server_ends_a_loop(
    valkey_server: Shared,
    key_prefix: str,
    migrated_postgres_url: str,
    monkeypatch: pytest.MonkeyPatch,
    replies: list[str],
) -> None:
    servers.empty(valkey_server)
    logging.getLogger("waterclock.messages").setLevel(logging.CRITICAL)
    async with running(valkey_server, key_prefix, migrated_postgres_url, monkeypatch) as all_of_them:
        if replies is OTHERS:
            all_of_them.loops.add(FASTSTREAM)
        await begun(all_of_them)
        listening = asyncio.create_task(listened(all_of_them), name="listen")
        try:
            await passes(all_of_them, replies)
            assert not listening.done()
        finally:
            listening.cancel()
            await asyncio.wait({listening})
