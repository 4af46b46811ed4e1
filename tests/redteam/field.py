"""Where attacks take place: stores, services and a gateway as processes, with a key for each scope."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import time
from asyncio.subprocess import Process
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
from psycopg import sql

from tests.support.gateways import Gateway, gateway
from tests.support.servers import OwnServers
from tests.support.services import VERBS, Place, Service
from tests.support.waiting import until
from waterclock.store import api_keys
from waterclock_api.access.scopes import SCOPES, Scope
from waterclock_api.access.secret import new_secret
from waterclock_dev.servers.ports import LOOPBACK, free_port
from waterclock_dev.servers.postgres import Postgres
from waterclock_dev.servers.s3 import S3
from waterclock_dev.servers.server import Server
from waterclock_dev.servers.valkey import Valkey

API = "/v1/monitor"
ENDED = {"succeeded", "failed", "timedOut", "cancelled", "died"}
EXECUTORS = Path(__file__).with_name("executors.py")
PATIENCE = 60.0  # s


class Trap:
    """A listener where nothing of ours should ever connect; `caught` is what came."""

    def __init__(self) -> None:
        self.caught: list[bytes] = []
        self.url = ""
        self.address = ""

    async def heard(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(5):
                self.caught.append(await reader.read(2048) or b"(connected)")
            writer.write(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
        writer.close()


class Watch:
    """How others fare meanwhile, s: the longest wait of a probe, and of a caller with a key of its own."""

    def __init__(self) -> None:
        self.probe = 0.0
        self.caller = 0.0
        self.refused: list[str] = []


class Field:
    """The installation, and what attackers and their victims need of it."""

    def __init__(
        self, place: Place, running: Mapping[str, Service], front: Gateway, keys_of: Mapping[str, str]
    ) -> None:
        self.place = place
        self.running = running
        self.front = front
        self.keys = keys_of
        self.direct = f"http://{LOOPBACK}:{place.port}"
        self.folder: Path
        self.valkey: Server[Valkey]
        self.postgres: Server[Postgres]
        self.s3: Server[S3]
        self.trap: Trap
        self.variables: Mapping[str, str] = {}
        """What the worker's environment says beside where its stores are."""

    def key(self, *scopes: Scope) -> dict[str, str]:
        """The header of a caller who has these scopes and no others."""
        return bearer(self.keys["+".join(sorted(scopes))])

    def client(self, *scopes: Scope, direct: bool = False, **options: Any) -> httpx.AsyncClient:
        """A caller through the gateway, or on the API's own port."""
        base = self.direct if direct else self.front.url
        verify: Any = True if direct else self.front.tls
        headers = self.key(*scopes) if scopes else {}
        return httpx.AsyncClient(
            base_url=base + API, verify=verify, timeout=60, trust_env=False, headers=headers, **options
        )

    async def new_key(self, name: str, *scopes: Scope, lasts: float | None = None) -> tuple[str, str]:
        """Id and text of a key that the API knows, made as `waterclock key create` makes one."""
        secret = new_secret()
        async with await psycopg.AsyncConnection.connect(self.place.postgres["owner"], autocommit=True) as connection:
            await api_keys.add(
                connection, key_id=secret.key_id, name=name, secret_sha256=secret.sha256, scopes=scopes,
                valid_for=None if lasts is None else timedelta(seconds=lasts),
            )  # fmt: skip
        async with self.client() as http:

            async def known() -> bool:
                return (await http.get("/jobs", headers=bearer(secret.text))).status_code in {200, 403}

            await until(known, within=PATIENCE, what="the API knows a new key")
        return secret.key_id, secret.text

    async def revoke(self, which: str) -> None:
        async with await psycopg.AsyncConnection.connect(self.place.postgres["owner"], autocommit=True) as connection:
            assert await api_keys.revoke(connection, which)

    async def ended(self, http: httpx.AsyncClient, run_id: str, *, within: float = PATIENCE) -> dict[str, Any]:
        async def look() -> dict[str, Any] | None:
            answer = await http.get(f"/runs/{run_id}", headers=self.key("admin"))
            return answer.json() if answer.is_success and answer.json()["status"] in ENDED else None

        return await until(look, within=within, what=f"the end of {run_id}")

    async def job(self, **members: Any) -> dict[str, Any]:
        """A stored job, made by an administrator."""
        async with self.client("admin") as http:
            answer = await http.post("/jobs", json={"invokeTarget": "demo.noop", **members})
            assert answer.status_code in {201, 202}, answer.text
            return answer.json()

    def memory(self) -> int:
        """Bytes that the API process holds."""
        return psutil.Process(self.running["api"].child.pid).memory_info().rss

    @asynccontextmanager
    async def watched(self) -> AsyncGenerator[Watch]:
        """Meanwhile a probe and a caller with rights ask again and again; neither is behind the attacker's limits."""
        watch = Watch()
        async with asyncio.TaskGroup() as tasks:
            probing = tasks.create_task(self._asking(watch, "probe"))
            calling = tasks.create_task(self._asking(watch, "caller"))
            try:
                yield watch
            finally:
                probing.cancel()
                calling.cancel()

    async def _asking(self, watch: Watch, who: str) -> None:
        headers = self.key("add", "list", "query", "run")
        async with httpx.AsyncClient(base_url=self.direct, timeout=30, trust_env=False, headers=headers) as http:
            while True:
                began = time.monotonic()
                try:
                    if who == "probe":
                        answer = await http.get("/livez")
                    else:
                        answer = await http.post(f"{API}/runs", json={"invokeTarget": "demo.noop"})
                    if not answer.is_success:
                        watch.refused.append(f"{who}: {answer.status_code}")
                except httpx.TransportError as error:
                    watch.refused.append(f"{who}: {error!r}")
                finally:
                    took = time.monotonic() - began
                    setattr(watch, who, max(getattr(watch, who), took))
                await asyncio.sleep(0.02)

    @asynccontextmanager
    async def another_api(self, *before: str, output: int = subprocess.DEVNULL) -> AsyncGenerator[tuple[str, Process]]:
        """The URL and the process of one more replica; `before`: words in front of its command."""
        port = free_port()
        env = self.place.environment("api", PORT=str(port))
        command = [*before, sys.executable, "-m", "waterclock.cli", "api"]
        process = await asyncio.create_subprocess_exec(*command, env=env, stdout=output, stderr=output)
        where = f"http://{LOOPBACK}:{port}"
        try:
            async with httpx.AsyncClient(timeout=5, trust_env=False) as http:

                async def alive() -> bool:
                    assert process.returncode is None, f"it ended with {process.returncode}"
                    with contextlib.suppress(httpx.TransportError):
                        return (await http.get(f"{where}/livez")).is_success
                    return False

                await until(alive, within=PATIENCE, what="another API serves")
            yield where, process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def recover(self) -> None:
        """Until the API is ready again, whatever was done to it."""
        async with httpx.AsyncClient(timeout=5, trust_env=False) as http:

            async def ready() -> bool:
                with contextlib.suppress(httpx.TransportError):
                    return (await http.get(f"{self.direct}/readyz")).is_success
                return False

            await until(ready, within=PATIENCE, what="the API is ready again")


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


