"""What a caller sends holds neither the event loop nor the memory of the API nor the connections of its database."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from typing import Any

import httpx
import msgspec

from tests.redteam.attack import attack, fell_unless
from tests.redteam.field import API, Field
from waterclock_dev.servers.ports import LOOPBACK

KIND = "exhaustion"
STANDSTILL = 1.0  # s that nobody is answered: far above a busy machine, far below what an attack makes of it
NEVER: dict[str, Any] = {
    "cronExpression": "0 30 2 ? 3 SUNL", "timezone": "Europe/Berlin", "dstGap": "skip", "cronDialect": "quartz",
}  # fmt: skip
"""The last Sunday of March at 02:30 in Berlin: the clock jumps over it each year."""
BUDGET = 400 << 20  # bytes
WIDE = msgspec.json.encode({f"{n:05}": 1 for n in range(95_000)})
"""As many unknown members as a body has room for."""


async def _quiet(field: Field, http: httpx.AsyncClient, requests: list[tuple[str, str, bytes]], *, at_once: int) -> str:
    """Nobody else notices the requests, and none is answered by more than 64 KiB of flaws."""
    room = asyncio.Semaphore(at_once)
    statuses: dict[int, int] = {}
    largest = 0

    async def asked(method: str, path: str, body: bytes) -> None:
        nonlocal largest
        async with room:
            answer = await http.request(method, path, content=body, headers={"content-type": "application/json"})
        statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1
        if not answer.is_success:
            largest = max(largest, len(answer.content))

    async with field.watched() as watch, asyncio.TaskGroup() as tasks:
        for one in requests:
            tasks.create_task(asked(*one))
    seen = f"{statuses}, probe {watch.probe:.2f} s, caller {watch.caller:.2f} s, largest refusal {largest} bytes"
    fell_unless(not any(status >= 500 and status != 503 for status in statuses), seen)
    fell_unless(watch.probe < STANDSTILL, seen)
    fell_unless(not watch.refused, f"{seen}: {watch.refused[:3]}")
    fell_unless(largest <= 66_000, seen)
    return seen


@attack(KIND, "a schedule that never fires: written, previewed, simulated")
async def never_fires(field: Field) -> str:
    job = await field.job(jobName="usual", jobGroup="red", cronExpression="0 4 * * *", status="1")
    span = {"from": "2026-01-01T00:00:00Z", "to": "2026-02-01T00:00:00Z"}
    written = {"jobName": "never", "jobGroup": "red", "invokeTarget": "demo.noop", **NEVER}
    requests = [
        ("POST", f"/jobs/{job['id']}/simulate", json.dumps(span | {"definition": NEVER}).encode()),
        ("POST", "/jobs", json.dumps(written).encode()),
        ("POST", "/schedules/preview", json.dumps({**NEVER, "count": 1000}).encode()),
    ]
    async with field.client("admin") as http:
        return await _quiet(field, http, requests * 4, at_once=2)


@attack(KIND, "95 000 unknown members in a body")
async def unknown_members(field: Field) -> str:
    body = WIDE
    requests = [("POST", path, body) for path in ("/jobs", "/schedules/preview", "/runs", "/runs/retry")]
    async with field.client("admin") as http:
        return await _quiet(field, http, requests, at_once=2)


@attack(KIND, "12 000 wrong parameters")
async def wrong_parameters(field: Field) -> str:
    params = {"url": "https://books.example/", "expect": ["x"] * 12_000}
    body = json.dumps({"jobName": "w", "invokeTarget": "http.request", "invokeParams": params}).encode()
    async with field.client("admin") as http:
        return await _quiet(field, http, [("POST", "/jobs", body)] * 4, at_once=2)


@attack(KIND, "an executor's pattern that backtracks", quick=True)
async def backtracking(field: Field) -> str:
    params = {"text": "a" * 40 + "!"}
    job = json.dumps({"jobName": "p", "invokeTarget": "red.pattern", "invokeParams": params}).encode()
    run = json.dumps({"invokeTarget": "red.pattern", "params": params}).encode()
    async with field.client("admin") as http:
        return await _quiet(field, http, [("POST", "/jobs", job), ("POST", "/runs", run)], at_once=2)


@attack(KIND, "deep, wide and long bodies", quick=True)
async def odd_bodies(field: Field) -> str:
    bodies = [
        b"[" * 100_000, b"[" * 30 + b"]" * 30, b'{"jobName":' + b"9" * 900_000 + b"}",
        b'{"labels":{' + b",".join(b'"k%d":"v"' % n for n in range(50_000)) + b"}}",
        b'{"jobName":"' + b"\\u0000" * 100_000 + b'"}',
        b'{"invokeParams":{' + b",".join(b'"%d":[[[[{}]]]]' % n for n in range(20_000)) + b"}}",
    ]  # fmt: skip
    async with field.client("admin") as http:
        return await _quiet(field, http, [("POST", "/jobs", body) for body in bodies], at_once=3)


@attack(KIND, "far instants", quick=True)
async def far_instants(field: Field) -> str:
    jobs = [
        await field.job(jobName=f"far {n}", jobGroup="red", cronExpression=text, timezone=zone, status="1")
        for n, (text, zone) in enumerate((("0 0 29 2 *", "UTC"), ("* * * * * *", "Pacific/Kiritimati")))
    ]
    async with field.client("admin") as http:
        for job in jobs:
            for at in (
                "9999-12-31T23:59:59Z",
                "0001-01-01T00:00:00Z",
                "9999-12-31T23:59:59-23:59",
                "0001-01-01T00:00:00+23:59",
            ):
                for query in ({"at": at}, {"from": at, "to": at}):
                    answer = await http.get(f"/jobs/{job['id']}/explain", params=query)
                    fell_unless(answer.status_code < 500, f"{query}: {answer.status_code} {answer.text}")
                answer = await http.post(f"/jobs/{job['id']}/simulate", json={"from": at, "to": at})
                fell_unless(answer.status_code < 500, f"simulate {at}: {answer.status_code} {answer.text}")
    return "answered or refused, never 5xx"


@attack(KIND, "40 streams over large events that are not read, 400 held bodies")
async def unread_streams_and_held_bodies(field: Field) -> str:
    blob = "x" * 60_000
    async with field.client("admin") as http:
        room = asyncio.Semaphore(8)

        async def filled() -> None:
            async with room:
                answer = await http.post("/runs", json={"invokeTarget": "red.payload", "params": {"blob": blob}})
                fell_unless(answer.status_code == 202, answer.text)

        async with asyncio.TaskGroup() as tasks:
            for _ in range(1_500):
                tasks.create_task(filled())
    before, highest = field.memory(), 0
    held: list[socket.socket] = []
    async with field.watched() as watch:
        try:
            held += [
                await _opened(field.place.port, _get("/events/stream?after=0", field), small=True) for _ in range(40)
            ]
            held += [await _opened(field.place.port, _half_a_body(field), small=False) for _ in range(400)]
            until = time.monotonic() + 30
            while time.monotonic() < until:
                highest = max(highest, field.memory())
                await asyncio.sleep(0.2)
        finally:
            for one in held:
                one.close()
    seen = f"{before >> 20} -> {highest >> 20} MiB, probe {watch.probe:.2f} s, caller {watch.caller:.2f} s"
    fell_unless(highest < BUDGET, seen)
    fell_unless(watch.probe < STANDSTILL, seen)
    return seen


@attack(KIND, "eight large pages at once")
async def large_pages(field: Field) -> str:
    before, highest = field.memory(), 0

    async def page(http: httpx.AsyncClient) -> int:
        return len((await http.get("/events", params={"limit": 1000})).content)

    async with field.client("admin") as http, field.watched() as watch, asyncio.TaskGroup() as tasks:
        pages = [tasks.create_task(page(http)) for _ in range(8)]
        while not all(one.done() for one in pages):
            highest = max(highest, field.memory())
            await asyncio.sleep(0.05)
    seen = (
        f"{before >> 20} -> {highest >> 20} MiB, probe {watch.probe:.2f} s, {max(one.result() for one in pages)} bytes"
    )
    fell_unless(highest < BUDGET, seen)
    fell_unless(watch.probe < STANDSTILL, seen)
    return seen


@attack(KIND, "1 100 connections that say nothing, with 1 024 descriptors")
async def silent_connections(field: Field) -> str:
    held: list[socket.socket] = []
    limited = ("sh", "-c", 'ulimit -n 1024; exec "$@"', "sh")
    async with field.another_api(*limited) as (where, process), httpx.AsyncClient(timeout=30, trust_env=False) as http:
        port = int(where.rpartition(":")[2])
        try:
            held += [await _opened(port, b"", small=False) for _ in range(1_100)]
            began = time.monotonic()
            answer = await http.get(f"{where}/livez")
            took = time.monotonic() - began
        finally:
            for one in held:
                one.close()
        fell_unless(answer.is_success and took < 12, f"{answer.status_code} after {took:.1f} s")
        fell_unless(process.returncode is None, f"it ended with {process.returncode}")
    return f"somebody else was answered after {took:.1f} s"


def _get(path: str, field: Field) -> bytes:
    secret = field.key("admin")["Authorization"]
    return f"GET {API}{path} HTTP/1.1\r\nHost: x\r\nAuthorization: {secret}\r\n\r\n".encode()


def _half_a_body(field: Field) -> bytes:
    secret = field.key("run")["Authorization"]
    head = (
        f"POST {API}/runs HTTP/1.1\r\nHost: x\r\nAuthorization: {secret}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {1 << 20}\r\n\r\n"
    )
    return head.encode() + b" " * ((1 << 20) - 1)


async def _opened(port: int, said: bytes, *, small: bool) -> socket.socket:
    """A connection to an API itself that says this and never reads; `small`: with little room to receive."""
    one = socket.socket()
    if small:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    one.setblocking(False)
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(10):
        await loop.sock_connect(one, (LOOPBACK, port))
    try:
        async with asyncio.timeout(2):
            await loop.sock_sendall(one, said)
    except (TimeoutError, OSError):
        pass  # the server does not read on, or has hung up: both are its right
    return one


@attack(KIND, "ten callers do their worst for 60 s")
async def ten_callers(field: Field) -> str:
    """The figures are for a person to judge; what falls here is a refusal of others, or a standstill."""
    alone = await _paced(field, 10)
    stop = asyncio.Event()
    span = {"from": "2020-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}
    job = await field.job(jobName="victim", jobGroup="red", cronExpression="* * * * * *", status="1")

    async def worst(n: int) -> None:
        async with field.client("admin") as http:
            while not stop.is_set():
                match n % 5:
                    case 0:
                        await http.post("/jobs", content=WIDE, headers={"content-type": "application/json"})
                    case 1:
                        await http.post(f"/jobs/{job['id']}/simulate", json=span | {"definition": NEVER})
                    case 2:
                        await http.get("/runs", params={"q": "nothing at all", "limit": 1000})
                    case 3:
                        await http.get("/events", params={"limit": 1000})
                    case _:
                        await http.get("/ledger/verify", params=span)

    async with asyncio.TaskGroup() as tasks:
        for n in range(10):
            tasks.create_task(worst(n))
        beside = await _paced(field, 60)
        stop.set()
    seen = f"p99 alone {alone[1] * 1000:.0f} ms, beside them {beside[1] * 1000:.0f} ms (p50 {beside[0] * 1000:.0f})"
    fell_unless(beside[1] < STANDSTILL, seen)
    return seen


async def _paced(field: Field, seconds: float) -> tuple[float, float]:
    """p50 and p99 of a caller who triggers 20 times a second."""
    took: list[float] = []
    headers = field.key("add", "list", "query", "run")
    body = msgspec.json.encode({"invokeTarget": "demo.noop"})
    async with httpx.AsyncClient(base_url=field.direct, timeout=30, trust_env=False, headers=headers) as http:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            began = time.monotonic()
            answer = await http.post(f"{API}/runs", content=body, headers={"content-type": "application/json"})
            took.append(time.monotonic() - began)
            fell_unless(answer.status_code == 202, f"a normal caller is answered {answer.status_code}: {answer.text}")
            await asyncio.sleep(0.05)
    took.sort()
    return took[len(took) // 2], took[int(len(took) * 0.99)]
