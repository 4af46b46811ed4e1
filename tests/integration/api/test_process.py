"""`waterclock api` as a process: one, which starts fit or says why not, and stops when it is told."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import sys
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from tests.integration.api.rig import JOBS, QUEUES, projected
from tests.integration.api.sse import stream
from tests.support.gateways import bare_nginx
from tests.support.servers import OwnPostgres
from tests.support.waiting import until
from tests.unit.api.access.test_jwt import AUDIENCE, ISSUER, KEYS, token
from waterclock.kit.service import raise_descriptors
from waterclock.log.client import LogSettings
from waterclock.log.recovery.opening import initialise
from waterclock.store.connection.migrate import migrate
from waterclock_api.access.secret import new_secret
from waterclock_api.operator import api_keys
from waterclock_dev.servers.ports import free_port

PATIENCE = 60.0  # s: a process has taken 13 to start, on a machine that others kept busy


@pytest.fixture
def env(redis_url: str, store_url: str, key_prefix: str) -> dict[str, str]:
    return {
        "WATERCLOCK_REDIS_URL": redis_url,
        "WATERCLOCK_POSTGRES_URL": store_url,
        "WATERCLOCK_KEY_PREFIX": key_prefix,
        "WATERCLOCK_PORT": str(free_port()),
        "WATERCLOCK_KEYLESS": "loopback",
    }


async def test_it_serves_in_one_process_and_stops_with_streams_open(env: dict[str, str]) -> None:
    await _initialise(env)
    env["WATERCLOCK_HOST"] = "[::1]"
    async with _running("projector", env), _running("api", env) as api, httpx.AsyncClient() as http:
        url = f"http://[::1]:{env['WATERCLOCK_PORT']}"
        await _ready(http, url)
        assert api.stderr is not None
        async with asyncio.timeout(PATIENCE):
            while f"ready url={url}".encode() not in (line := await api.stderr.readline()):
                assert line, "it is ready, and says where"
        body = {"jobName": "a", "invokeTarget": "demo.noop"}
        job = (await http.post(f"{url}{JOBS}?allowUnknownExecutor=true", json=body)).json()
        async with stream(f"{url}{JOBS}/{job['id']}/logs/stream", after="0") as events:
            assert (await events.next()).kind == "job.created"
            assert _children(api.pid) == []
            api.send_signal(signal.SIGTERM)
            assert await events.ended()
            async with asyncio.timeout(15):
                assert await api.wait() == 0


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"WATERCLOCK_HOST": "0.0.0.0"}, ("WATERCLOCK_HOST", "authentication")),
        ({"WATERCLOCK_KEYLESS": ""}, ("waterclock key create", "WATERCLOCK_KEYLESS=loopback", "proxy")),
        ({"WATERCLOCK_TRUSTED_PROXIES": "127.0.0.1"}, ("WATERCLOCK_TRUSTED_PROXIES", "waterclock key create")),
        ({"WATERCLOCK_ALLOWED_HOSTS": "203.0.113.7"}, ("WATERCLOCK_ALLOWED_HOSTS", "waterclock key create")),
        (
            {"WATERCLOCK_PORT": "none", "WATERCLOCK_HOST": "localhost"},
            ("WATERCLOCK_PORT: 'none' is not a whole number",),
        ),
        ({"WATERCLOCK_CORS_ORIGINS": "https://ops.example,*"}, ("WATERCLOCK_CORS_ORIGINS", "'*'")),
        ({"WATERCLOCK_POSTGRES_URL": "{postgres}_none"}, ("WATERCLOCK_POSTGRES_URL", "does not exist")),
        ({"WATERCLOCK_KEY_PREFIX": "another"}, ("waterclock migrate",)),
    ],
)
async def test_a_start_that_cannot_be_says_why_in_one_line(
    env: dict[str, str], settings: dict[str, str], words: tuple[str, ...]
) -> None:
    await _initialise(env)
    settings = {name: text.format(postgres=env["WATERCLOCK_POSTGRES_URL"]) for name, text in settings.items()}
    code, said = await _ended("api", env | settings)
    assert code == 2
    assert said.count("\n") == 1, said
    assert all(word in said for word in words), said


async def test_who_comes_through_a_bare_proxy_is_let_in_by_a_key_alone(env: dict[str, str], tmp_path: Path) -> None:
    await _initialise(env)
    del env["WATERCLOCK_KEYLESS"]
    key = await _key(env, "create", "--name", "ops", "--scope", "list")
    url = f"http://127.0.0.1:{env['WATERCLOCK_PORT']}"
    async with (
        _running("api", env),
        httpx.AsyncClient(trust_env=False) as http,
        bare_nginx(tmp_path, url.removeprefix("http://")) as front,
    ):
        await _alive(http, url)
        for host in ("localhost", "127.0.0.1", "scheduler.example"):
            assert (await http.get(front + JOBS, headers={"Host": host})).status_code == 401, host
            answer = await http.get(front + JOBS, headers={"Host": host} | _bearer(key))
            assert answer.status_code == 200, host
        await _key(env, "revoke", "ops")

        async def refused() -> bool:
            return (await http.get(front + JOBS, headers=_bearer(key))).status_code == 401

        await until(refused, within=PATIENCE, what="the revoked key refused")
        assert (await http.get(front + JOBS, headers={"Host": "localhost"})).status_code == 401
    code, said = await _ended("api", env)
    assert (code, "authentication is not configured" in said) == (2, True), "its only key is over"


@pytest.mark.soak
@pytest.mark.timeout(600)
async def test_it_stays_small_whatever_clients_do_not_read_and_do_not_end(env: dict[str, str]) -> None:
    """40 streams over 90 MB of events, 400 bodies that lack a byte, and 16 of the largest pages, none of them read."""
    await _initialise(env)
    env |= {"WATERCLOCK_RATE_LIMIT": "0", "WATERCLOCK_RATE_LIMIT_ADDRESS": "0"}
    url = f"http://127.0.0.1:{env['WATERCLOCK_PORT']}"
    async with _running("projector", env), _running("api", env) as api, httpx.AsyncClient(timeout=PATIENCE) as http:
        await _ready(http, url)
        body = {"invokeTarget": "my.unknown", "delay": 36_000, "params": {"text": "x" * 60_000}}
        for _ in range(1_500):
            answer = await http.post(f"{url}/v1/monitor/runs?allowUnknownExecutor=true", json=body)
            assert answer.status_code == 202, answer.text
        head = b"POST /v1/monitor/runs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        length, chunked = b"Content-Length: 1048576\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n100000\r\n"
        get = b"GET /v1/monitor/%b HTTP/1.1\r\nHost: localhost\r\n\r\n"
        asked = [get % b"events/stream?after=0"] * 40
        asked += [head + start + b" " * 1_048_575 for start in (length, chunked)] * 200
        asked += [get % b"events?limit=1000", get % b"runs?limit=1000"] * 8
        peak, slowest = 0, 0.0
        async with contextlib.AsyncExitStack() as clients:
            for text in asked:
                _, writer = await asyncio.open_connection("127.0.0.1", int(env["WATERCLOCK_PORT"]))
                clients.callback(_abort, writer)
                writer.write(text)
            for _ in range(300):
                began = time.monotonic()
                assert (await http.get(f"{url}/livez")).status_code == 200
                slowest = max(slowest, time.monotonic() - began)
                peak = max(peak, _resident(api.pid))
                await asyncio.sleep(0.1)
        assert peak <= 400 << 20, f"slowest /livez {slowest * 1_000:.0f} ms"


@pytest.mark.soak
@pytest.mark.timeout(300)
async def test_a_caller_gets_in_though_idle_connections_are_more_than_descriptors(env: dict[str, str]) -> None:
    await _initialise(env)
    url = f"http://127.0.0.1:{env['WATERCLOCK_PORT']}"
    raise_descriptors()  # ours, for the clients
    async with _running("api", env, descriptors=1_024), httpx.AsyncClient(timeout=PATIENCE) as http:
        await _alive(http, url)
        async with contextlib.AsyncExitStack() as clients:
            for _ in range(1_100):
                _, writer = await asyncio.open_connection("127.0.0.1", int(env["WATERCLOCK_PORT"]))
                clients.callback(_abort, writer)
            async with asyncio.timeout(8):
                assert (await http.get(f"{url}/livez")).status_code == 200


def _abort(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


def _resident(pid: int) -> int:
    """Bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) * 1024


