"""Where the stores of a row stand: servers, and the addresses by which services know them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from tests.support.cluster import Shards, sharded
from tests.support.postgres_files import filled
from tests.support.relay import Relay
from tests.support.replicas import Replicas, replicated
from tests.support.sentinels import Sentinels, watched
from tests.support.standby import Standby, with_standby
from tests.support.standing import end
from waterclock_dev.servers.children import Child
from waterclock_dev.servers.ports import LOOPBACK
from waterclock_dev.servers.postgres import Postgres, _as_ordinary_user, postgres_program  # pyright: ignore[reportPrivateUsage]
from waterclock_dev.servers.server import Server
from waterclock_dev.servers.valkey import Valkey

QUICK_POSTGRES = {"recovery_init_sync_method": "syncfs"}


class Stage:
    """`redis` and `postgres`: URLs by service, and the `operator`'s and `owner`'s; `holding`: the truth at the end."""

    partitions = 2

    def __init__(self, redis: Mapping[str, str], postgres: str) -> None:
        self.redis = redis
        self.postgres = postgres

    @property
    def holding(self) -> str:
        """The URL of the server that holds the log now, by no relay."""
        return self.redis["operator"]

    @property
    def archive(self) -> str:
        return self.postgres


class Pair(Stage):
    """A primary and a replica. All know the log by `address`, but the projector by `projectors`."""

    def __init__(
        self, replicas: Replicas, address: Relay, projectors: Relay, server: Server[Postgres], postgres: str = ""
    ) -> None:
        """`postgres`: the URL of the database, where it is not the server's own."""
        urls = {"operator": address.port, "projector": projectors.port}
        super().__init__({name: f"redis://{LOOPBACK}:{port}/0" for name, port in urls.items()}, postgres or server.url)
        self.replicas = replicas
        self.server = server
        self.address = address
        self.projectors = projectors
        self.old, self.new = replicas.members[:2]  # as they began: primary and replica
        self.truth = self.old

    @property
    def holding(self) -> str:
        return self.truth.url

    @property
    def link(self) -> Relay:
        """What is held there makes the replica lag."""
        return self.replicas.link(self.new)

    def lead_to(self, server: Server[Valkey], *, cut: bool = True) -> None:
        """Everybody."""
        self.address.lead_to(server.port, cut=cut)
        self.projectors.lead_to(server.port, cut=cut)
        self.truth = server

    async def in_step(self) -> None:
        await self.replicas.in_step(self.new, self.old)

    async def promote(self, *, cut: bool = True) -> None:
        """Promote the replica and lead everybody there; the primary is told nothing."""
        await self.replicas.promote(self.new)
        self.lead_to(self.new, cut=cut)


class Both(Pair):
    """And a standby of Postgres. Services know the database by `store`."""

    def __init__(self, replicas: Replicas, address: Relay, projectors: Relay, standby: Standby, store: Relay) -> None:
        at = urlsplit(standby.primary.url)
        url = at._replace(netloc=f"{at.username}:{at.password}@{LOOPBACK}:{store.port}").geturl()
        super().__init__(replicas, address, projectors, standby.primary, url)
        self.standby = standby
        self.store = store
        self.moved = False  # the standby was promoted, and is the database now

    @property
    def archive(self) -> str:
        return (self.standby.standby if self.moved else self.standby.primary).url


class Watched(Stage):
    """A primary, a replica and three sentinels, which are told to all services."""

    def __init__(self, replicas: Replicas, sentinels: Sentinels, postgres: str) -> None:
        super().__init__({"operator": sentinels.url()}, postgres)
        self.replicas = replicas
        self.sentinels = sentinels
        self.old, self.new = replicas.members[:2]
        self.truth = self.old

    @property
    def holding(self) -> str:
        return self.truth.url


class Sharded(Stage):
    """A cluster of three masters and three replicas; `named` is the node that URLs name."""

    partitions = 6

    def __init__(self, shards: Shards, postgres: str) -> None:
        self.named = shards.masters[0]
        super().__init__({"operator": self.named.url}, postgres)
        self.shards = shards

    @property
    def holding(self) -> str:
        return next(member.url for member in self.shards.members if member.running)


@asynccontextmanager
async def pair(
    folder: Path,
    *,
    replicas: int = 1,
    appendfsync: Literal["always", "everysec"] = "everysec",
    binary: Path | None = None,
    settings: Mapping[str, str] | None = None,
    small_segments: bool = False,
) -> AsyncGenerator[Pair]:
    async with AsyncExitStack() as held:
        made = await held.enter_async_context(
            replicated(folder, replicas=replicas, appendfsync=appendfsync, binary=binary, settings=settings)
        )
        server = await held.enter_async_context(_postgres(folder, small_segments=small_segments))
        address, projectors = [await held.enter_async_context(Relay(made.members[0].port)) for _ in range(2)]
        yield Pair(made, address, projectors, server)


@asynccontextmanager
async def both(folder: Path) -> AsyncGenerator[Both]:
    async with AsyncExitStack() as held:
        made = await held.enter_async_context(replicated(folder))
        standby = await held.enter_async_context(with_standby(folder, settings=QUICK_POSTGRES))
        address, projectors = [await held.enter_async_context(Relay(made.members[0].port)) for _ in range(2)]
        store = await held.enter_async_context(Relay(standby.primary.port))
        yield Both(made, address, projectors, standby, store)


@asynccontextmanager
async def with_sentinels(folder: Path, *, binary: Path | None = None) -> AsyncGenerator[Watched]:
    async with AsyncExitStack() as held:
        made = await held.enter_async_context(replicated(folder, binary=binary))
        postgres = await held.enter_async_context(_postgres(folder))
        sentinels = await held.enter_async_context(watched(folder, made.members[0].port, binary=binary))
        yield Watched(made, sentinels, postgres.url)


@asynccontextmanager
async def cluster(folder: Path) -> AsyncGenerator[Sharded]:
    async with AsyncExitStack() as held:
        shards = await held.enter_async_context(sharded(folder))
        postgres = await held.enter_async_context(_postgres(folder))
        yield Sharded(shards, postgres.url)


@asynccontextmanager
async def _postgres(folder: Path, *, small_segments: bool = False) -> AsyncGenerator[Server[Postgres]]:
    server = Server(await filled(Postgres(data=folder / "postgres", settings=QUICK_POSTGRES)))
    try:
        await server.start()
        if small_segments:
            await server.stop()
            await _with_small_segments(server.program.data)
            await server.start()
        yield server
    finally:
        await end((server,))


async def _with_small_segments(data: Path) -> None:
    """Write-ahead logs of 1 MiB each, so that a limit which lets them be stops tables that grow."""
    command = [str(postgres_program("pg_resetwal")), "--wal-segsize=1", "-D", str(data)]
    child = Child(_as_ordinary_user(command), name="pg_resetwal")
    assert await child.exited() == 0, child.last_lines
