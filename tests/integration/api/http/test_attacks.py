"""Requests as nobody should send them: refused by what is wrong with them, and credentials never in a log."""

from __future__ import annotations

import asyncio
import logging
import ssl
from urllib.parse import urlsplit

import pytest

from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import JOBS, served


async def asked(url: str, path: str, *headers: bytes, method: str = "GET", body: bytes = b"") -> tuple[int, bytes]:
    """The status and all of the answer, to what no client would send."""
    lines = [f"{method} {path} HTTP/1.1".encode(), b"Host: localhost", b"Connection: close", *headers]
    answer = await sent(url, b"\r\n".join(lines) + b"\r\n\r\n" + body)
    return int(answer.split(b" ", 2)[1]), answer


async def sent(url: str, text: bytes, tls: ssl.SSLContext | None = None) -> bytes:
    """All that is answered until the connection is closed, which the other end does."""
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port, ssl=tls)
    writer.write(text)
    try:
        async with asyncio.timeout(30):
            return await reader.read()
    finally:
        writer.close()


async def test_odd_credentials_are_refused_and_told_to_nobody(rig: MakeRig, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with rig() as api, served(api) as url:
        good = (await api.key("list")).encode()
        bearer = b"Authorization: Bearer " + good
        for headers, status in (
            ([bearer], 200),
            ([b"authorization: bearer   " + good], 200),
            ([bearer, bearer], 401),
            ([b"Authorization: Basic " + good], 401),
            ([b"Authorization: " + good], 401),
            ([b"Authorization: Bearer"], 401),
            ([bearer + b" x"], 401),
            ([b"X-API-Key: " + good], 401),
            ([b"Cookie: key=" + good], 401),
            ([b"Authorization: Bearer \xff\xfe\xe4" + good], 401),
            ([b"Authorization: Bearer " + good.upper()], 401),
            ([b"Authorization: Bearer wck_" + b"x" * 20_000], 401),
            ([b"Authorization: Bearer " + b"a." * 10_000], 401),
        ):
            found, answer = await asked(url, JOBS, *headers)
            assert found == status, headers
            assert good not in answer.replace(b"\r\n", b"")
        for name in ("key", "access_token", "api_key"):
            assert (await asked(url, f"{JOBS}?{name}={good.decode()}"))[0] == 401
            found, answer = await asked(url, f"{JOBS}?{name}={good.decode()}", bearer)
            assert (found, good in answer) == (400, False)
        assert good.decode() not in caplog.text


async def test_a_header_that_counts_once_is_refused_twice(rig: MakeRig) -> None:
    async with rig() as api, served(api) as url:
        await api.worker()
        job = await api.create()
        where = f"{JOBS}/{job['id']}"
        for method, path, name in (
            ("POST", f"{where}/trigger", b"Idempotency-Key"),
            ("PUT", f"{where}/status", b"If-Match"),
            ("GET", f"{where}/logs/stream", b"Last-Event-ID"),
            ("GET", "/v1/monitor/events/stream", b"Last-Event-ID"),
        ):
            body = b'{"status": "1"}' if method == "PUT" else b""
            length = b"Content-Length: %d" % len(body)
            status, answer = await asked(url, path, name + b": 1", name + b": 2", length, method=method, body=body)
            assert (status, name + b" was sent more than once." in answer) == (400, True), answer
        assert (await api.http.get("/v1/monitor/runs")).json()["items"] == []
        assert (await api.http.get(where)).json()["status"] == "0"


async def test_a_body_is_refused_by_its_length_before_it_comes_and_by_whom_before_that(rig: MakeRig) -> None:
    async with rig() as api, served(api) as url:
        status, answer = await asked(url, JOBS, b"Content-Length: 99999999999", method="POST", body=b"{")
        assert (status, b"problems#too-large" in answer) == (413, True)
        key = await api.key("list")
        slow = b"Content-Length: 100"
        assert (await asked(url, JOBS, slow, method="POST", body=b"{"))[0] == 401
        assert (await asked(url, JOBS, slow, b"Authorization: Bearer " + key.encode(), method="POST"))[0] == 403


async def test_no_spelling_of_a_path_and_no_method_goes_round_the_scopes(rig: MakeRig) -> None:
    async with rig(path_prefix="/ops") as api, served(api) as url:
        reader = b"Authorization: Bearer " + (await api.key("query")).encode()
        for path in (
            JOBS,
            f"/{JOBS}",
            f"{JOBS}/",
            "/v1%2fmonitor%2fjobs",
            "/livez/..//v1/monitor/jobs",
            "/livez/%2e%2e/v1/monitor/jobs",
            "/v1/./monitor/jobs",
            f"/ops{JOBS}",
            f"/ops/{JOBS}",
            f"/ops/..{JOBS}",
            f"/ops%2f{JOBS}",
            f"/ops/livez/..{JOBS}",
            f"http://evil.example{JOBS}",
        ):
            for headers in ((), (reader,), (reader, b"X-HTTP-Method-Override: GET"), (b"X-Original-URL: /livez",)):
                status, answer = await asked(url, path, *headers)
                assert status in (404, 403 if reader in headers else 401), (path, answer)
                assert b"items" not in answer
        for method in ("FOO", "get", "TRACE", "CONNECT", "PATCH", "QUERY"):
            assert (await asked(url, JOBS, reader, method=method))[0] == 405, method


async def test_digits_are_those_of_ascii(rig: MakeRig) -> None:
    async with rig() as api, served(api) as url:
        for path in (
            f"{JOBS}?limit=%D9%A2",
            "/v1/monitor/events/stream?after=%D9%A0-%D9%A1-%D9%A1",
            "/v1/monitor/runs?from=%D9%A2%D9%A0%D9%A2%D9%A6-01-01T00:00:00Z",
        ):
            assert (await asked(url, path))[0] == 400, path
        run = {"invokeTarget": "demo.noop", "delay": "PT\u0661S"}
        refused = await api.http.post("/v1/monitor/runs?allowUnknownExecutor=true", json=run)
        assert refused.status_code in (400, 422)


WITHIN = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n"
TWO_LENGTHS = (
    b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + WITHIN,
    b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" + WITHIN,
    b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + WITHIN,
    b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + WITHIN,
    b"Content-Length: 0\r\nContent-Length: 40\r\n\r\n" + WITHIN,
    b"Content-Length: +0\r\n\r\n" + WITHIN,
    b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + WITHIN,
)
"""A request within the body of another, as one reader sees it and the next one does not."""


async def test_what_has_two_lengths_is_nobodys_second_request(rig: MakeRig) -> None:
    async with rig() as api, served(api) as url:
        for shape in TWO_LENGTHS:
            answer = await sent(url, f"POST {JOBS} HTTP/1.1\r\nHost: localhost\r\n".encode() + shape)
            assert answer.count(b"HTTP/1.1 ") == 1, answer
            assert answer.startswith(b"HTTP/1.1 400 "), answer