async def test_a_key_opens_it_to_others(env: dict[str, str]) -> None:
    await _initialise(env)
    key = await _key(env, "create", "--name", "ops", "--scope", "list")
    env = env | {"WATERCLOCK_HOST": "0.0.0.0"}
    url = f"http://127.0.0.1:{env['WATERCLOCK_PORT']}"
    async with _running("api", env), httpx.AsyncClient() as http:
        await _alive(http, url)

        async def becomes(secret: str, expected: int) -> None:
            async def seen() -> bool:
                return (await http.get(url + JOBS, headers=_bearer(secret))).status_code == expected

            await until(seen, within=PATIENCE, what=f"{expected} for a key")

        assert (await http.get(url + JOBS)).status_code == 401
        assert (await http.get(url + JOBS, headers=_bearer(key))).status_code == 200
        other = await _key(env, "rotate", "--name", "ops", "--overlap", "0m")
        await becomes(key, 401)
        await becomes(other, 200)
        await _key(env, "revoke", "ops")
        await becomes(other, 401)
        assert (await http.get(url + JOBS)).status_code == 401
    code, said = await _ended("api", env)
    assert (code, "waterclock key create" in said) == (2, True)


def test_keys_are_looked_after_by_a_verb(store_url: str) -> None:
    def ask(*arguments: str, code: int = 0) -> str:
        """What `waterclock key` prints on standard output."""
        done = CliRunner().invoke(api_keys.key, arguments, env={"WATERCLOCK_POSTGRES_URL": store_url})
        assert done.exit_code == code, done.output
        return done.stdout.strip()

    made = ("--name", "ops", "--scope", "list", "--scope", "list", "--expires", "1d", "--rate", "500")
    key = ask("create", *made, "--reason", "for the ops")
    ask("rotate", "--name", "ops", "--overlap", "1h")
    listed = ask("list")
    assert [line.split()[1] for line in listed.splitlines()] == ["name", "ops", "ops"]
    assert key not in listed
    key_id = key.split("_")[1]
    assert ask("revoke", key_id) == f"Revoked {key_id}. It stops working within 2 seconds if Postgres is reachable."
    ask("rotate", "--name", "ops", "--overlap", "0m")
    assert [line.split()[-1] for line in ask("list").splitlines()][1:] == ["revoked", "expired", "live"]
    ask("revoke", "ops")
    ask("revoke", "ops", code=2)

    history = ask("history", "ops")
    lines = [line.split() for line in history.splitlines()[1:]][-8:]  # what was done in other tests stays
    done = ["created", "retired", "created", "revoked", "retired", "created", "revoked", "revoked"]
    assert [line[2] for line in lines] == done, history
    assert lines[0][-3:] == ["for", "the", "ops"]
    assert all(socket.gethostname() in line for line in history.splitlines()[-8:])
    assert key not in history


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        *(
            (("create", "--name", name, "--scope", "list"), "--name")
            for name in (
                "Ops",
                "ops@10.0.0.1",
                "o\x1bps",
                "ops\u202e",
                "ops\u200b",
                "o\udc80ps",
                "ops\n",
                "",
                "x" * 10_000,
            )
        ),
        (("create", "--name", "ops", "--scope", "root"), "--scope"),
        (("create", "--name", "ops", "--scope", "list", "--expires", "soon"), "--expires"),
        (("rotate", "--name", "nobody"), "no active key"),
        (("revoke", "nobody"), "no active key"),
        (("history", "nobody"), "unknown key"),
        (("create", "--name", "ops", "--scope", "list", "--rate", "0"), "--rate"),
    ],
)
def test_a_key_that_cannot_be_is_refused(store_url: str, arguments: tuple[str, ...], words: str) -> None:
    done = CliRunner().invoke(api_keys.key, arguments, env={"WATERCLOCK_POSTGRES_URL": store_url})
    assert (done.exit_code, words in done.output) == (2, True), done.output


