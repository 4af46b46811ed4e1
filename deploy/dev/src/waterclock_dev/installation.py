"""All of Waterclock on this machine: stores, then services, kept running, and stopped in the opposite order."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import NoReturn, TypeAlias

import httpx
import msgspec

from waterclock_dev.notices import telling
from waterclock_dev.places import reach
from waterclock_dev.servers import record
from waterclock_dev.servers.external import Elsewhere
from waterclock_dev.servers.ports import LOOPBACK, free_port
from waterclock_dev.servers.prefix import Prefixed
from waterclock_dev.servers.record import Record
from waterclock_dev.servers.server import ServerError
from waterclock_dev.servers.stores import Stores
from waterclock_dev.servers.supervise import Part, keep, together
from waterclock_dev.services import Service, run_once

DEADLINE = 60.0  # s until the services are ready
DRAIN = 5  # s a worker gives its running attempts
SLOTS = 10
GRACE = 5.0  # s a service has to stop; a worker beyond its drain
DEMO_EXECUTORS = "waterclock_worker.executors.demo"
"""The module of `demo.*`, which no other worker loads by itself."""
POLL = 0.05  # s


Fill: TypeAlias = Callable[[Mapping[str, str]], Awaitable[object]]
"""Fills migrated stores, by the settings in an environment."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is to run, and where its data lies: not `durable` if it is deleted at the end anyway.

    Executors are modules or files, as the worker takes them. `notices`: the file of those who are told; None: nobody.
    `frozen_at`: the moment, in ms, at which all stands still: nobody schedules, works or is told, and the API tells
    what is as of then.
    """

    data_dir: Path
    port: int
    workers: int = 1
    schedulers: int = 1
    executors: tuple[str, ...] = ()
    notices: Path | None = None
    durable: bool = True
    frozen_at: int | None = None


class Installation:
    """Start it once; stop it whatever the start came to."""

    def __init__(self, plan: Plan, environment: Mapping[str, str], elsewhere: Elsewhere, output: Prefixed) -> None:
        """`environment` is what every process gets beside its own settings."""
        self._plan = plan
        self._environment = environment
        self._output = output
        self._stores = Stores(plan.data_dir, elsewhere, output, durable=plan.durable)
        self._waves: list[list[Service]] = []  # in the order in which they stop
        self._projector_port = free_port()  # for its metrics, among which are those of jobs
        self._notifier_port = free_port()

    @property
    def api_url(self) -> str:
        return f"http://{LOOPBACK}:{self._plan.port}"

    @property
    def record_file(self) -> Path:
        return self._plan.data_dir / record.FILE

    @property
    def record(self) -> Record:
        """Where everything is, once it has been started."""
        return Record(
            api=self.api_url,
            redis=self._stores.redis_url,
            postgres=self._stores.postgres_url,
            s3=self._stores.bucket,
            pids={part.name: part.pid for part in self._parts},
            metrics={
                "api": f"{self.api_url}/metrics",
                "projector": f"http://{LOOPBACK}:{self._projector_port}/metrics",
                **({"notifier": f"http://{LOOPBACK}:{self._notifier_port}/metrics"} if self._tells else {}),
            },
        )

    @property
    def restorer(self) -> str:
        """The URL of the role that restores on our own Postgres, once that has been started."""
        assert self._stores.roles is not None, "Postgres is another's"
        return self._stores.roles.restorer

    async def start(self, fill: Fill | None = None) -> None:
        """Start everything and return when all of it is ready. `fill`: what comes between stores and services.

        Raises:
            ServerError: something did not start; what did has to be stopped.
        """
        await self._stores.start()
        env = {**_shared(self._environment), **self._stores.environment}
        await run_once("migrate", env=self._stores.known_to(env), on_line=self._output.of("migrate"), deadline=DEADLINE)
        if fill is not None:
            await fill(self._stores.known_to(env))
        self._waves = self._services(env)
        for service in self._all_services:
            await service.start()
        await together(self._answer(), *(service.ready(deadline=DEADLINE) for service in self._all_services))

    async def keep(self) -> NoReturn:
        """Keep the record true and everything running, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for part in self._parts:
                tasks.create_task(keep(part, tell=self.tell, started=self.note), name=f"keep {part.name}")
        raise AssertionError("what is kept never ends")

    async def stop(self) -> None:
        """Who makes work stops first, who does it next, who records and tells it after them, and who stores it last."""
        for wave in self._waves:
            await together(*(service.stop() for service in wave))
        await self._stores.stop()

    @contextlib.asynccontextmanager
    async def projection_stopped(self) -> AsyncGenerator[None]:
        """Meanwhile nothing is written to Postgres; runs go on, and what happens is projected once it is over.

        The projector has been started again at the end, and may not be ready yet.
        """
        _, _, (projector,), _ = self._waves
        await projector.stop()
        yield
        await projector.start()

    async def restart_workers(self) -> None:
        """Drain them; whoever keeps them starts them again."""
        _, workers, _, _ = self._waves
        await together(*(worker.stop() for worker in workers))

    def tell(self, text: str) -> None:
        self._output.write("dev", text)

    def note(self) -> None:
        """Write the record as it is now."""
        record.write(self._plan.data_dir, self.record)

    @property
    def _tells(self) -> bool:
        return self._plan.notices is not None and self._plan.frozen_at is None

    @property
    def _all_services(self) -> list[Service]:
        return [service for wave in reversed(self._waves) for service in wave]

    @property
    def _parts(self) -> list[Part]:
        return [*self._all_services, *self._stores.ours]

    def _services(self, env: Mapping[str, str]) -> list[list[Service]]:
        plan = self._plan
        listen = {"WATERCLOCK_HOST": LOOPBACK, "WATERCLOCK_PORT": str(plan.port)}
        stores = self._stores
        reaching = reach(plan.data_dir, env, bucket=stores.bucket, postgres_url=stores.postgres_url, roles=stores.roles)
        named = ",".join(plan.executors) or env.get("WATERCLOCK_EXECUTORS", "")
        work = {
            **stores.programs,
            **reaching,
            "WATERCLOCK_SLOTS": env.get("WATERCLOCK_SLOTS", str(SLOTS)),
            "WATERCLOCK_DRAIN_TIMEOUT": str(DRAIN),
            "WATERCLOCK_EXECUTORS": ",".join([DEMO_EXECUTORS, *([named] if named else [])]),
        }
        stored = stores.known_to(env)
        watched = {"WATERCLOCK_HOST": LOOPBACK, "WATERCLOCK_HEALTH_PORT": str(self._projector_port)}
        projector = self._service("projector", "projector", {**stored, **watched})
        notifiers = [self._notifier(plan.notices, stored)] if self._tells and plan.notices is not None else []
        serving = {**stored, **listen, "WATERCLOCK_KEYLESS": "loopback"}
        if plan.frozen_at is not None:
            return [[self._frozen("api", serving, plan.frozen_at)], [], [projector], []]
        api = self._service("api", "api", serving)
        schedulers = [
            self._service(f"scheduler-{n}", "scheduler", {**env, "WATERCLOCK_SCHEDULER_NAME": f"scheduler-{n}"})
            for n in range(1, plan.schedulers + 1)
        ]
        workers = [
            self._service(f"worker-{n}", "worker", {**work, "WATERCLOCK_WORKER_NAME": f"worker-{n}"}, DRAIN)
            for n in range(1, plan.workers + 1)
        ]
        return [[api, *schedulers], workers, [projector], notifiers]

    def _notifier(self, file: Path, env: Mapping[str, str]) -> Service:
        watched = {"WATERCLOCK_HOST": LOOPBACK, "WATERCLOCK_HEALTH_PORT": str(self._notifier_port)}
        return self._service("notifier", "notifier", {**telling(file, env, url=self.api_url), **watched})

    def _frozen(self, verb: str, env: Mapping[str, str], at: int) -> Service:
        words = ("-m", "waterclock_dev.sample.frozen", str(at), verb)
        return Service(verb, verb=verb, env=env, on_line=self._output.of(verb), grace=GRACE, program=words)

    def _service(self, name: str, verb: str, env: Mapping[str, str], drain: float = 0) -> Service:
        return Service(name, verb=verb, env=env, on_line=self._output.of(name), grace=GRACE + drain)

    async def _answer(self) -> None:
        """The API is ready when it says so to a client: then the log is open and its stores are in reach."""
        try:
            async with httpx.AsyncClient(timeout=1, trust_env=False) as client, asyncio.timeout(DEADLINE):
                while True:
                    with contextlib.suppress(httpx.TransportError):
                        if (await client.get(f"{self.api_url}/readyz")).is_success:
                            return
                    await asyncio.sleep(POLL)
        except TimeoutError:
            raise ServerError(f"the API was not ready in {DEADLINE:g} s") from None


def _shared(environment: Mapping[str, str]) -> dict[str, str]:
    """What services get of our environment: no port that only one of them could have, no level that hides `ready`."""
    env = {name: value for name, value in environment.items() if name != "WATERCLOCK_HEALTH_PORT"}
    level = "debug" if env.get("WATERCLOCK_LOG_LEVEL") == "debug" else "info"
    return {**env, "WATERCLOCK_LOG_LEVEL": level, "PYTHONUNBUFFERED": "1"}
