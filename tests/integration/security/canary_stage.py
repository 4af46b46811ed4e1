"""Where the test of secrets plays: servers, services, and their secrets, each a canary."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit

import httpx
import psycopg
from psycopg import sql

from tests.support import places
from tests.support.canaries import Canary, canary
from tests.support.servers import Bucket, Shared, fresh_database
from tests.support.services import VERBS, Place, Service, Services
from waterclock_dev.installation import DEMO_EXECUTORS
from waterclock_dev.servers.ports import free_port
from waterclock_dev.servers.s3 import S3
from waterclock_dev.servers.server import Server

LEAKY = Path(__file__).with_name("leaky.py")
PATIENCE = 60.0  # s
HEALTH = ("projector", "scheduler", "worker")


def password_url(url: str, user: str, password: str) -> str:
    at = urlsplit(url)
    return at._replace(netloc=f"{user}:{quote(password, safe='')}@{at.hostname}:{at.port}").geturl()


class Stage:
    """The secrets, who uses them, and all the places where they must not be."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.canaries: dict[str, Canary] = {}
        self.planted = canary("planted", between="")
        self.places: dict[str, dict[str, bytes]] = {}
        self.runs: dict[str, str] = {}
        self.ports: dict[str, int] = {}
        self.place: Place  # once its stores are there

    def new(self, name: str, *between: str) -> str:
        self.canaries[name] = canary(name, *between)
        return self.canaries[name].value

    def keep(self, place: str, held: Mapping[str, bytes]) -> None:
        self.places.setdefault(place, {}).update(held)

    def file(self, name: str, *between: str) -> str:
        """The path of a file that holds a new one."""
        return self.written(name.replace(" ", "-"), self.new(name, *between))

    def written(self, name: str, value: str) -> str:
        (self.folder / name).write_text(f"{value}\n")
        return str(self.folder / name)


@asynccontextmanager
async def object_store(stage: Stage) -> AsyncGenerator[Bucket]:
    program = S3(data=stage.folder / "s3", secret_key=stage.new("key of S3", "/+"))
    server = Server(program)
    await server.start()
    try:
        yield Bucket(endpoint=server.url, bucket=program.bucket, access_key=program.access_key,
                     secret_key=program.secret_key)  # fmt: skip
    finally:
        await server.kill()


@asynccontextmanager
async def database(server: Shared, password: str, *statements: str) -> AsyncGenerator[str]:
    """The URL of a new database and of a role of its own, whose password this is."""
    role = f"role_{os.urandom(6).hex()}"
    with psycopg.connect(server.url, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(role), sql.Literal(password)))
        try:
            with fresh_database(server) as url:
                name = sql.Identifier(urlsplit(url).path[1:])
                admin.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(name, sql.Identifier(role)))
                with psycopg.connect(url, autocommit=True) as inside:
                    inside.execute(sql.SQL("ALTER SCHEMA public OWNER TO {}").format(sql.Identifier(role)))
                made = password_url(url, role, password)
                with psycopg.connect(made, autocommit=True) as own:
                    for statement in statements:
                        own.execute(statement.encode())
                yield made
        finally:
            admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