def _full_pipe() -> tuple[int, int]:
    """One from which nobody reads, as of a collector that stands still."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writing, b"\n" * 4096)
    os.set_blocking(writing, True)
    return reading, writing


async def test_a_collector_that_does_not_read_holds_up_no_request_and_no_end(env: dict[str, str]) -> None:
    await _initialise(env)
    key = await _key(env, "create", "--name", "ops", "--scope", "list")
    url = f"http://127.0.0.1:{env['WATERCLOCK_PORT']}"
    reading, writing = _full_pipe()
    async with _running("api", env, stderr=writing) as api, httpx.AsyncClient(timeout=PATIENCE) as http:
        os.close(writing)
        await _alive(http, url)
        forged = f"{JOBS}/x%0a2026-11-29T00:00:00.000Z info    api: key accepted%1b[2J"
        for path in (forged, f"{JOBS}/{'x' * 60_000}"):
            for _ in range(20):
                answer = await http.get(url + path, headers=_bearer("wrong"))
                assert answer.status_code in {401, 429}
        assert (await http.get(f"{url}/livez")).status_code == 200
        assert (await http.get(url + JOBS, headers=_bearer(key))).status_code == 200
        api.send_signal(signal.SIGTERM)
        async with asyncio.timeout(20):
            assert await api.wait() == 0
    with os.fdopen(reading) as left:
        assert left.read().strip() == ""  # nobody read, and nobody waited


async def test_a_path_cannot_write_lines_of_its_own_or_flood_the_log(env: dict[str, str]) -> None:
    await _initialise(env)
    await _key(env, "create", "--name", "ops", "--scope", "list")
    url = f"http://127.0.0.1:{env['WATERCLOCK_PORT']}"
    api = await _start("api", env)
    try:
        async with httpx.AsyncClient(timeout=PATIENCE) as http:
            await _alive(http, url)
            await http.get(
                f"{url}{JOBS}/x%0a2026-11-29T00:00:00.000Z info    api: key accepted%1b[2J", headers=_bearer("wrong")
            )
            for _ in range(20):
                await http.get(f"{url}{JOBS}/{'x' * 60_000}", headers=_bearer("wrong"))
    finally:
        api.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE):
            _, said = await api.communicate()
    lines = said.decode().splitlines()
    assert all(line.isprintable() and len(line) < 1_500 and re.match(r"2\d{3}-\S+Z \w+ +api: ", line) for line in lines)
    refused = [line for line in lines if " api: refused " in line]
    assert sum(1 + int((re.findall(r" more=(\d+)", line) or [0])[0]) for line in refused) == 21
    assert len(refused) < 10
    assert r"/x\n2026-11-29T00:00:00.000Z info    api: key accepted\u001b[2J" in refused[0]


async def test_a_named_issuer_opens_it_to_others(env: dict[str, str]) -> None:
    await _initialise(env)
    env = env | {"WATERCLOCK_HOST": "0.0.0.0", "WATERCLOCK_JWT_ISSUER": "https://issuer.example"}
    code, said = await _ended("api", env)
    assert (code, "WATERCLOCK_JWT_AUDIENCE" in said) == (2, True)
    env = env | {"WATERCLOCK_JWT_AUDIENCE": "waterclock", "WATERCLOCK_JWT_JWKS": "/nowhere/jwks.json"}
    url = f"http://127.0.0.1:{env['WATERCLOCK_PORT']}"
    async with _running("projector", env), _running("api", env), httpx.AsyncClient() as http:
        await _ready(http, url)
        assert (await http.get(url + JOBS)).status_code == 401


async def test_without_postgres_the_api_starts_for_commands_and_the_projector_waits(
    env: dict[str, str], own_postgres: OwnPostgres, tmp_path: Path
) -> None:
    postgres = await own_postgres()
    await migrate(postgres.url)
    await _initialise(env)
    async with projected(env["WATERCLOCK_REDIS_URL"], postgres.url, env["WATERCLOCK_KEY_PREFIX"], stopping=True):
        pass  # which opens the log
    (tmp_path / "jwks.json").write_text(json.dumps(KEYS))
    issuer = {"JWT_ISSUER": ISSUER, "JWT_AUDIENCE": AUDIENCE, "JWT_JWKS": str(tmp_path / "jwks.json")}
    env = (
        env | {"WATERCLOCK_POSTGRES_URL": postgres.url} | {f"WATERCLOCK_{name}": text for name, text in issuer.items()}
    )
    await postgres.kill()
    url, body = f"http://127.0.0.1:{env['WATERCLOCK_PORT']}", {"jobName": "a", "invokeTarget": "demo.noop"}
    good = _bearer(token(scope="add list query run"))
    async with _running("projector", env), _running("api", env), httpx.AsyncClient(timeout=30) as http:
        await _alive(http, url)
        created = await http.post(f"{url}{JOBS}?allowUnknownExecutor=true", json=body, headers=good)
        assert created.status_code == 202, created.text
        triggered = await http.post(f"{url}{JOBS}/{created.json()['id']}/trigger", json={}, headers=good)
        assert triggered.status_code == 202
        for path, headers, status, kind in (
            ("/readyz", {}, 503, "unready"),
            (JOBS, good, 503, "store-unavailable"),
            (JOBS, {}, 503, "credentials-unknown"),
            (JOBS, _bearer(new_secret().text), 503, "credentials-unknown"),
        ):
            answer = await http.get(url + path, headers=headers)
            assert (answer.status_code, answer.json()["type"]) == (status, f"/problems#{kind}"), path
        await postgres.start()
        await _ready(http, url)
        assert (await http.get(f"{url}{JOBS}/{created.json()['id']}", headers=good)).status_code == 200


async def test_a_port_that_is_taken_is_named(env: dict[str, str]) -> None:
    await _initialise(env)
    async with _running("api", env), httpx.AsyncClient() as http:
        await _alive(http, f"http://127.0.0.1:{env['WATERCLOCK_PORT']}")
        code, said = await _ended("api", env)
        assert (code, env["WATERCLOCK_PORT"] in said, "WATERCLOCK_PORT" in said) == (2, True, True)


async def test_migrate_prepares_both_servers_and_may_be_repeated(env: dict[str, str], postgres_url: str) -> None:
    env = env | {"WATERCLOCK_POSTGRES_URL": postgres_url, "WATERCLOCK_PARTITIONS": "2"}
    for _ in range(2):
        code, said = await _ended("migrate", env)
        assert code == 0, said
    async with _running("api", env), httpx.AsyncClient() as http:
        await _alive(http, f"http://127.0.0.1:{env['WATERCLOCK_PORT']}")
    code, said = await _ended("migrate", env | {"WATERCLOCK_PARTITIONS": "3"})
    assert (code, "partitions" in said) == (2, True)


async def _initialise(env: Mapping[str, str]) -> None:
    settings = LogSettings(url=env["WATERCLOCK_REDIS_URL"], prefix=env["WATERCLOCK_KEY_PREFIX"])
    await initialise(settings, partitions=1, queues=QUEUES)


@asynccontextmanager
async def _running(
    verb: str, env: Mapping[str, str], *, stderr: int = asyncio.subprocess.PIPE, descriptors: int | None = None
) -> AsyncGenerator[asyncio.subprocess.Process]:
    process = await _start(verb, env, stderr=stderr, descriptors=descriptors)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE):
            _, said = await process.communicate()
        assert process.returncode == 0, said


async def _ended(verb: str, env: Mapping[str, str], *arguments: str) -> tuple[int | None, str]:
    process = await _start(verb, env, *arguments)
    async with asyncio.timeout(PATIENCE):
        out, said = await process.communicate()
    return process.returncode, (out + said).decode()


async def _key(env: Mapping[str, str], *arguments: str) -> str:
    """What `waterclock key` prints on standard output."""
    process = await _start("key", env, *arguments)
    async with asyncio.timeout(PATIENCE):
        out, said = await process.communicate()
    assert process.returncode == 0, said.decode()
    return out.decode().strip()


def _bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


async def _start(
    verb: str,
    env: Mapping[str, str],
    *arguments: str,
    stderr: int = asyncio.subprocess.PIPE,
    descriptors: int | None = None,
) -> asyncio.subprocess.Process:
    code = f"import sys; sys.argv[1:] = {[verb, *arguments]}; from waterclock.cli.main import main; main()"
    if descriptors is not None:
        code = f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({descriptors}, {descriptors})); {code}"
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        code,
        env={name: value for name, value in os.environ.items() if not name.startswith("WATERCLOCK_")} | dict(env),
        stdout=asyncio.subprocess.PIPE,
        stderr=stderr,
    )


async def _alive(http: httpx.AsyncClient, url: str, path: str = "/livez") -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                if (await http.get(url + path)).status_code == 200:
                    return
            except httpx.TransportError:
                await asyncio.sleep(0.02)


async def _ready(http: httpx.AsyncClient, url: str) -> None:
    await _alive(http, url, "/readyz")


def _children(pid: int) -> list[str]:
    return [child for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]
