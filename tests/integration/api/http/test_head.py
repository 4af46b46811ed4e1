"""HEAD answers wherever GET does, with its headers and without a body."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import httpx

from tests.integration.api.access.test_access import bearer
from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import JOBS, RUNS, served
from tests.integration.api.sse import stream

OWN = {"x-request-id", "date", "ratelimit", "content-length"}
"""Headers that are another's at each request; lengths are compared where bodies are the same."""
CHANGING = {"/metrics", "/readyz"}


async def test_head_is_as_get_without_a_body(rig: MakeRig) -> None:
    async with rig() as api, served(api) as url:
        worker = await api.worker()
        job = await api.create()
        run_id = await api.trigger(job["id"])
        await worker.succeed(await worker.claim_one())
        await api.caught_up()
        document = (await api.http.get("/schema/openapi.json")).json()
        async with httpx.AsyncClient(base_url=url) as http:
            for path, methods in document["paths"].items():
                assert ("head" in methods) == ("get" in methods), path
                if "get" not in methods or path.endswith("/stream"):
                    continue
                for found in (run_id if "/runs/" in path else job["id"], "nosuch"):
                    asked = path.replace("{id}", found)
                    got, head = await http.get(asked), await http.head(asked)
                    assert (head.status_code, head.content) == (got.status_code, b""), asked
                    assert _told(head) == _told(got), asked
                    if path not in CHANGING:
                        assert head.headers["content-length"] == got.headers["content-length"], asked
            for path in ("/", "/page.js", "/problems", "/nothing-here", "/schema/openapi.json"):
                got, head = await http.get(path), await http.head(path)
                assert (head.status_code, head.content, _told(head)) == (got.status_code, b"", _told(got)), path
        assert await _said(url, "/livez") == b""
        assert await _said(url, f"{JOBS}/nosuch") == b""


async def test_head_of_a_stream_returns_at_once_and_takes_no_place(rig: MakeRig) -> None:
    async with rig(streams=1, streams_per_client=1) as api, served(api) as url:
        worker = await api.worker()
        job = await api.create()
        run_id = await api.trigger(job["id"])
        secret = await api.key("query")
        streams = [f"{JOBS}/{job['id']}/logs/stream", f"{RUNS}/{run_id}/logs/stream"]
        async with (
            httpx.AsyncClient(base_url=url, headers=bearer(secret), timeout=10) as http,
            stream(url + streams[0], after="0", headers=bearer(secret)) as events,
        ):
            assert (await events.next()).kind == "job.created"
            for path in streams:
                async with http.stream("GET", path) as full:
                    assert full.status_code in {429, 503}
                for _ in range(3):
                    head = await http.head(path)
                    assert (head.status_code, head.content) == (200, b"")
                    assert head.headers["content-type"].startswith("text/event-stream")
            assert (await http.head(f"{JOBS}/nosuch/logs/stream")).status_code == 404
            assert (await http.head("/v1/monitor/events/stream")).status_code == 403
            assert (await http.head(streams[0], headers={"Authorization": ""})).status_code == 401
            assert api.parts.hub.clients == 1
        del worker


def _told(answer: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name not in OWN}


async def _said(url: str, path: str) -> bytes:
    """The bytes that follow the headers of a HEAD, on a connection that is closed after it."""
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    writer.write(f"HEAD {path} HTTP/1.1\r\nHost: {place.netloc}\r\nConnection: close\r\n\r\n".encode())
    await writer.drain()
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    return answer.partition(b"\r\n\r\n")[2]
