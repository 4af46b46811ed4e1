"""The stream of all events: once, in order within each partition, at any replica, and nothing left behind."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import socket
import struct
from collections import defaultdict
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import JOBS, Rig, Worker, served
from tests.integration.api.sse import Event, eventually, kinds, stream
from waterclock.kit.randomness import token
from waterclock.log.client import Log, LogSettings
from waterclock.log.commands.attempts import Grant
from waterclock.log.commands.bodies import body_of
from waterclock.model.events import StepStarted
from waterclock.model.positions import Position, parse_position
from waterclock.store.connection.pool import open_pool
from waterclock_api.app import application, assembled
from waterclock_api.limits.peer_state import connected
from waterclock_api.live import hub
from waterclock_api.live.subscriptions import SEAT_BYTES, Question
from waterclock_api.telemetry.instrumentation import Instrumented

EVENTS = "/v1/monitor/events/stream"
PARTITIONS = 3
STEPS = 10_000
AT_ONCE = 100  # steps in one batch
POOLED = 25  # connections to the stores that come and go as they are needed


async def test_all_events_are_told_from_now_or_from_the_oldest_by_filter(rig: MakeRig) -> None:
    async with rig(partitions=PARTITIONS) as api, served(api) as url:
        await api.worker()
        one = await api.create(jobName="one")
        async with (
            stream(url + EVENTS) as now,
            stream(url + EVENTS, after="0") as whole,
            stream(f"{url}{EVENTS}?type=job.created&type=job.deleted", after="0") as typed,
            stream(f"{url}{EVENTS}?jobId={one['id']}", after="0") as of_one,
        ):
            await eventually(lambda: api.parts.hub.subscriptions == 4)
            other = await api.create(jobName="other")
            assert (await now.next()).data["jobId"] == other["id"]
            created = [(await typed.next()).data.get("jobId") for _ in range(2)]
            assert created == [one["id"], other["id"]]
            run_id = await api.trigger(one["id"])
            assert (await now.next()).data["runId"] == run_id
            assert kinds([await of_one.next(), await of_one.next()]) == ["job.created", "run.requested"]
            told = await whole.until("run.requested")
            assert [event.data["jobId"] for event in told if event.kind == "job.created"] == [one["id"], other["id"]]
            partition = api.log.partition_of(one["id"])
        async with stream(f"{url}{EVENTS}?partition={partition}", after="0") as of_part:
            told = await of_part.until("run.requested")
            assert {parse_position(str(event.id)).partition for event in told} == {partition}
        await eventually(
            lambda: (api.parts.hub.readers, api.parts.hub.subscriptions, api.parts.hub.clients) == (0, 0, 0)
        )


async def test_a_question_that_cannot_be_is_refused(rig: MakeRig) -> None:
    async with rig(partitions=2) as api:
        for wrong in ("type=nothing", "jobId=A", "partition=2", "partition=x", "after=x", "after=0-1-1.0-1-2", "q=1"):
            refused = await api.http.get(f"{EVENTS}?{wrong}")
            assert refused.status_code == 400, wrong
            assert refused.json()["errors"][0]["pointer"] == "?" + wrong.partition("=")[0]


async def test_a_client_that_comes_again_all_the_time_at_any_replica_sees_each_event_once(rig: MakeRig) -> None:
    async with rig(partitions=PARTITIONS) as api, _replica(api) as second, served(api) as one, served(second) as two:
        worker, grants = await _grants(api)
        for url in (one, two):
            assert (await api.http.get("/readyz")).status_code == 200, url
        done = asyncio.Event()
        start = await _place(one)
        async with asyncio.TaskGroup() as tasks:
            steady = [tasks.create_task(_read_until(url, start, done)) for url in (one, two)]
            restless = tasks.create_task(_come_again([one, two], start, done))
            await eventually(lambda: api.parts.hub.subscriptions > 0 and second.parts.hub.subscriptions > 0)
            for number in range(1, STEPS, AT_ONCE):
                await _steps(api, worker, grants[number // AT_ONCE % len(grants)], number)
                await asyncio.sleep(0.02)  # or all is over before anybody has come twice
            done.set()
        for reader in (*steady, restless):
            events = reader.result()
            assert [event.kind for event in events] == ["step.started"] * STEPS
            of_partition: dict[int, list[Position]] = defaultdict(list)
            for event in events:
                place = parse_position(event.data["id"])
                of_partition[place.partition].append(place)
            assert all(places == sorted(set(places)) for places in of_partition.values())
            assert len(of_partition) == PARTITIONS
            assert len({event.data["number"] for event in events}) == STEPS


async def test_a_client_that_does_not_read_is_cut_and_goes_on_without_a_hole(rig: MakeRig) -> None:
    async with rig(partitions=2) as api, served(api) as url:
        worker = await api.worker()
        job = await api.create()
        await api.trigger(job["id"])
        partition = api.log.partition_of(job["id"])
        grant = await worker.claim_one(partition)
        reader, writer = await _open(url, EVENTS)
        await reader.readuntil(b"\nid: ")
        await eventually(lambda: api.parts.hub.subscriptions == 1)
        text = "x" * 60_000
        count = 12 * SEAT_BYTES // len(text)
        for number in range(1, count + 1):
            await worker.step(grant, "Talk", text, number=number)
        async with asyncio.timeout(10):
            await eventually(lambda: api.parts.hub.subscriptions == 0)
            got = await _rest_of(reader)
        await _closed(writer)
        seen = [block for block in got.split(b"\n\n")[:-1] if b"event: " in block]
        last = seen[-1].partition(b"id: ")[2].partition(b"\n")[0].decode()
        assert 0 < len(seen) < 3 * count
        async with stream(url + EVENTS, last_event_id=last) as events:
            rest = [await events.next() for _ in range(3 * count - len(seen))]
        numbers = [int(block.partition(b'"number":')[2].partition(b",")[0]) for block in seen]
        assert numbers + [event.data["number"] for event in rest] == [n for n in range(1, count + 1) for _ in range(3)]


async def test_nothing_is_left_of_a_thousand_clients_that_vanished(
    rig: MakeRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "_TEND_EVERY", 0.05)
    monkeypatch.setattr(hub, "LOOK_EVERY", 0.1)  # for those of whose going the server says nothing
    async with rig(partitions=2) as api, served(api) as url:
        worker = await api.worker()
        job = await api.create()
        await api.trigger(job["id"])
        grant = await worker.claim_one(api.log.partition_of(job["id"]))
        paths = (EVENTS, f"{EVENTS}?after=0", f"{JOBS}/{job['id']}/logs/stream?after=0")

        async def wave(number: int) -> None:
            clients = [_vanishing(url, paths[place % 3]) for place in range(100)]
            await eventually(lambda: api.parts.hub.subscriptions > 50, within=30)
            await worker.step(grant, "Work", "x" * 1000, number=number)
            for client in clients:
                client.close()
            await eventually(lambda: api.parts.hub.subscriptions == 0, within=30)

        await wave(1)
        await eventually(lambda: api.parts.hub.readers == 0 and _held(api) == (0, 0, 0), within=30)
        files, objects = _files(), _objects()
        for number in range(2, 12):
            await wave(number)
        await eventually(lambda: api.parts.hub.readers == 0, within=30)
        await eventually(lambda: _held(api) == (0, 0, 0), within=30)
        await eventually(lambda: _files() - files < POOLED, within=30)
        assert _objects() - objects < 15_000  # the test's own, caches, notes of connections: a client is more than 50


async def test_no_more_streams_are_served_than_may_be(rig: MakeRig) -> None:
    async with rig() as api, _replica(api, streams=3, streams_per_client=2) as small, served(small) as url:
        async with httpx.AsyncClient() as client, stream(url + EVENTS), stream(url + EVENTS):
            refused = await client.get(url + EVENTS)
            assert (refused.status_code, refused.json()["type"]) == (429, "/problems#too-many-streams")
            assert int(refused.headers["retry-after"]) > 0
            async with small.parts.hub.join(_question(), lambda: None, client="another"):
                refused = await client.get(url + EVENTS)
                assert (refused.status_code, refused.json()["type"]) == (503, "/problems#streams-full")
                assert int(refused.headers["retry-after"]) > 0
        await eventually(lambda: small.parts.hub.subscriptions == 0)
        async with stream(url + EVENTS):
            await eventually(lambda: small.parts.hub.subscriptions == 1)


async def test_a_quiet_stream_beats_and_says_where_it_is(rig: MakeRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "_TEND_EVERY", 0.01)
    monkeypatch.setattr(hub, "HEARTBEAT_EVERY", 0.02)
    async with rig() as api, served(api) as url:
        await api.worker()
        job = await api.create()
        reader, writer = await _open(url, f"{EVENTS}?type=queue")
        async with asyncio.timeout(10):
            first = await _beat(reader)
            await api.trigger(job["id"])
            while (later := await _beat(reader)) == first:
                continue
        assert parse_position(later) > parse_position(first)
        await _closed(writer)
        reader, writer = await _open(url, f"{JOBS}/{job['id']}/logs/stream")
        async with asyncio.timeout(10):
            await reader.readuntil(b":\n\n")
        await _closed(writer)


@asynccontextmanager
async def _replica(api: Rig, **limits: Any) -> AsyncGenerator[Rig]:
    """Another process of the same deployment, as far as streams are concerned."""
    log = await Log.connect(LogSettings(url=api.redis_url, prefix=api.log.keys.prefix), role="api")
    try:
        async with (
            await open_pool(api.postgres_url, name="api", max_size=4) as pool,
            assembled(log, pool, **limits) as parts,
        ):
            url, postgres = api.redis_url, api.postgres_url
            yield Rig(
                parts=parts, app=Instrumented(application(parts)), http=api.http, redis_url=url, postgres_url=postgres
            )
    finally:
        await log.close()


def _question() -> Question:
    return Question((0,))


async def _grants(api: Rig) -> tuple[Worker, list[Grant]]:
    """A run in each partition, under way."""
    worker = await api.worker()
    found: dict[int, Grant] = {}
    while len(found) < PARTITIONS:
        job = await api.create(jobName=token(8))
        partition = api.log.partition_of(job["id"])
        if partition not in found:
            await api.trigger(job["id"])
            found[partition] = await worker.claim_one(partition)
    return worker, list(found.values())


async def _steps(api: Rig, worker: Worker, grant: Grant, first: int) -> None:
    about: dict[str, Any] = {"run_id": grant.run_id, "job_id": grant.job_id}
    about |= {"attempt": grant.attempt, "fence": grant.fence, "name": "Step"}
    await worker.record(grant, *(body_of(StepStarted(**about, number=first + n)) for n in range(AT_ONCE)))


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


async def _place(url: str) -> str:
    """Where all is now."""
    reader, writer = await _open(url, EVENTS)
    async with asyncio.timeout(10):
        place = await _beat(reader)
    await _closed(writer)
    return place


async def _read_until(url: str, start: str, done: asyncio.Event) -> list[Event]:
    seen: list[Event] = []
    async with stream(url + EVENTS, last_event_id=start) as events:
        while len(seen) < STEPS or not done.is_set():
            if len(seen) >= STEPS:
                await done.wait()
                continue
            seen.append(await events.next())
    return seen


async def _come_again(urls: list[str], start: str, done: asyncio.Event) -> list[Event]:
    """Every 200 ms, with what was heard last; until all is heard, and once more for what may come twice."""
    seen: list[Event] = []
    last, visits = start, 0
    while len(seen) < STEPS or visits < 10:
        visits += 1
        try:
            async with stream(urls[os.urandom(1)[0] % 2] + EVENTS, last_event_id=last) as events, asyncio.timeout(0.2):
                while True:
                    seen.append(await events.next())
                    last = str(seen[-1].id)
        except TimeoutError:
            continue
    assert done.is_set() or len(seen) == STEPS
    return seen


async def _open(url: str, path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = url.removeprefix("http://").split(":")
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect((host, int(port)))
    sock.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    sock.setblocking(False)
    return await asyncio.open_connection(sock=sock, limit=4096)


async def _beat(reader: asyncio.StreamReader) -> str:
    await reader.readuntil(b":\nid: ")
    return (await reader.readuntil(b"\n\n")).decode().strip()


async def _rest_of(reader: asyncio.StreamReader) -> bytes:
    """What was sent before the stream was cut, without the sizes of chunks."""
    raw = b""
    try:
        while found := await reader.read(1 << 16):
            raw += found
    except ConnectionError:
        pass
    return _dechunked(raw)


def _dechunked(raw: bytes) -> bytes:
    """From within a chunk on."""
    _, _, raw = raw.partition(b"\r\n")
    found = b""
    while raw:
        size, _, raw = raw.partition(b"\r\n")
        count = int(size or b"0", 16)
        found, raw = found + raw[:count], raw[count + 2 :]
        if not count:
            break
    return found


def _vanishing(url: str, path: str) -> socket.socket:
    """A client that resets its connection when it is closed."""
    host, port = url.removeprefix("http://").split(":")
    client = socket.create_connection((host, int(port)))
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    return client


def _held(api: Rig) -> tuple[int, int, int]:
    streams = [task for task in asyncio.all_tasks() if "stream" in task.get_name().replace("tend streams", "")]
    return len(streams), api.parts.hub.subscriptions, api.parts.hub.clients


def _files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def _objects() -> int:
    gc.collect()
    return len(gc.get_objects())


async def test_a_stream_goes_on_though_a_look_at_the_connections_misses_it(
    rig: MakeRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0

    def missing_each_second_time() -> frozenset[str] | None:
        nonlocal looks
        looks += 1
        return frozenset() if looks % 2 else connected()

    monkeypatch.setattr(hub, "connected", missing_each_second_time)
    monkeypatch.setattr(hub, "_TEND_EVERY", 0.01)
    monkeypatch.setattr(hub, "LOOK_EVERY", 0.01)
    async with rig() as api, served(api) as url:
        await api.worker()
        async with stream(f"{url}{EVENTS}") as events:
            await eventually(lambda: looks >= 6, within=20)
            job = await api.create()
            assert (await events.until("job.created"))[-1].data["jobId"] == job["id"]