def worker_secrets(stage: Stage, shop: str, store: Bucket, echo: str) -> dict[str, str]:
    """The environment of a worker beyond where its log is."""
    wrong = password_url(shop, str(urlsplit(shop).username), stage.new("wrong password of the shop"))
    return {
        "WATERCLOCK_S3_ENDPOINT": store.endpoint,
        "WATERCLOCK_S3_BUCKET": store.bucket,
        "WATERCLOCK_S3_ACCESS_KEY": store.access_key,
        "WATERCLOCK_S3_SECRET_KEY": store.secret_key,
        "WATERCLOCK_HTTP_ALLOW": "127.0.0.1/32",
        "WATERCLOCK_BACKUP_REFERENCES": f"env:SHOP_*@127.0.0.1,env:OTHER_*@db.example,file:{stage.folder}/*@127.0.0.1",
        "WATERCLOCK_HTTP_REFERENCES": f"env:BOOKS_*@127.0.0.1,file:{stage.folder}/*@127.0.0.1",
        "WATERCLOCK_EXECUTORS": f"{LEAKY},{DEMO_EXECUTORS}",
        "LEAKY_PLANTED": stage.planted.value,
        "BOOKS_TOKEN": stage.new("token of the books"),
        "BOOKS_URL": password_url(echo, "books", stage.new("password of the books")),
        "SHOP_URL": shop,
        "SHOP_WRONG_PASSWORD": wrong,
        "SHOP_REFUSED": shop.replace(f":{urlsplit(shop).port}/", ":1/"),
        "SHOP_MALFORMED": f"postgresql://shop:{stage.new('malformed password', '/@#')}@127.0.0.1/shop?nosuch=1",
        "OTHER_URL": f"mysql://other:{quote(stage.new('password of a library of others'), safe='')}@db.example/other",
    }


@asynccontextmanager
async def started(stage: Stage, worker: Mapping[str, str], key: str) -> AsyncGenerator[Services]:
    place, running = stage.place, dict[str, Service]()
    async with AsyncExitStack() as held:
        for verb in VERBS:
            more = {"HEALTH_PORT": str(free_port())} if verb in HEALTH else {}
            stage.ports[verb] = int(more.get("HEALTH_PORT", place.port))
            env = place.environment(verb, LOG_FORMAT="json" if verb in {"api", "worker"} else "text", **more)
            running[verb] = service = Service(verb, env | dict(worker if verb == "worker" else {}))
            held.push_async_callback(service.child.stop, grace=20)
        http = await held.enter_async_context(
            httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{place.port}/v1/monitor", timeout=30, trust_env=False,
                headers={"Authorization": f"Bearer {key}"},
            )
        )  # fmt: skip
        services = Services(place, running, http)
        for service in running.values():
            await service.says("ready")
        await services.ready()
        yield services


async def collect(stage: Stage, services: Services, store: Bucket) -> None:
    """All that services tell."""
    job = await services.post("/jobs", {"jobName": stage.planted.value, "invokeTarget": "demo.noop"})
    at = f"/jobs/{job['id']}"
    last = (await services.post(f"{at}/trigger"))["runId"]
    await services.ended_run(last)
    stage.runs[last] = "the last"
    span = {"from": job["createdAt"], "to": job["createdAt"]}
    for path, params in (
        ("/jobs", {}), (at, {}), (f"{at}/detail", {}), (f"{at}/history", {}), (f"{at}/explain", span),
        ("/runs", {"limit": 1000}), ("/queues", {}), ("/workers", {}), ("/executors", {}), ("/ledger/verify", span),
        ("/events", {"limit": 1000}),
        *((f"/runs/{run}{part}", {}) for run in stage.runs for part in ("", "/logs")),
    ):  # fmt: skip
        answer = await services.http.get(path, params=params)
        assert answer.is_success, answer.text
        stage.keep("answers", {path: answer.content})
    for run in stage.runs:
        async with services.http.stream("GET", f"/runs/{run}/logs/stream") as stream:
            stage.keep("streams", {run: b"".join([chunk async for chunk in stream.aiter_bytes()])})
    heard = b""
    async with services.http.stream("GET", "/events/stream", params={"after": 0}) as stream, asyncio.timeout(PATIENCE):
        async for line in stream.aiter_lines():
            heard += line.encode() + b"\n"
            if last in line and '"run.succeeded"' in line:
                break
    stage.keep("streams", {"all events": heard})
    for verb, port in stage.ports.items():
        for path in ("/metrics", "/livez", "/readyz"):
            answer = await services.http.get(f"http://127.0.0.1:{port}{path}")
            stage.keep("metrics", {f"{path} of {verb}": answer.content})
    for path in ("/schema/openapi.json", "/schema/asyncapi.json"):
        answer = await services.http.get(f"http://127.0.0.1:{stage.place.port}{path}")
        stage.keep("answers", {path: answer.content})
    stage.keep("object store", places.objects(store))
