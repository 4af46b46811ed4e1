"""The API over real servers, with a projector beside it, and a worker's hand for what workers do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
import msgspec
from litestar import Litestar
from litestar.types import ASGIApp

from waterclock.kit.clock import SystemClock
from waterclock.kit.randomness import token
from waterclock.log.client import Log, LogSettings, Queue
from waterclock.log.clock import server_time
from waterclock.log.commands import attempts
from waterclock.log.commands.aside import announced
from waterclock.log.commands.attempts import Grant, QueueCredit, RunEnding, StepBatch
from waterclock.log.commands.bodies import body_of, part
from waterclock.log.liveness import sessions
from waterclock.log.recovery.opening import initialise
from waterclock.log.tail import tail_of
from waterclock.model.events import (
    ExecutorSpec,
    LogLine,
    ResultRefused,
    RunCancelled,
    RunFailed,
    RunLost,
    RunStarted,
    RunSucceeded,
    StepFinished,
    StepLogged,
    StepStarted,
    WorkerJoined,
    WorkerLeft,
)
from waterclock.model.ids import RunId
from waterclock.model.outcomes import Error
from waterclock.model.places import PlaceSpec
from waterclock.model.timestamps import stamp
from waterclock.store import api_keys
from waterclock.store.connection.lanes import statement_seconds
from waterclock.store.connection.pool import open_pool
from waterclock.store.readmodels.wait_for_position import wait_for
from waterclock_api.access.csrf import CsrfProtection
from waterclock_api.access.proxies import trusted_networks
from waterclock_api.access.secret import new_secret
from waterclock_api.app import application, assembled, state_of
from waterclock_api.consistency.default_zone import session_of
from waterclock_api.dependencies import Dependencies
from waterclock_api.http.cors import CrossOrigin
from waterclock_api.http.gateway import BehindGateway
from waterclock_api.http.server import serve
from waterclock_api.projector import service
from waterclock_api.telemetry.instrumentation import Instrumented
from waterclock_dev.servers.ports import LOOPBACK, free_port

QUEUES = (Queue(name="critical", weight=6), Queue(name="default", weight=3), Queue(name="low", weight=1))
SLEEP = ExecutorSpec(
    key="demo.sleep",
    description="Sleeps.",
    params_schema={
        "$ref": "#/$defs/Sleep",
        "$defs": {
            "Sleep": {
                "type": "object",
                "properties": {"seconds": {"type": "number", "minimum": 0, "default": 1}},
                "required": [],
                "additionalProperties": False,
            }
        },
    },
    aliases=("demo:sleep",),
)
NOOP = ExecutorSpec(key="demo.noop", description="Does nothing.", params_schema={"type": "object", "properties": {}})
JOB: dict[str, Any] = {"jobName": "nightly", "invokeTarget": "demo.noop"}
JOBS = "/v1/monitor/jobs"
RUNS = "/v1/monitor/runs"
_unused: list[Litestar] = []


class Worker:
    """One session of a worker, which does what the test tells it."""

    def __init__(self, log: Log, name: str) -> None:
        self._log = log
        self._name = name
        self.session = f"{name}-{token(6)}"
        self._claims = 0
        self._batches: dict[str, int] = {}

    async def join(
        self,
        executors: Sequence[ExecutorSpec] = (SLEEP, NOOP),
        *,
        places: tuple[PlaceSpec, ...] | None = None,
        queues: tuple[str, ...] = ("default",),
        announces: bool = False,
    ) -> None:
        """`announces`: it says what it can run, as workers do; else it is granted whatever there is."""
        joined = WorkerJoined(
            worker=self._name, session=self.session, queues=queues, slots=10, executors=tuple(executors), places=places
        )
        said = announced(name for one in executors for name in (one.key, *one.aliases)) if announces else None
        await sessions.join(self._log, self.session, body=body_of(joined), executors=said)

    async def leave(self) -> None:
        body = part(WorkerLeft, session=self.session, worker=self._name, reason="drained")
        await sessions.leave(self._log, self.session, body=body)

    async def claim(self, partition: int = 0, *, slots: int = 10) -> list[Grant]:
        self._claims += 1
        claimed = await attempts.claim(
            self._log,
            partition,
            session=self.session,
            number=self._claims,
            slots=slots,
            queues=[QueueCredit(name=queue.name, weight=queue.weight) for queue in QUEUES],
            strict=False,
            body=part(RunStarted, worker=self._name, session=self.session),
            body_cancelled=part(RunCancelled),
        )
        return claimed.grants

    async def claim_one(self, partition: int = 0) -> Grant:
        (grant,) = await self.claim(partition)
        return grant

    async def step(self, grant: Grant, name: str, *lines: str, number: int = 1) -> None:
        """A whole step with these lines."""
        about: dict[str, Any] = {
            "run_id": grant.run_id,
            "job_id": grant.job_id,
            "attempt": grant.attempt,
            "fence": grant.fence,
            "number": number,
        }
        now = stamp(SystemClock().now_ms())
        logged = tuple(LogLine(at=now, level="info", text=text) for text in lines)
        await self.record(
            grant,
            body_of(StepStarted(**about, name=name)),
            body_of(StepLogged(**about, lines=logged)),
            body_of(StepFinished(**about, status="succeeded")),
        )

    async def succeed(self, grant: Grant, result: Any = None) -> None:
        event = RunSucceeded(
            run_id=grant.run_id, job_id=grant.job_id, attempt=grant.attempt, fence=grant.fence, result=result
        )
        await self._end(grant, body_of(event), "succeeded")

    async def fail(self, grant: Grant, message: str) -> None:
        error = Error(type="ValueError", message=message)
        event = RunFailed(
            run_id=grant.run_id,
            job_id=grant.job_id,
            attempt=grant.attempt,
            fence=grant.fence,
            outcome="failed",
            error=error,
        )
        await self._end(grant, body_of(event), "failed")

    async def record(self, grant: Grant, *bodies: str) -> None:
        number = self._batches[grant.run_id] = self._batches.get(grant.run_id, 0) + 1
        batch = StepBatch(run_id=grant.run_id, fence=grant.fence, number=number, bodies=bodies)
        assert await attempts.record(self._log, self._log.partition_of(grant.run_id), [batch]) == ["done"]

    async def hand_back(self, grant: Grant) -> None:
        """Another attempt follows at once."""
        event = RunLost(
            run_id=grant.run_id, job_id=grant.job_id, attempt=grant.attempt, fence=grant.fence, reason="handedBack"
        )
        await self._end(grant, body_of(event), None, back=True)

    async def _end(self, grant: Grant, body: str, ended: Any, *, back: bool = False) -> None:
        refused = ResultRefused(
            run_id=grant.run_id, job_id=grant.job_id, attempt=grant.attempt, fence=grant.fence, outcome="lost"
        )
        ending = RunEnding(
            run_id=RunId(grant.run_id),
            attempt=grant.attempt,
            fence=grant.fence,
            body=body,
            ended=ended,
            give_back=back,
            body_refused=body_of(refused),
        )
        assert await attempts.end(self._log, self._log.partition_of(grant.run_id), [ending]) == ["done"]


class Rig(msgspec.Struct, frozen=True, kw_only=True):
    """`http` calls the application in this process, without a server."""

    parts: Dependencies
    app: ASGIApp
    http: httpx.AsyncClient
    redis_url: str
    postgres_url: str
    credentials: Mapping[str, str] = {}
    """Headers that let other clients do what `http` may: none where nobody is asked."""

    @property
    def log(self) -> Log:
        return self.parts.log

    async def worker(self, *executors: ExecutorSpec, name: str = "w1", **announced: Any) -> Worker:
        worker = Worker(self.log, name)
        await worker.join(executors or (SLEEP, NOOP), **announced)
        return worker

    async def create(self, **fields: Any) -> dict[str, Any]:
        response = await self.http.post(JOBS, json=JOB | fields)
        assert response.status_code == 201, response.text
        await self._next_ms()
        return response.json()

    async def key(
        self, *scopes: str, name: str = "tester", valid_for: timedelta | None = None, rate: float | None = None
    ) -> str:
        """A new key, which the API knows already."""
        secret = new_secret()
        async with self.parts.reading() as connection:
            await api_keys.add(
                connection,
                key_id=secret.key_id,
                name=name,
                secret_sha256=secret.sha256,
                scopes=scopes,
                valid_for=valid_for,
                rate=rate,
            )
        await self.parts.access.keyring.read()
        return secret.text

    async def trigger(self, job_id: str, **body: Any) -> str:
        return await self._request(f"{JOBS}/{job_id}/trigger", body)

    async def ask(self, **body: Any) -> str:
        """A run without a job."""
        return await self._request(RUNS, {"invokeTarget": "demo.noop"} | body)

    async def _request(self, path: str, body: dict[str, Any]) -> str:
        response = await self.http.post(path, json=body)
        assert response.status_code == 202, response.text
        await self._next_ms()
        return response.json()["runId"]

    async def _next_ms(self) -> None:
        """Lists are in order of time: what was written in one millisecond is in any."""
        key = self.log.keys.partition(0, "events")
        written = await server_time(self.log, key)
        while await server_time(self.log, key) == written:
            pass

    async def caught_up(self, partition: int = 0) -> None:
        """Wait until the read models show all that is in the log now."""
        end = await tail_of(self.log, partition)
        assert end is not None
        async with self.parts.reading() as connection:
            assert await wait_for(connection, end, 10, self.parts.projected)


@asynccontextmanager
async def assembled_rig(
    redis_url: str,
    postgres_url: str,
    prefix: str,
    *,
    partitions: int = 1,
    projecting: bool = True,
    proxies: tuple[str, ...] = (),
    path_prefix: str = "",
    hosts: tuple[str, ...] = (),
    origins: tuple[str, ...] = (),
    keyed: bool = False,
    connections: int = 6,
    read_timeout: float = 10,
    **more: Any,
) -> AsyncGenerator[Rig]:
    """The API, `more` as `assembled` takes it; the projector, once it has opened the partitions, may be stopped.

    `keyed`: callers are asked for a key, and `http` has one.
    """
    settings = LogSettings(url=redis_url, prefix=prefix)
    await initialise(settings, partitions=partitions, queues=QUEUES)
    log = await Log.connect(settings, role="api")
    try:
        async with (
            await open_pool(
                postgres_url,
                name="api",
                said=session_of(None),
                max_size=connections,
                statement_timeout=statement_seconds(connections, read_timeout),
            ) as pool,
            assembled(
                log, pool, proxies=trusted_networks(proxies), csrf=CsrfProtection(hosts, origins), **more
            ) as parts,
            _routes_over(parts) as routes,
        ):
            app = BehindGateway(CrossOrigin(Instrumented(routes), origins), trusted_networks(proxies), path_prefix)
            transport = httpx.ASGITransport(app=app)  # pyright: ignore[reportArgumentType]
            async with (
                httpx.AsyncClient(transport=transport, base_url="http://localhost") as http,
                projected(redis_url, postgres_url, prefix, stopping=not projecting),
            ):
                made = Rig(parts=parts, app=app, http=http, redis_url=redis_url, postgres_url=postgres_url)
                if keyed:
                    http.headers["Authorization"] = f"Bearer {await made.key('admin', name='rig')}"
                    made = msgspec.structs.replace(made, credentials={"Authorization": http.headers["Authorization"]})
                yield made
    finally:
        await log.close()


@asynccontextmanager
async def _routes_over(parts: Dependencies) -> AsyncGenerator[Litestar]:
    """An application over `parts` that no other rig has now. To register all routes takes longer than most tests."""
    app = _unused.pop() if _unused else application(parts)
    app.state.update(state_of(parts))
    try:
        yield app
    finally:
        _unused.append(app)


@asynccontextmanager
async def projected(redis_url: str, postgres_url: str, prefix: str, *, stopping: bool = False) -> AsyncGenerator[None]:
    """A projector beside the API, ready when the context begins; `stopping`: it has ended again by then."""
    log = await Log.connect(LogSettings(url=redis_url, prefix=prefix), role="projector")
    stop, ready = asyncio.Event(), asyncio.Event()
    try:
        async with await open_pool(postgres_url, name="projector") as pool, asyncio.TaskGroup() as tasks:
            work = tasks.create_task(service.run(log, pool, stop=stop, ready=ready.set))
            async with asyncio.timeout(20):
                await ready.wait()
            if stopping:
                stop.set()
                await asyncio.wait([work])
            try:
                yield
            finally:
                stop.set()
    finally:
        await log.close()


@asynccontextmanager
async def served(rig: Rig, port: int | None = None) -> AsyncGenerator[str]:
    """The URL of the same application behind its real server; `port`: the one it had before, say."""
    port, stop, ready = port or free_port(), asyncio.Event(), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(serve(rig.app, LOOPBACK, port, stop, ready=ready.set, ending=rig.parts.hub.close))
        async with asyncio.timeout(10):
            await ready.wait()
        try:
            yield f"http://{LOOPBACK}:{port}"
        finally:
            stop.set()
