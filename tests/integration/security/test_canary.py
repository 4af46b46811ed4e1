"""Secrets that jobs and services use are in nothing that is kept or told, whether what uses them succeeds or fails.

All services run as processes. Each secret is a canary, and everything there is to be read is searched for each. One
value more is planted in all those places: a search that does not find that one would find no other.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import jwt
import psycopg
from cryptography.hazmat.primitives.asymmetric import ed25519
from jwt.algorithms import OKPAlgorithm

from tests.integration.security.canary_stage import (
    Stage,
    collect,
    database,
    object_store,
    password_url,
    started,
    worker_secrets,
)
from tests.integration.security.echoing import echoing
from tests.support import places
from tests.support.canaries import found, shown_once
from tests.support.servers import Bucket, OwnServers, Shared, s3_client
from tests.support.services import Place, Services
from tests.support.traces import Receiver, receiving
from tests.support.users import SERVICES, make_users
from tests.support.waiting import until
from waterclock_dev.servers.server import Server
from waterclock_dev.servers.valkey import Valkey

PATIENCE = 60.0  # s
ISSUER = "https://issuer.example"


async def test_no_secret_is_kept_or_told(
    own_servers: OwnServers, postgres_server: Shared, tmp_path: Path, key_prefix: str
) -> None:
    stage = Stage(tmp_path / "secrets")
    stage.folder.mkdir()
    passwords = {name: stage.new(f"password of {name} at the log") for name in SERVICES}
    users = make_users(tmp_path / "users", prefix=key_prefix, more=passwords)
    log = await own_servers.valkey(settings={
        "aclfile": str(users.acl_file), "slowlog-log-slower-than": "0", "slowlog-max-len": "100000",
        "rdbcompression": "no",
    })  # fmt: skip
    with receiving() as receiver:
        async with AsyncExitStack() as held:
            store = await held.enter_async_context(object_store(stage))
            archive = await held.enter_async_context(database(postgres_server, stage.new("password at the archive")))
            shop = await held.enter_async_context(
                database(postgres_server, stage.new("password of the shop"), "CREATE TABLE orders AS SELECT 1 AS n")
            )
            echo = await held.enter_async_context(echoing())
            stage.place = Place(
                redis={name: password_url(log.url, f"waterclock-{name}", passwords[name]) for name in SERVICES},
                postgres=dict.fromkeys(("owner", "api", "projector"), archive),
                prefix=key_prefix,
                told=_told(stage, receiver),
            )
            services = await held.enter_async_context(
                started(stage, worker_secrets(stage, shop, store, echo), await _credentials(stage))
            )
            await _bad_credentials_and_input(stage, services)
            await _backups(stage, services, shop, store)
            await _requests(stage, services, echo)
            await _leaks(stage, services)
            await _planted(stage, services, store)
            await collect(stage, services, store)
            stage.keep("log", await places.log_keys(users.url(log.url, "admin")))
            stage.keep("archive", places.database(archive))
            await _starts_that_fail(stage, log, archive)
            await log.kill()
            stage.keep("append-only file", places.files(log.program.data))
            await _without_stores(services, archive)
        stage.keep(
            "lines of processes", {name: "\n".join(one.lines).encode() for name, one in services.running.items()}
        )
    stage.keep("OTLP", {f"{path} {n}": body for n, (path, body) in enumerate(receiver.bodies)})

    assert [place for place, held in stage.places.items() if not found([stage.planted], held)] == []
    assert [one for held in stage.places.values() for one in found(stage.canaries.values(), held)] == []


def _told(stage: Stage, receiver: Receiver) -> dict[str, str]:
    signer = ed25519.Ed25519PrivateKey.generate()
    keys = stage.folder.parent / "jwks.json"
    keys.write_text(
        json.dumps({"keys": [json.loads(OKPAlgorithm.to_jwk(signer.public_key())) | {"kid": "k", "use": "sig"}]})
    )
    claims = {"iss": ISSUER, "aud": "waterclock", "sub": "bob", "scope": "admin"}
    for name, ends in (("token", 3600), ("token that is over", -3600)):
        text = jwt.encode(claims | {"exp": int(time.time()) + ends}, signer, "EdDSA", headers={"kid": "k"})
        stage.canaries[name] = shown_once(name, text, text.rpartition(".")[2])
    return {
        "OTLP_ENDPOINT": receiver.url,
        "LOG_LEVEL": "debug",
        "JWT_ISSUER": ISSUER,
        "JWT_AUDIENCE": "waterclock",
        "JWT_JWKS": str(keys),
        "DRAIN_TIMEOUT": "1",
    }


async def _credentials(stage: Stage) -> str:
    """A key, made by the verb that shows it this once."""
    assert (await stage.place.ended("migrate"))[0] == 0
    code, said = await stage.place.ended("key", "create", "--name", "ops", "--scope", "admin")
    assert code == 0, said
    text = next(line for line in said.splitlines() if line.startswith("wck_"))
    stage.canaries["key of the api"] = shown_once("key of the api", text, text.rpartition("_")[2])
    return text


async def _bad_credentials_and_input(stage: Stage, services: Services) -> None:
    """Secrets where none belongs; what is refused for its form is answered without it."""
    http, key, told = services.http, stage.canaries["key of the api"].value, stage.canaries["token"].value
    assert (await http.get("/jobs", headers={"Authorization": f"Bearer {told}"})).is_success
    stage.canaries["key that nobody knows"] = unknown = shown_once(
        "key that nobody knows", f"wck_0123456789ab_{'k7q' * 17}x", f"{'k7q' * 17}x"
    )
    for shown in (
        f"Bearer {unknown.value}",
        f"Bearer {stage.canaries['token that is over'].value}",
        f"Bearer {told[:-3]}abc",
        f"Basic {key}",
        key,
    ):
        refused = await http.get(f"/jobs/{stage.planted.value}", headers={"Authorization": shown})
        assert refused.status_code == 401, refused.text
        stage.keep("answers", {f"refusal of {shown[:8]}": refused.content})
    stray = await http.get("/jobs", params={"apiKey": key})
    assert stray.status_code == 400
    connection = f"postgresql://shop:{quote(stage.new('password in a parameter'), safe='')}@127.0.0.1/shop"
    for target, params in (
        ("db.backup", {"connection": connection}),
        ("db.backup", {"secretKey": stage.new("key in a parameter")}),
        ("db.backup", {"password": stage.new("unknown parameter")}),
        ("http.request", {"url": connection.replace("postgresql", "http")}),
        ("http.request", {"url": "http://127.0.0.1/", "sign": {"key": stage.new("signing key in a parameter")}}),
        ("http.request", {"url": "http://127.0.0.1/", "headers": {"X": {"from": stage.new("token in a parameter")}}}),
    ):
        wrong = {"jobName": "wrong", "invokeTarget": target, "invokeParams": params}
        for method, path, body in (
            ("POST", "/jobs", wrong),
            ("POST", "/runs", {"invokeTarget": target, "params": params}),
            ("POST", "/schedules/preview", {"cronExpression": "* * * * *", "secretKey": params}),
        ):
            answer = await http.request(method, path, json=body)
            assert answer.status_code == 422, answer.text
            stage.keep("answers", {f"{method} {path} {target} {sorted(params)}": answer.content})


async def _all(*runs: Coroutine[Any, Any, None]) -> None:
    async with asyncio.TaskGroup() as tasks:
        for run in runs:
            tasks.create_task(run, name="run")


async def _ended(stage: Stage, services: Services, target: str, params: Any, *, status: str, says: str = "") -> None:
    """A run of its own, to its end, which is the expected one: so what is searched for has been used."""
    asked = {"invokeTarget": target, "params": params, "retry": {"maxAttempts": 2, "initial": 0.05, "max": 0.05}}
    run_id = (await services.post("/runs", asked))["runId"]
    run = await services.ended_run(run_id)
    assert run["status"] == status, run
    assert says in json.dumps(run), run
    stage.runs[run_id] = f"{target} {params}"


async def _backups(stage: Stage, services: Services, shop: str, store: Bucket) -> None:
    with psycopg.connect(shop) as locking:
        locking.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")  # pg_dump waits for it, to be looked at
        params = {"connection": "env:SHOP_URL", "compress": False}
        ending = asyncio.create_task(_ended(stage, services, "db.backup", params, status="succeeded"))

        async def dumping() -> bool:
            stage.keep("command lines", places.commands_below(services.running["worker"].child.pid))
            return any(b"pg_dump" in line and b"--lock-wait" in line for line in stage.places["command lines"].values())

        await until(dumping, within=PATIENCE, what="pg_dump waits")
    await ending
    wrong = stage.file("wrong key of S3", "/+")
    key = stage.written("key-of-S3", store.secret_key)
    failing = (
        ({"connection": "env:SHOP_URL", "secretKey": f"file:{wrong}"}, "SignatureDoesNotMatch"),
        ({"connection": "env:SHOP_WRONG_PASSWORD"}, "password authentication failed"),
        ({"connection": "env:SHOP_REFUSED"}, "Connection refused"),
        ({"connection": "env:SHOP_MALFORMED"}, "GiveUp"),
        ({"connection": "env:SHOP_URL", "includeSchemas": ["nosuch"]}, "no matching schemas"),
        ({"connection": "env:OTHER_URL"}, "GiveUp"),
        ({"connection": f"file:{wrong}"}, "GiveUp"),
    )
    await _all(*(_ended(stage, services, "db.backup", params, status="failed", says=says) for params, says in failing))
    restored = {
        "connection": "env:SHOP_URL",
        "target": "env:SHOP_URL",
        "accessKey": "env:WATERCLOCK_S3_ACCESS_KEY",
        "secretKey": f"file:{key}",
    }
    await _ended(stage, services, "db.restore-drill", restored, status="failed", says="may not make databases")


async def _requests(stage: Stage, services: Services, echo: str) -> None:
    sign = {"key": f"file:{stage.file('signing key')}"}
    headers = {"Authorization": {"from": "env:BOOKS_TOKEN", "prefix": "Bearer "}}
    runs = [
        ({"url": f"{echo}{path}", "headers": headers, "sign": sign, "keepHeaders": ["Location"], **more}, status, says)
        for path, more, status, says in (
            ("/echo", {"method": "POST", "json": {"n": 1}}, "succeeded", "[secret]"),
            ("/moved", {"expect": [302]}, "succeeded", "[secret]"),
            ("/moved", {"redirects": 1}, "failed", "repeats a secret"),
            ("/refuse", {}, "failed", "answered 400"),
            ("/later", {}, "failed", "answered 503"),
            ("/mangled", {}, "failed", "not HTTP"),
            ("/away", {"redirects": 1}, "failed", "repeats a secret"),
        )
    ]
    runs.append(({"url": "http://127.0.0.1:1/", "headers": headers, "sign": sign}, "failed", "NoAnswer"))
    await _all(*(_ended(stage, services, "http.request", one, status=status, says=says) for one, status, says in runs))


async def _leaks(stage: Stage, services: Services) -> None:
    own = stage.file("secret of an executor")
    known = ("WATERCLOCK_REDIS_URL", "WATERCLOCK_S3_SECRET_KEY", "BOOKS_TOKEN", "BOOKS_URL", "OTHER_URL")
    secrets = [*({"variable": variable} for variable in known), {"file": own}]
    failing = [(f"leak.{kind}", params) for kind in ("async", "thread") for params in secrets]
    failing += [("leak.child", secrets[0]), ("leak.child", secrets[-1])]  # each attempt starts a process
    returning = ("leak.result", {"file": own}), ("leak.result.child", {"file": own})
    await _all(
        *(_ended(stage, services, target, params, status="failed", says="[secret]") for target, params in failing),
        *(_ended(stage, services, target, params, status="succeeded", says="[secret]") for target, params in returning),
        _ended(stage, services, "leak.environment", {}, status="failed", says="[secret]"),
    )


async def _planted(stage: Stage, services: Services, store: Bucket) -> None:
    """What may be seen, in each place that is searched."""
    planted = stage.planted.value
    with s3_client(store) as client:
        client.put_object(Bucket=store.bucket, Key="planted", Body=planted.encode())
    run_id = (await services.post("/runs", {"invokeTarget": f"leak.plant.{planted}"}))["runId"]

    async def child() -> bool:
        below = places.commands_below(services.running["worker"].child.pid)
        stage.keep("command lines", below)
        return bool(found([stage.planted], below))

    await until(child, within=PATIENCE, what="the planted child runs")
    await services.post(f"/runs/{run_id}/cancel")
    assert (await services.ended_run(run_id))["status"] == "cancelled"
    stage.runs[run_id] = "planted"


async def _starts_that_fail(stage: Stage, log: Server[Valkey], archive: str) -> None:
    """Processes that are not let in."""
    user, password = str(urlsplit(archive).username), "wrong password at the "
    at_log = password_url(log.url, "waterclock-worker", stage.new(f"{password}log"))
    at_archive = password_url(archive, user, stage.new(f"{password}archive"))
    starts = (
        ("worker", {"REDIS_URL": at_log}),
        ("migrate", {"POSTGRES_URL": at_archive}),
    )
    async with asyncio.TaskGroup() as tasks:
        ends = [tasks.create_task(stage.place.ended(verb, **more), name=verb) for verb, more in starts]
    for (verb, _), end in zip(starts, ends, strict=True):
        code, said = end.result()
        assert code != 0, (verb, said)
        stage.keep("lines of processes", {f"{verb} that is not let in": said.encode()})


async def _without_stores(services: Services, archive: str) -> None:
    """The log is gone, and no session of the archive lives, nor can begin: each service says so."""
    name = urlsplit(archive).path[1:]
    with psycopg.connect(archive, autocommit=True) as own:
        own.execute(f"ALTER DATABASE {name} CONNECTION LIMIT 0".encode())
        own.execute(
            b"SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            b" WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    assert (await services.http.post("/runs", json={"invokeTarget": "demo.noop"})).status_code == 503
    assert (await services.http.get("/jobs")).status_code == 503
    await services.running["worker"].says("does not answer")
    await services.running["api"].says("postgres unreachable")
