"""Requests through nginx and Traefik: prefix, TLS, who asks and from where, ids, traces, bodies."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.api.conftest import MakeRig
from tests.integration.api.http.test_attacks import TWO_LENGTHS, sent
from tests.integration.api.rig import JOB, JOBS, Rig, served
from tests.integration.api.sse import eventually
from tests.support.gateways import KINDS, PREFIX, Gateway, Kind, gateway
from tests.support.traces import receiving
from waterclock.client.errors import NameTaken, refusal

PROXIES = ("127.0.0.1",)
CLIENT = "127.0.0.9"
both = pytest.mark.parametrize("kind", KINDS)


@pytest.mark.parametrize(("kind", "http2"), [("nginx", False), ("traefik", True)])
async def test_all_that_refers_to_us_leads_back_through_the_gateway(
    rig: MakeRig, kind: Kind, http2: bool, tmp_path: Path
) -> None:
    async with rig(proxies=PROXIES, keyed=True) as api, served(api) as url, before(kind, tmp_path, url) as front:
        await api.worker()
        async with front.client(headers=api.credentials, http2=http2, follow_redirects=True) as http:
            answer = await http.post(JOBS, json=JOB)
            assert (answer.status_code, answer.http_version) == (201, "HTTP/2" if http2 else "HTTP/1.1")
            where = answer.url.join(answer.headers["location"])
            assert str(where) == f"{front.url}{JOBS}/{answer.json()['id']}"
            assert (await http.get(where)).json()["id"] == answer.json()["id"]
            refused = await http.post(JOBS, json=JOB)
            kind_page = refused.url.join(refused.json()["type"])
            assert str(kind_page) == f"{front.url}/problems#name-taken"
            assert '<section id="name-taken">' in (await http.get(kind_page)).text
            assert isinstance(refusal(409, {}, refused.content), NameTaken)
            page = await http.get(front.url)  # without the slash at its end
            assert str(page.url) == f"{front.url}/"
            for asset in ("page.css", "page.js", "problems", "swagger-ui-5.35.0.js"):
                assert f'"{asset}"' in page.text
                assert (await http.get(page.url.join(asset))).status_code == 200
            described = await http.get(page.url.join("schema/openapi.json"))
            assert described.headers["content-encoding"] == "gzip"
            assert described.json()["servers"] == [{"url": PREFIX}]


@both
async def test_what_a_client_makes_up_is_not_believed_and_its_key_goes_through(
    rig: MakeRig, kind: Kind, tmp_path: Path
) -> None:
    spoofed = {
        "X-Forwarded-For": "203.0.113.7",
        "X-Forwarded-Prefix": "/evil",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "gopher",
        "Forwarded": "for=203.0.113.7;host=evil.example",
    }
    async with rig(proxies=PROXIES, keyed=True) as api, served(api) as url, before(kind, tmp_path, url) as front:
        await api.worker()
        key = await api.key("add", "export", name="deployer")
        async with from_afar(front) as http:
            assert (await http.post(JOBS, json=JOB)).status_code == 401
            answer = await http.post(JOBS, json=JOB, headers=spoofed | {"Authorization": f"Bearer {key}"})
            assert answer.headers["location"] == f"{PREFIX}{JOBS}/{answer.json()['id']}"
            assert not any("evil" in value for value in answer.headers.values())
        assert (await created(api, key))["actor"] == f"key:deployer@{CLIENT}"


@both
async def test_the_address_of_a_client_is_right_through_two_proxies(rig: MakeRig, kind: Kind, tmp_path: Path) -> None:
    async with rig(proxies=PROXIES, keyed=True) as api, served(api) as url:
        await api.worker()
        trusts = {"trustedIPs: []": 'trustedIPs: ["127.0.0.1"]'}
        async with before(kind, tmp_path / "inner", url, trusts) as inner:
            unstripped = "proxy_set_header X-Forwarded-Prefix /scheduler;"
            onwards = {"http://waterclock/;": "https://waterclock/scheduler/;", unstripped: ""}
            async with (
                before("nginx", tmp_path / "outer", inner.origin, onwards) as outer,
                from_afar(outer, api) as http,
            ):
                answer = await http.post(JOBS, json=JOB, headers={"X-Forwarded-For": "203.0.113.7"})
                assert answer.headers["location"] == f"{PREFIX}{JOBS}/{answer.json()['id']}"
        assert (await created(api))["actor"] == f"key:rig@{CLIENT}"


async def test_nginx_gives_a_request_one_id_for_answers_logs_and_trace(rig: MakeRig, tmp_path: Path) -> None:
    async with rig(proxies=PROXIES, keyed=True) as api, served(api) as url, before("nginx", tmp_path, url) as front:
        await api.worker()
        async with front.client(headers=api.credentials) as http:
            answer = await http.post(JOBS, json=JOB, headers={"X-Request-Id": "mine"})
            (request_id,) = answer.headers.get_list("x-request-id")
            assert (await created(api))["traceparent"].split("-")[1] == request_id
            refused = await http.post(JOBS, json=JOB)
            assert refused.json()["requestId"] == refused.headers["x-request-id"] != request_id
            log = tmp_path / "access.log"
            await eventually(lambda: request_id in log.read_text())
            given = f"00-{'ab' * 16}-{'cd' * 8}-01"
            await http.post(JOBS, json=JOB | {"jobName": "traced"}, headers={"traceparent": given})
            assert "ab" * 16 in (await created(api))["traceparent"]


async def test_traefik_begins_the_trace_that_an_event_goes_on_with(rig: MakeRig, tmp_path: Path) -> None:
    async with rig(proxies=PROXIES, keyed=True) as api, served(api) as url:
        await api.worker()
        with receiving() as receiver:
            collector = {"http://127.0.0.1:4318": receiver.url}
            async with (
                before("traefik", tmp_path, url, collector) as front,
                front.client(headers=api.credentials) as http,
            ):
                answer = await http.post(JOBS, json=JOB, headers={"X-Request-Id": "mine"})
                assert answer.headers["x-request-id"] == "mine"
                log = tmp_path / "access.log"
                await eventually(lambda: any(_names(line, "mine") for line in log.read_text().splitlines()))
                trace = (await created(api))["traceparent"].split("-")[1]
            told = {span.trace_id.hex() for span in receiver.spans()}  # Traefik has ended, and sent what it held
        assert trace in told


@both
async def test_a_body_that_is_too_large_is_refused_in_our_own_words(rig: MakeRig, kind: Kind, tmp_path: Path) -> None:
    async with rig(proxies=PROXIES, keyed=True) as api, served(api) as url, AsyncExitStack() as gateways:
        front = await gateways.enter_async_context(before(kind, tmp_path, url))
        http = await gateways.enter_async_context(front.client(headers=api.credentials))
        large = await http.post(JOBS, content=b" " * (1 << 20) + b"{}")
        assert (large.status_code, large.json()["type"]) == (413, f"{PREFIX}/problems#too-large")
        if kind == "nginx":
            larger = await http.post(JOBS, content=b" " * (3 << 20))
            assert (larger.status_code, larger.json()["type"]) == (413, f"{PREFIX}/problems#too-large")


async def test_no_request_comes_in_within_another(rig: MakeRig, tmp_path: Path) -> None:
    async with rig(proxies=PROXIES, keyed=True) as api, served(api) as url, AsyncExitStack() as gateways:
        front = await gateways.enter_async_context(before("nginx", tmp_path, url))
        http = await gateways.enter_async_context(front.client(headers=api.credentials))
        for shape in TWO_LENGTHS:
            start = f"POST {PREFIX}{JOBS} HTTP/1.1\r\nHost: localhost\r\n".encode()
            answer = await sent(front.origin, start + shape, front.tls)
            assert answer.count(b"HTTP/1.1 ") == 1, (shape, answer)
            assert answer.split(b" ")[1] in (b"400", b"501"), (shape, answer)
            assert (await http.get(JOBS)).json()["items"] == []


@both
async def test_who_sends_slowly_keeps_nobody_waiting(rig: MakeRig, kind: Kind, tmp_path: Path) -> None:
    async with rig(proxies=PROXIES, keyed=True) as api, served(api) as url, before(kind, tmp_path, url) as front:
        await api.worker()
        others_done = asyncio.Event()

        async def slowly() -> AsyncIterator[bytes]:
            text = json.dumps(JOB).encode()
            yield text[:10]
            await others_done.wait()
            yield text[10:]

        async with front.client(headers=api.credentials) as http, asyncio.TaskGroup() as tasks:
            slow = tasks.create_task(http.post(JOBS, content=slowly()))
            for number in range(20):
                assert (await http.post(JOBS, json=JOB | {"jobName": f"quick-{number}"})).status_code == 201
            others_done.set()
            assert (await slow).status_code == 201


@both
async def test_while_no_replica_answers_the_gateway_says_so(rig: MakeRig, kind: Kind, tmp_path: Path) -> None:
    async with rig(proxies=PROXIES, keyed=True) as api, AsyncExitStack() as gateways:
        async with served(api) as url:
            front = await gateways.enter_async_context(before(kind, tmp_path, url))
            http = await gateways.enter_async_context(front.client(headers=api.credentials))
            assert (await http.get(JOBS)).status_code == 200
        answer = await http.get(JOBS)
        assert answer.status_code in (502, 503, 504)
        if kind == "nginx":
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["retry-after"] == "1"
            assert answer.json()["requestId"]


async def created(api: Rig, key: str | None = None) -> dict[str, Any]:
    """The newest `job.created`."""
    await api.caught_up()
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    return (await api.http.get("/v1/monitor/events?type=job.created", headers=headers)).json()["items"][0]


def _names(line: str, request_id: str) -> bool:
    return json.loads(line).get("downstream_X-Request-Id") == request_id


def from_afar(front: Gateway, api: Rig | None = None) -> httpx.AsyncClient:
    """A client at another address than the proxies'; it may do what `api` may."""
    transport = httpx.AsyncHTTPTransport(local_address=CLIENT, verify=front.tls)
    headers = {} if api is None else dict(api.credentials)
    return httpx.AsyncClient(base_url=front.url, transport=transport, timeout=30, headers=headers)


def before(kind: Kind, folder: Path, url: str, changes: dict[str, str] | None = None) -> Any:
    """The gateway with one process behind it, which counts for both."""
    where = url.partition("//")[2]
    return gateway(kind, folder, [where, where], changes=changes)
