"""Who may ask: what a credential opened ends with it, and nobody is taken for this machine's user."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import psycopg

from tests.redteam.attack import Fell, attack, fell_unless
from tests.redteam.field import API, Field, bearer
from tests.support.services import Place, Service
from waterclock_dev.servers.ports import LOOPBACK

KIND = "access"
LATE = 8.0  # s after the end of a credential


async def _frames(answer: httpx.Response) -> AsyncIterator[tuple[str, Any]]:
    fields: dict[str, str] = {}
    async for line in answer.aiter_lines():
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        elif "event" in fields:
            yield fields["event"], msgspec.json.decode(fields.get("data") or "null")
            fields = {}


async def _outlived(field: Field, key: str, path: str, *, ending: bool) -> str:
    """A stream that was opened with a key is closed by the end of it, and says so last."""
    heard: list[tuple[str, Any]] = []
    async with field.client() as http, http.stream("GET", path, headers=bearer(key)) as answer:
        fell_unless(answer.status_code == 200, f"{answer.status_code}")
        with contextlib.suppress(TimeoutError, httpx.TransportError):
            async with asyncio.timeout(LATE + (6 if ending else 0)):
                async for event, data in _frames(answer):
                    heard.append((event, data))
                heard.append(("(closed)", None))
    fell_unless(heard and heard[-1][0] == "(closed)", f"{path} goes on: {heard[-3:]}")
    fell_unless(len(heard) > 1 and heard[-2][0] == "closed", f"{path} does not say why: {heard[-3:]}")
    return f"closed {heard[-2][1]}"


@attack(KIND, "a stream of a revoked key goes on")
async def revoked(field: Field) -> str:
    said = ""
    job = await field.job(jobName="revoked", jobGroup="red", cronExpression="* * * * * *")
    for path in ("/events/stream", f"/jobs/{job['id']}/logs/stream"):
        key_id, key = await field.new_key("leaver", "export", "query", "list")
        async with asyncio.TaskGroup() as tasks:
            outliving = tasks.create_task(_outlived(field, key, path, ending=False))
            await asyncio.sleep(1)
            await field.revoke(key_id)
        said = outliving.result()
    return said


@attack(KIND, "a stream of an expired key goes on")
async def expired(field: Field) -> str:
    _, key = await field.new_key("guest", "export", lasts=6)
    return await _outlived(field, key, "/events/stream", ending=True)


@attack(KIND, "a position that this log never had is silent", quick=True)
async def never_had(field: Field) -> str:
    said = ""
    for position in ("0-1-99999999999", "0-99-1"):
        headers = field.key("export") | {"Last-Event-ID": position}
        async with (
            field.client("run") as asker,
            field.client() as http,
            http.stream("GET", "/events/stream", headers=headers) as answer,
        ):
            fell_unless(answer.is_success, f"{position}: {answer.status_code}")
            frames = _frames(answer)
            try:
                async with asyncio.timeout(10):
                    first = await anext(frames)
                    fell_unless(first[0] == "gap", f"{position}: {first}")
                    await asker.post("/runs", json={"invokeTarget": "demo.noop"})
                    said = f"{first}, then {(await anext(frames))[0]}"
            except TimeoutError:
                raise Fell(f"{position}: silence") from None
    return said


async def _started(field: Field, name: str, **more: str) -> tuple[int | None, str, Service]:
    """An API on a store of its own in which there is no key: its exit code, or None once it serves."""
    store = field.place.postgres["owner"].rpartition("/")[0]
    with psycopg.connect(f"{store}/postgres", autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}".encode())
    place = Place(redis={"operator": field.valkey.url}, postgres={"owner": f"{store}/{name}"}, prefix=name)
    code, said = await place.ended("migrate")
    assert code == 0, said
    service = Service("api", place.environment("api", **more))
    ready = asyncio.create_task(service.says("ready"), name="wait for the start")
    ended = asyncio.create_task(service.child.exited(), name="wait for the end")
    done, waiting = await asyncio.wait((ready, ended), timeout=30, return_when=asyncio.FIRST_COMPLETED)
    code = ended.result() if ended in done else None
    for one in waiting:
        one.cancel()
    with contextlib.suppress(AssertionError, asyncio.CancelledError):
        await ready
    return code, service.child.last_lines, service


@attack(KIND, "without a key, behind a proxy that sends a loopback Host")
async def keyless(field: Field) -> str:
    said = ""
    for n, more in enumerate((
        {"KEYLESS": ""}, {"KEYLESS": "", "TRUSTED_PROXIES": LOOPBACK}, {"TRUSTED_PROXIES": LOOPBACK},
        {"PATH_PREFIX": "/scheduler"},
    )):  # fmt: skip
        code, said, service = await _started(field, f"keyless{n}", **more)
        try:
            fell_unless(code not in {None, 0}, f"with {more} it serves")
        finally:
            await service.child.stop(grace=10)
    code, text, service = await _started(field, "keyless9", KEYLESS="loopback")
    try:
        fell_unless(code is None, f"it does not start where it is asked for: {text}")
        where = f"http://{LOOPBACK}:{service_port(service)}"
        async with httpx.AsyncClient(timeout=10, trust_env=False) as http:
            for name in ("X-Forwarded-For", "Forwarded", "X-Real-IP", "X-Forwarded-Host", "Via"):
                answer = await http.get(f"{where}{API}/jobs", headers={name: "203.0.113.9"})
                fell_unless(answer.status_code in {401, 403, 421}, f"{name}: {answer.status_code}")
    finally:
        await service.child.stop(grace=10)
    return said.strip().splitlines()[-1]


def service_port(service: Service) -> str:
    line = next(line for line in service.lines if "ready" in line and "url=" in line)
    return line.partition("url=")[2].split()[0].strip('"').rpartition(":")[2].rstrip("/")
