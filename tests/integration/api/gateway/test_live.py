"""Live streams through nginx and Traefik: at once, uncompressed, through silence, and without a hole over restarts."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import JOB, JOBS, QUEUES, served
from tests.integration.api.sse import eventually, stream
from tests.support.gateways import FILES, KINDS, Gateway, Kind, gateway, lasting_port
from tests.support.listening import Listener
from tests.support.waiting import until
from waterclock.log.client import LogSettings
from waterclock.log.recovery.opening import initialise
from waterclock.store import api_keys
from waterclock.store.connection.pool import open_pool
from waterclock_api.access.secret import new_secret
from waterclock_api.live import hub
from waterclock_dev.servers.children import Child, ending_with_us

EVENTS = "/v1/monitor/events"
AWAY = frozenset({502, 503, 504})
both = pytest.mark.parametrize("kind", KINDS)


@pytest.mark.parametrize(("kind", "http2"), [("nginx", True), ("traefik", False)])
async def test_an_event_is_there_before_the_next_one_happens(
    rig: MakeRig, kind: Kind, http2: bool, tmp_path: Path
) -> None:
    async with (
        rig(proxies=("127.0.0.1",), keyed=True) as api,
        served(api) as url,
        _before(kind, tmp_path, url) as front,
    ):
        worker = await api.worker()
        job = await api.create()
        run = await api.trigger(job["id"])
        where = f"{front.url}/v1/monitor/runs/{run}/logs/stream"
        async with stream(
            where, verify=front.tls, http2=http2, headers={**api.credentials, "Accept-Encoding": "gzip"}
        ) as events:
            assert "content-encoding" not in events.headers
            assert (await events.next()).kind == "run.requested"
            grant = await worker.claim_one()
            assert (await events.next()).kind == "run.started"
            for number in range(1, 6):
                await worker.step(grant, "Work", f"line {number}", number=number)
                assert [event.kind for event in await events.until("step.finished")][-2] == "step.log"
            await worker.succeed(grant)
            assert (await events.until("end"))[-1].data["status"] == "succeeded"
            assert await events.ended()


def test_the_gateways_patience_is_longer_than_a_silence_of_ours() -> None:
    (patience,) = re.findall(r"proxy_read_timeout (\d+)s;", (FILES / "nginx.conf").read_text())
    assert int(patience) > 2 * hub.HEARTBEAT_EVERY


@pytest.mark.soak
@pytest.mark.parametrize("beats", [True, False])
async def test_heartbeats_keep_a_silent_stream_open_past_the_gateways_patience(
    rig: MakeRig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, beats: bool
) -> None:
    monkeypatch.setattr(hub, "_TEND_EVERY", 0.05)
    monkeypatch.setattr(hub, "HEARTBEAT_EVERY", 0.2 if beats else 600.0)
    async with rig(proxies=("127.0.0.1",), keyed=True) as api, served(api) as url:
        await api.worker()
        impatient = {"proxy_read_timeout 60s;": "proxy_read_timeout 10s;"}
        async with _before("nginx", tmp_path, url, impatient) as front, front.client(headers=api.credentials) as http:
            async with http.stream("GET", f"{front.url}{EVENTS}/stream") as answer:
                lines = answer.aiter_lines()
                heard = 0
                try:
                    async with asyncio.timeout(60):
                        async for line in lines:
                            heard += line.startswith(":")
                            if heard == 120:  # of silence longer than that
                                break
                except httpx.TransportError:
                    heard = -1
            assert (heard == 120) is beats


@both
async def test_heartbeats_come_through_and_who_leaves_the_gateway_leaves_us(
    rig: MakeRig, kind: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "_TEND_EVERY", 0.05)
    monkeypatch.setattr(hub, "LOOK_EVERY", 0.1)
    monkeypatch.setattr(hub, "HEARTBEAT_EVERY", 0.2)
    async with (
        rig(proxies=("127.0.0.1",), keyed=True) as api,
        served(api) as url,
        _before(kind, tmp_path, url) as front,
    ):
        async with (
            front.client(headers=api.credentials) as http,
            http.stream("GET", f"{front.url}{EVENTS}/stream") as answer,
        ):
            await eventually(lambda: api.parts.hub.subscriptions == 1, within=30)
            heard = 0
            async with asyncio.timeout(30):
                async for line in answer.aiter_lines():
                    heard += line == ":"
                    if heard == 4:  # nothing else is said
                        break
        await eventually(lambda: api.parts.hub.subscriptions == 0, within=30)


@pytest.mark.parametrize("kind", ["nginx", pytest.param("traefik", marks=pytest.mark.soak)])
async def test_nothing_is_lost_or_doubled_while_replicas_and_gateway_restart(
    kind: Kind, redis_url: str, store_url: str, key_prefix: str, tmp_path: Path
) -> None:
    await _roll(kind, _environment(redis_url, store_url, key_prefix), tmp_path, rounds=1)


@both
@pytest.mark.soak
@pytest.mark.timeout(1_800)
async def test_nothing_is_lost_or_doubled_for_minutes(
    kind: Kind, redis_url: str, store_url: str, key_prefix: str, tmp_path: Path
) -> None:
    await _roll(kind, _environment(redis_url, store_url, key_prefix), tmp_path, rounds=20, rest=5, kills=True)


async def _roll(
    kind: Kind, env: Mapping[str, str], folder: Path, *, rounds: int, rest: float = 0, kills: bool = False
) -> None:
    """Restart each replica in turn, and reload the gateway, while some write and others listen; then compare.

    `kills`: every other replica is killed instead of asked to end.
    """
    settings = LogSettings(url=env["WATERCLOCK_REDIS_URL"], prefix=env["WATERCLOCK_KEY_PREFIX"])
    await initialise(settings, partitions=1, queues=QUEUES)
    projector, replicas = _process("projector", env), [_Replica(env), _Replica(env)]
    try:
        key = await _key(env["WATERCLOCK_POSTGRES_URL"])
        for replica in replicas:
            await replica.start()
        changes = {"worker_shutdown_timeout 30s;": "worker_shutdown_timeout 1s;"}
        async with gateway(kind, folder, [one.address for one in replicas], changes=changes) as front:
            async with front.client(headers=key) as http:
                body = JOB | {"concurrent": "0"}
                created = await http.post(f"{JOBS}?allowUnknownExecutor=true", json=body)
                job = created.json()["id"]
            writers = [_Writer(front, job, name, key) for name in ("a", "b", "c")]
            listeners = [_listener(front, key) for _ in range(3)]
            async with asyncio.TaskGroup() as tasks:
                writing = [tasks.create_task(one.write()) for one in writers]
                listening = [tasks.create_task(one.listen()) for one in listeners]
                for number in range(rounds):
                    for replica in replicas:
                        await replica.end(signal.SIGKILL if kills and number % 2 else signal.SIGTERM)
                        await replica.start()
                        front.reload()
                        await _more(writers)
                        await asyncio.sleep(rest)
                for one in writers:
                    one.enough.set()
                await asyncio.wait(writing)
                stored = await _stored(replicas[0].url, key)
                await until(
                    _all_heard(listeners, stored[-1]["id"]), within=60, what="every listener hears the last event"
                )
                for task in listening:
                    task.cancel()
        _compare(writers, listeners, stored)
    finally:
        for one in (*(replica.child for replica in replicas), projector):
            if one is not None and one.running:
                await one.stop(grace=15)


def _compare(writers: list[_Writer], listeners: list[Listener], stored: list[dict[str, Any]]) -> None:
    answered = Counter(run for one in writers for run in one.runs.values())
    assert Counter(one["runId"] for one in stored if one["type"] == "run.requested") == answered
    assert set(answered.values()) == {1}
    assert [one.surprises for one in writers] == [[], [], []]
    for one in listeners:
        assert one.surprises == []
        assert [event["id"] for event in one.heard] == [event["id"] for event in stored]
        assert one.connections > 1


class _Replica:
    """An API process that may be ended and started again at its port."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self._port = lasting_port()
        self.address = f"127.0.0.1:{self._port}"
        self.url = f"http://{self.address}"
        self.child: Child | None = None

    async def start(self) -> None:
        async def ready() -> bool:
            assert self.child is not None
            if not self.child.running:  # its port is still held by the one before
                self.child = _process("api", {**self._env, "WATERCLOCK_PORT": str(self._port)})
            try:
                return (await http.get(f"{self.url}/readyz")).status_code == 200
            except httpx.TransportError:
                return False

        self.child = _process("api", {**self._env, "WATERCLOCK_PORT": str(self._port)})
        async with httpx.AsyncClient(timeout=10, trust_env=False) as http:
            await until(ready, within=60, what="a replica is ready")

    async def end(self, sig: signal.Signals) -> None:
        assert self.child is not None
        code = await self.child.stop(sig, grace=20)
        assert code == (0 if sig == signal.SIGTERM else -sig), self.child.last_lines


