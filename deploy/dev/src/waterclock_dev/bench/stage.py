"""A Valkey of the bench's own, with an open log, and workers on it. There is no projector: the bench opens the log."""

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, cast

import msgspec
from redis.asyncio import Redis

from waterclock.log.client import Log, LogSettings, Queue
from waterclock.log.commands.bodies import body_of
from waterclock.log.commands.idempotency import Command
from waterclock.log.commands.jobs import StoredJob, kept
from waterclock.log.commands.requests import Request, Requested, request
from waterclock.log.recovery.opening import initialise, open_partition
from waterclock.model.definition import Concurrent, Definition
from waterclock.model.events import RunRequested
from waterclock.model.ids import JobId, RunId, requested_run
from waterclock.model.timestamps import stamp
from waterclock_dev.installation import DEMO_EXECUTORS
from waterclock_dev.servers import external
from waterclock_dev.servers.children import OnLine
from waterclock_dev.servers.ports import LOOPBACK
from waterclock_dev.servers.server import Server
from waterclock_dev.servers.valkey import Valkey
from waterclock_dev.services import Service

QUEUE = Queue(name="default", weight=1)
READY = 30.0  # s a worker has to be ready
LOOK = 0.02  # s


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """One partition, one queue."""

    url: str
    log: Log
    env: Mapping[str, str]  # further settings of all its processes

    async def request(
        self,
        target: str,
        command_id: str,
        *,
        params: Mapping[str, Any] | None = None,
        ready_at: int = 0,
        job_id: JobId | None = None,
    ) -> RunId:
        """Request one run, to start at `ready_at` (ms); one of a job waits for the others."""
        return (await self.requested(target, command_id, params=params, ready_at=ready_at, job_id=job_id)).run_id

    async def requested(
        self,
        target: str,
        command_id: str,
        *,
        params: Mapping[str, Any] | None = None,
        ready_at: int = 0,
        job_id: JobId | None = None,
    ) -> Requested:
        """As `request`, with its place."""
        run_id = requested_run(job_id, command_id)
        event = RunRequested(
            run_id=run_id,
            job_id=job_id,
            trigger="manual",
            invoke_target=target,
            params=dict(params or {}),
            queue=QUEUE.name,
            ready_at=stamp(ready_at) if ready_at else None,
        )
        overlap = "buffer_all" if job_id else "allow"
        wanted = Request(
            run_id=run_id, job_id=job_id, queue=QUEUE.name, overlap=overlap, ready_at=ready_at, body=body_of(event)
        )
        done = await request(self.log, wanted, command=Command(id=command_id))
        assert isinstance(done, Requested), done
        return done

    @asynccontextmanager
    async def worker(
        self, *, slots: int, executors: Sequence[str] = (), env: Mapping[str, str] | None = None
    ) -> AsyncGenerator[Service]:
        """A worker process that is ready; what it says goes to our standard error."""
        settings = {
            "WATERCLOCK_WORKER_NAME": "bench",
            "WATERCLOCK_SLOTS": str(slots),
            "WATERCLOCK_DRAIN_TIMEOUT": "1",
            "WATERCLOCK_EXECUTORS": ",".join([DEMO_EXECUTORS, *executors]),
            **(env or {}),
        }
        async with self._service("worker", settings, complain("worker")) as worker:
            yield worker

    @asynccontextmanager
    async def projector(self, postgres_url: str) -> AsyncGenerator[Service]:
        """A projector process that follows the partition."""
        settings = {"WATERCLOCK_POSTGRES_URL": postgres_url}
        async with self._service("projector", settings, complain("projector")) as projector:
            yield projector

    @asynccontextmanager
    async def api(
        self, postgres_url: str, *, port: int, streams: int = 10, env: Mapping[str, str] | None = None
    ) -> AsyncGenerator[Service]:
        """An API process that is ready, and serves so many streams, to one address too."""
        settings = {"WATERCLOCK_POSTGRES_URL": postgres_url, "WATERCLOCK_PORT": str(port)}
        settings["WATERCLOCK_KEYLESS"] = "loopback"
        settings |= dict.fromkeys(("WATERCLOCK_STREAMS", "WATERCLOCK_STREAMS_PER_CLIENT"), str(streams))
        async with self._service("api", settings | dict(env or {}), complain("api")) as api:
            yield api

    @asynccontextmanager
    async def scheduler(self, on_line: OnLine) -> AsyncGenerator[Service]:
        """A scheduler process that is ready, and soon leads."""
        async with self._service("scheduler", {"WATERCLOCK_SCHEDULER_NAME": "bench"}, on_line) as scheduler:
            yield scheduler

    @asynccontextmanager
    async def bare_api(self, *, port: int) -> AsyncGenerator[Service]:
        """The process of `bare_api`, ready."""
        arguments = ("bare-api", self.url, str(port))
        async with self._service("bench", {}, complain("bare"), arguments=arguments) as bare:
            yield bare

    @asynccontextmanager
    async def sink(self, *, port: int) -> AsyncGenerator[Service]:
        """A process that takes traces and metrics, and drops them."""
        arguments = ("sink", str(port))
        async with self._service("bench", {}, complain("sink"), arguments=arguments) as sink:
            yield sink

    async def job(self, job_id: JobId, target: str, *, concurrent: Concurrent = "1") -> None:
        """Let there be a job, without the events that tell of it."""
        job = StoredJob(
            job_id=job_id,
            version=1,
            definition=Definition(job_name=job_id, invoke_target=target, concurrent=concurrent),
            created_at=stamp(0),
            updated_at=stamp(0),
        )
        key = self.log.keys.partition(0, "jobs")
        await self.log.execute(key, "HSET", key, job_id, kept(job, "0-0"))

    async def store_pid(self) -> int:
        """Of the log's server."""
        key = self.log.keys.partition(0, "meta")
        told = cast("bytes", await self.log.execute(key, "INFO", "server")).decode()
        return int(told.partition("process_id:")[2].split()[0])

    @asynccontextmanager
    async def _service(
        self, verb: str, settings: Mapping[str, str], on_line: OnLine, *, arguments: Sequence[str] = ()
    ) -> AsyncGenerator[Service]:
        ours = {name: value for name, value in os.environ.items() if not name.startswith("WATERCLOCK_")}
        env = {name: value for name, value in ours.items() if name not in external.NAMES}
        service = Service(
            verb,
            verb=verb,
            env={**env, "WATERCLOCK_REDIS_URL": self.url, **self.env, **settings},
            on_line=on_line,
            grace=5,
            arguments=arguments,
        )
        await service.start()
        try:
            await service.ready(deadline=READY)
            yield service
        finally:
            await service.stop()