@asynccontextmanager
async def field(own: OwnServers, folder: Path) -> AsyncGenerator[Field]:
    """All of it, from empty stores to the gateway."""
    valkey, postgres, s3 = await own.valkey(appendfsync="everysec"), await own.postgres(), await own.s3()
    trap = Trap()
    listener = await asyncio.start_server(trap.heard, LOOPBACK, 0)
    trap.address = "{}:{}".format(*listener.sockets[0].getsockname())
    trap.url = f"http://{trap.address}"
    with psycopg.connect(postgres.url, autocommit=True) as admin:
        for name in ("books", "neighbour"):
            admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    url = postgres.url.rpartition("/")[0]
    with psycopg.connect(f"{url}/books", autocommit=True) as books:
        books.execute("CREATE TABLE entries AS SELECT n FROM generate_series(1, 100) n")
    store = postgres.url
    place = Place(
        redis={"operator": valkey.url}, postgres={"owner": store}, prefix="red", told={"TRUSTED_PROXIES": LOOPBACK}
    )
    worker = {
        "WATERCLOCK_BACKUP_DATABASE_URL": f"{url}/books",
        "WATERCLOCK_S3_ENDPOINT": s3.url,
        "WATERCLOCK_S3_BUCKET": s3.program.bucket,
        "WATERCLOCK_S3_ACCESS_KEY": s3.program.access_key,
        "WATERCLOCK_S3_SECRET_KEY": s3.program.secret_key,
        "WATERCLOCK_EXECUTORS": f"waterclock_worker.executors.demo,{EXECUTORS}",
        "BOOKS_TOKEN": "a-token-that-nobody-should-hear",
    }
    async with listener, AsyncExitStack() as held:
        code, said = await place.ended("migrate")
        assert code == 0, said
        callers = await _keys(store)
        running: dict[str, Service] = {}
        for verb in VERBS:
            env = place.environment(verb) | (worker if verb == "worker" else {})
            running[verb] = service = Service(verb, env)
            held.push_async_callback(service.child.stop, grace=20)
        for service in running.values():
            await service.says("ready")
        at = f"{LOOPBACK}:{place.port}"
        front = await held.enter_async_context(gateway("nginx", folder / "nginx", (at, at)))
        made = Field(place, running, front, callers)
        made.folder, made.valkey, made.postgres, made.s3, made.trap = folder, valkey, postgres, s3, trap
        made.variables = worker
        await made.recover()
        yield made


async def _keys(store: str) -> dict[str, str]:
    """A key for each scope alone, and for the few that callers have together."""
    alone: list[Sequence[Scope]] = [(one,) for one in SCOPES]
    together: list[Sequence[Scope]] = [
        ("edit", "run"),
        ("add", "run"),
        ("list", "query"),
        ("add", "list", "query", "run"),
    ]
    made: dict[str, str] = {}
    async with await psycopg.AsyncConnection.connect(store, autocommit=True) as connection:
        for scopes in alone + together:
            secret, name = new_secret(), "+".join(sorted(scopes))
            await api_keys.add(
                connection, key_id=secret.key_id, name=name.lower(), secret_sha256=secret.sha256, scopes=scopes,
                valid_for=None, rate=100_000,
            )  # fmt: skip
            made[name] = secret.text
    return made