class _Writer:
    """Triggers a job again and again, each time until it is answered; now and then repeats what was answered."""

    def __init__(self, front: Gateway, job: str, name: str, key: Mapping[str, str]) -> None:
        self.runs: dict[str, str] = {}  # by key
        self.surprises: list[str] = []
        self.enough = asyncio.Event()
        self._front = front
        self._job = job
        self._name = name
        self._key = key

    async def write(self) -> None:
        number = 0
        async with self._front.client(headers=self._key) as http:
            while not self.enough.is_set():
                key = f"{self._name}-{number}"
                self.runs[key] = await self._trigger(http, key)
                if number % 5 == 0 and (again := await self._trigger(http, key)) != self.runs[key]:
                    self.surprises.append(f"{key} made {again} beside {self.runs[key]}")
                number += 1
                await asyncio.sleep(0.02)

    async def _trigger(self, http: httpx.AsyncClient, key: str) -> str:
        while True:
            try:
                answer = await http.post(f"{JOBS}/{self._job}/trigger", headers={"Idempotency-Key": key})
            except httpx.TransportError:
                await asyncio.sleep(0.05)
                continue
            if answer.status_code == 202:
                return answer.json()["runId"]
            if answer.status_code not in AWAY:
                self.surprises.append(f"{answer.status_code} {answer.text}")
            await asyncio.sleep(0.05)


