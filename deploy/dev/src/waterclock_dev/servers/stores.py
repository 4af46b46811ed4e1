"""The three servers beneath the services: our own, or those the environment names."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from waterclock_dev.servers import libpq
from waterclock_dev.servers.external import Elsewhere
from waterclock_dev.servers.postgres import Postgres, postgres_program
from waterclock_dev.servers.prefix import Prefixed
from waterclock_dev.servers.record import Bucket
from waterclock_dev.servers.roles import Roles, made_roles
from waterclock_dev.servers.s3 import S3
from waterclock_dev.servers.server import Server
from waterclock_dev.servers.supervise import together
from waterclock_dev.servers.valkey import Valkey, without_advice

DEADLINE = 120.0  # s; a large append-only file is read at the start


class Stores:
    """Their URLs are known once they have been started."""

    def __init__(self, data_dir: Path, elsewhere: Elsewhere, output: Prefixed, *, durable: bool) -> None:
        """Without `durable` Postgres waits for no disk."""
        self._elsewhere = elsewhere
        self._valkey = (
            Server(Valkey(data=data_dir / "redis", secured=True), on_line=without_advice(output.of("redis")))
            if elsewhere.redis_url is None
            else None
        )
        self._postgres = (
            Server(Postgres(data=data_dir / "postgres", durable=durable), on_line=output.of("postgres"))
            if elsewhere.postgres_url is None
            else None
        )
        self._roles: Roles | None = None
        self._s3 = Server(S3(data=data_dir / "s3"), on_line=output.of("s3")) if elsewhere.bucket is None else None

    @property
    def ours(self) -> list[Server[Any]]:
        return [server for server in (self._valkey, self._postgres, self._s3) if server is not None]

    async def start(self) -> None:
        """
        Raises:
            ServerError: one did not start.
        """
        await together(*(server.start(deadline=DEADLINE) for server in self.ours))
        if self._postgres is not None:
            self._roles = await made_roles(self.postgres_url)

    async def stop(self) -> None:
        await together(*(server.stop() for server in self.ours))

    @property
    def redis_url(self) -> str:
        return self._elsewhere.redis_url or self._url(self._valkey)

    @property
    def postgres_url(self) -> str:
        return self._elsewhere.postgres_url or self._url(self._postgres)

    @property
    def bucket(self) -> Bucket:
        if self._elsewhere.bucket is not None:
            return self._elsewhere.bucket
        assert self._s3 is not None
        store = self._s3.program
        return Bucket(
            endpoint=self._s3.url, bucket=store.bucket, access_key=store.access_key, secret_key=store.secret_key
        )

    @property
    def environment(self) -> dict[str, str]:
        """The settings by which a service finds them."""
        return {"WATERCLOCK_REDIS_URL": self.redis_url, "WATERCLOCK_POSTGRES_URL": self.postgres_url}

    def known_to(self, environment: Mapping[str, str]) -> dict[str, str]:
        """The environment of a service that connects to Postgres: where that is ours, nothing else says how."""
        return dict(environment) if self._postgres is None else libpq.without(environment)

    @property
    def roles(self) -> Roles | None:
        """Who backs up and restores on a server of our own."""
        return self._roles

    @property
    def programs(self) -> dict[str, str]:
        """Whose programs `db.backup` uses where nobody says otherwise: those of our own server."""
        return {} if self._postgres is None else {"WATERCLOCK_PG_BIN": str(postgres_program("pg_dump").parent)}

    def _url(self, server: Server[Any] | None) -> str:
        assert server is not None
        return server.url