@asynccontextmanager
async def staged(*, env: Mapping[str, str] | None = None, replicas: int = 0) -> AsyncGenerator[Stage]:
    """A fresh log on a fresh server, which keeps every write and syncs it each second.

    `replicas`: as many follow it, and are to have what services acknowledge.
    """
    told = {**(env or {}), "WATERCLOCK_LOG_REPLICAS": str(replicas)}
    with tempfile.TemporaryDirectory(prefix="waterclock-bench-", ignore_cleanup_errors=True) as folder:
        async with AsyncExitStack() as held:
            server = await held.enter_async_context(Server(Valkey(data=Path(folder) / "redis", appendfsync="everysec")))
            for number in range(replicas):
                replica = Valkey(data=Path(folder) / f"replica-{number}", settings={"repl-diskless-sync-delay": "0"})
                await _follow(await held.enter_async_context(Server(replica)), server)
            settings = LogSettings(url=server.url)
            await initialise(settings, partitions=1, queues=[QUEUE])
            log = await Log.connect(settings, role="bench")
            try:
                await open_partition(log, 0, epoch=1, expect_tail=None)
                yield Stage(url=server.url, log=log, env=told)
            finally:
                await log.close()


async def _follow(replica: Server[Valkey], server: Server[Valkey]) -> None:
    client: Any = Redis(host=LOOPBACK, port=replica.port)
    async with client, asyncio.timeout(READY):
        await client.execute_command("REPLICAOF", LOOPBACK, server.port)
        while (await client.info("replication")).get("master_link_status") != "up":  # noqa: ASYNC110  only asking tells
            await asyncio.sleep(LOOK)


def complain(name: str) -> OnLine:
    """Passes on what a process says is wrong."""

    def said(line: str) -> None:
        if " warning " in line or " error " in line or line.startswith(("Traceback", " ")):
            sys.stderr.write(f"{name} │ {line}\n")

    return said