async def _more(writers: list[_Writer]) -> None:
    """Until each has been answered a few more times."""
    before = [len(one.runs) for one in writers]

    async def seen() -> bool:
        return all(len(one.runs) > count + 5 for one, count in zip(writers, before, strict=True))

    await until(seen, within=60, what="writers go on")


def _listener(front: Gateway, key: Mapping[str, str]) -> Listener:
    return Listener(f"{front.url}{EVENTS}/stream", after="0", away=AWAY, tls=front.tls, headers=key)


def _all_heard(listeners: list[Listener], last: str) -> Any:
    async def heard() -> bool:
        return all(one.heard and one.heard[-1]["id"] == last for one in listeners)

    return heard


async def _key(postgres_url: str) -> dict[str, str]:
    """Credentials for all that is done here: a gateway stands in front."""
    secret = new_secret()
    async with await open_pool(postgres_url, name="test") as pool, pool.connection() as connection:
        await api_keys.add(
            connection,
            key_id=secret.key_id,
            name="test",
            secret_sha256=secret.sha256,
            scopes=("admin",),
            valid_for=None,
        )
    return {"Authorization": f"Bearer {secret.text}"}


async def _stored(url: str, key: Mapping[str, str]) -> list[dict[str, Any]]:
    """All events of the archive, in their order."""
    found: list[dict[str, Any]] = []
    query: dict[str, Any] = {"limit": 1_000}
    async with httpx.AsyncClient(timeout=30, trust_env=False, headers=dict(key)) as http:
        while True:
            page = (await http.get(f"{url}{EVENTS}", params=query)).json()
            found += page["items"]
            if page["nextCursor"] is None:
                return sorted(found, key=lambda one: [int(part) for part in one["id"].split("-")])
            query["cursor"] = page["nextCursor"]


def _environment(redis_url: str, store_url: str, key_prefix: str) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("WATERCLOCK_")}
    return own | {
        "WATERCLOCK_REDIS_URL": redis_url,
        "WATERCLOCK_POSTGRES_URL": store_url,
        "WATERCLOCK_KEY_PREFIX": key_prefix,
        "WATERCLOCK_TRUSTED_PROXIES": "127.0.0.1",
    }


def _process(verb: str, env: Mapping[str, str]) -> Child:
    return Child(ending_with_us([sys.executable, "-m", "waterclock.cli", verb]), name=verb, env=env)


def _before(kind: Kind, folder: Path, url: str, changes: dict[str, str] | None = None) -> Any:
    where = url.partition("//")[2]
    return gateway(kind, folder, [where, where], changes=changes)
