"""An installation whose processes are killed or paused while it works, and kept running by its supervisor."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from pathlib import Path
from typing import Any

import httpx

from tests.support import waiting
from tests.support.evidence import Evidence, connected
from tests.support.installation import clean_environment, is_alive
from tests.support.postgres_files import filled
from waterclock_dev.installation import Installation, Plan
from waterclock_dev.servers.external import Elsewhere
from waterclock_dev.servers.ports import free_port
from waterclock_dev.servers.postgres import Postgres
from waterclock_dev.servers.prefix import Prefixed
from waterclock_dev.servers.server import Server
from waterclock_dev.servers.supervise import keep, together
from waterclock_dev.servers.valkey import Valkey

LEASE = 2.0  # s
SETTINGS = {
    "WATERCLOCK_LEASE": f"{LEASE:g}",
    "WATERCLOCK_SCHEDULER_TERM": "1.5",
    "WATERCLOCK_PARTITIONS": "2",
}
QUICK = {"recovery_init_sync_method": "syncfs"}  # else a crashed server first syncs a thousand files, one by one: 3 s
WELL = 60.0  # s until everything runs again; servers read their logs first, and pauses between starts grow to 5 s
QUIET = 60.0  # s until every run has ended: what was lost is found after a lease, what failed is tried again
NO_BUCKET = {"s3_endpoint": "http://127.0.0.1:9", "s3_bucket": "none", "s3_access_key": "none", "s3_secret_key": "none"}
KINDS = ("api", "projector", "scheduler", "worker", "redis", "postgres")


class Campaign:
    """Every write to its stores is on disk when it is answered, so a kill loses nothing that was promised."""

    def __init__(self, installation: Installation, servers: Mapping[str, Server[Any]], output: Path) -> None:
        self.output = output  # what all processes say
        self._installation = installation
        self._servers = servers

    @property
    def api_url(self) -> str:
        return self._installation.api_url

    @property
    def urls(self) -> tuple[str, str]:
        """Of Redis and Postgres."""
        return self._servers["redis"].url, self._servers["postgres"].url

    @property
    def pids(self) -> dict[str, int]:
        """Of everything that may be killed, by name."""
        services = self._installation.record.pids
        return services | {name: server.pid for name, server in self._servers.items()}

    def names(self, *kinds: str) -> list[str]:
        """All processes of these kinds."""
        return [name for name in self.pids if name.partition("-")[0] in kinds]

    def signal(self, number: signal.Signals, *names: str) -> None:
        """Send a signal to processes, SIGKILL to end them as a crash would. One that is just down gets none."""
        pids = self.pids
        for name in names:
            if _is_ours(pids[name]):
                os.kill(pids[name], number)

    async def pause(self, seconds: float, *names: str) -> None:
        """Let processes stand still for a time."""
        self.signal(signal.SIGSTOP, *names)
        try:
            await asyncio.sleep(seconds)  # the pause is the point
        finally:
            self.signal(signal.SIGCONT, *names)

    async def well(self) -> None:
        """Return when everything runs and the API says that it can do all its work."""
        async with httpx.AsyncClient(timeout=2, trust_env=False) as client:

            async def look() -> bool:
                if not all(is_alive(pid) for pid in self.pids.values()):
                    return False
                try:
                    return (await client.get(f"{self.api_url}/readyz")).is_success
                except httpx.TransportError:
                    return False

            await waiting.until(look, within=WELL, what="all is well again")

    async def settled(self) -> Evidence:
        """What the stores hold when every run has ended and all that happened is archived."""
        async with connected(self._servers["redis"].url, self._servers["postgres"].url) as stores:
            await waiting.until(stores.settled, within=QUIET, what="every run has ended, and all is archived")
            return await stores.gather()

    def tell(self, text: str) -> None:
        """Say something among what the processes say, so that the one can be held against the other."""
        self._installation.tell(f"{time.strftime('%H:%M:%S')} {text}")


@contextlib.asynccontextmanager
async def besieged(
    folder: Path,
    *,
    workers: int = 2,
    schedulers: int = 2,
    executors: tuple[str, ...] = (),
    dialled: Callable[[str, str], tuple[str, str]] = lambda redis, postgres: (redis, postgres),
    **settings: str,
) -> AsyncGenerator[Campaign]:
    """A ready installation in `folder`; `settings` beside those that make leases and terms short.

    `dialled`: by which URLs the services reach the stores, given those of the servers.
    """
    output = folder / "output.log"
    with output.open("w") as file:
        said = Prefixed(file)
        redis = Server(Valkey(data=folder / "redis", appendfsync="always"), on_line=said.of("redis"))
        files = await filled(Postgres(data=folder / "postgres", settings=QUICK))
        postgres = Server(files, on_line=said.of("postgres"))
        servers: dict[str, Server[Any]] = {"redis": redis, "postgres": postgres}
        try:
            await together(redis.start(), postgres.start())
            redis_url, postgres_url = dialled(redis.url, postgres.url)
            elsewhere = Elsewhere(redis_url=redis_url, postgres_url=postgres_url, **NO_BUCKET)
            plan = Plan(data_dir=folder, port=free_port(), workers=workers, schedulers=schedulers, executors=executors)
            environment = clean_environment() | SETTINGS | settings
            installation = Installation(plan, environment, elsewhere, said)
            async with _kept(installation, servers):
                yield Campaign(installation, servers, output)
        finally:
            await together(*(server.kill() for server in servers.values() if server.running))
            said.flush()


@contextlib.asynccontextmanager
async def _kept(installation: Installation, servers: Mapping[str, Server[Any]]) -> AsyncGenerator[None]:
    try:
        await installation.start()
        async with asyncio.TaskGroup() as keeping:
            keepers = [keeping.create_task(installation.keep(), name="keep services")]
            for server in servers.values():
                work = keep(server, tell=installation.tell, started=lambda: None)
                keepers.append(keeping.create_task(work, name=f"keep {server.name}"))
            yield
            for keeper in keepers:
                keeper.cancel()
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from None
    finally:
        await installation.stop()


def _is_ours(pid: int) -> bool:
    """Whether it runs, and is our child: the number of one that has ended may be another program's by now."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat[0] != "Z" and int(stat[1]) == os.getpid()
