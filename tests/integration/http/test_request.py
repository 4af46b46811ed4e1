"""`http.request` against real servers on loopback, which a setting allows."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from aiohttp import web

from waterclock.executors.context import GiveUp, Retry, RunContext
from waterclock.kit.clock import SystemClock
from waterclock.kit.http.exchange import NoAnswer
from waterclock.kit.http.guard import Guard
from waterclock.kit.http.session import BODY_MOST, Found, Lookup, Session
from waterclock.testing.run_executor import Told, run_executor
from waterclock_worker.executors.http.params import HttpParams, HttpResult
from waterclock_worker.executors.http_request import BadStatus, http_request, requested, session, signature
from waterclock_worker.reporting.results import result_of

LOOPBACK = "127.0.0.1"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
ALLOWED = f"{LOOPBACK}/32"
ENVIRONMENT = {"TOKEN": "hush-token", "KEY": "hush-key", "WATERCLOCK_HTTP_REFERENCES": "env:TOKEN,env:KEY"}


class Seen(msgspec.Struct):
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Server:
    """Answers as told, and keeps what it was asked."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.port = 0
        self.answers(200, "well")

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def answers(self, status: int, body: str | bytes = "", **headers: str) -> None:
        async def answer(request: web.BaseRequest) -> web.StreamResponse:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return web.Response(status=status, body=body, headers=named)

        self.answer: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]] = answer

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.seen.append(Seen(request.method, request.path_qs, headers, await request.read()))
        return await self.answer(request)


@asynccontextmanager
async def served(host: str = LOOPBACK) -> AsyncGenerator[Server]:
    server = Server()
    runner = web.ServerRunner(web.Server(server.handle), shutdown_timeout=0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, 0)
        await site.start()
        server.port = runner.addresses[0][1]
        yield server
    finally:
        await runner.cleanup()


@pytest_asyncio.fixture
async def server() -> AsyncGenerator[Server]:
    async with served() as made:
        yield made


async def ask(
    params: Mapping[str, Any],
    *,
    allow: str = ALLOWED,
    lookup: Lookup | None = None,
    environment: Mapping[str, str] = ENVIRONMENT,
    told: Told | None = None,
    opened: Session | None = None,
    **more: Any,
) -> HttpResult:
    used = opened or Session(Guard(allow), lookup)

    async def asking(ctx: RunContext, params: HttpParams) -> HttpResult:
        return await requested(ctx, params, used, environment=environment, clock=SystemClock())

    try:
        return (await run_executor(asking, params, told=told, run_id="job-run", attempt=2, fence=7, **more)).result
    finally:
        if opened is None:
            await used.close()


def leading(*addresses: str) -> Lookup:
    """A name's server that gives these answers, one after the other; each may be several addresses, by spaces."""
    answers = list(addresses)

    async def lookup(host: str, port: int) -> Found:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in answers.pop(0).split()]

    return lookup


async def test_a_request_tells_the_server_who_asks_and_the_result_what_it_said(server: Server) -> None:
    server.answers(201, '{"id": 7}', Content_Type="application/json", X_Kept="k", X_Other="o")
    told = Told()

    result = await ask(
        {"url": f"{server.url}/hook?x=1", "method": "POST", "json": {"n": 1}, "headers": {"X-Mine": "m"},
         "keepHeaders": ["X-Kept"]},
        told=told,
        traceparent=TRACE,
        tracestate="rojo=1,congo=2",
    )  # fmt: skip

    (seen,) = server.seen
    assert (seen.method, seen.path, json.loads(seen.body)) == ("POST", "/hook?x=1", {"n": 1})
    wanted = {"idempotency-key": "job-run", "waterclock-run": "job-run", "waterclock-attempt": "2",
              "waterclock-fence": "7", "content-type": "application/json", "x-mine": "m",
              "traceparent": TRACE, "tracestate": "rojo=1,congo=2"}  # fmt: skip
    assert wanted.items() <= seen.headers.items()
    assert seen.headers["user-agent"].startswith("waterclock/")
    assert (result.status, result.body, result.size, result.cut) == (201, '{"id": 7}', 9, False)
    assert result.headers["x-kept"] == "k"
    assert "x-other" not in result.headers
    assert told.step("Request").status == "succeeded"
    assert "201, 9 bytes" in told.text


async def test_a_body_is_signed_with_a_key_by_reference_and_no_secret_is_told(server: Server) -> None:
    async def echo(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(text=f"you said {request.headers['Authorization']}")

    server.answer = echo
    told = Told()

    result = await ask(
        {"url": server.url, "method": "PUT", "text": "tide", "sign": {"key": "env:KEY", "header": "X-Sign"},
         "headers": {"Authorization": {"from": "env:TOKEN", "prefix": "Bearer "}, "Idempotency-Key": "mine"}},
        told=told,
    )  # fmt: skip

    (seen,) = server.seen
    assert seen.headers["authorization"] == "Bearer hush-token"
    assert seen.headers["idempotency-key"] == "mine"
    at = int(seen.headers["x-sign"].partition(",")[0].removeprefix("t="))
    assert seen.headers["x-sign"] == signature("hush-key", b"tide", at=at)
    assert result.body == "you said Bearer [secret]"
    assert "hush" not in told.text


async def test_without_the_setting_no_reference_is_read(server: Server) -> None:
    with pytest.raises(GiveUp, match="WATERCLOCK_HTTP_REFERENCES does not list it"):
        await ask({"url": server.url, "sign": {"key": "env:KEY"}}, environment={"KEY": "hush"})
    assert server.seen == []


@pytest.mark.parametrize(
    ("hosts", "says"),
    [
        ("", None),
        ("@127.0.0.1", None),
        ("@books.example|127.0.0.1:{port}", None),
        ("@books.example", "to 127.0.0.1:{port}"),
        ("@127.0.0.1:1", "to 127.0.0.1:{port}"),
        ("@localhost", "to 127.0.0.1:{port}"),
        ("@https://books.example", "write name.example|is not a reference pattern"),
    ],
)
async def test_a_secret_is_sent_to_no_other_host_than_it_is_listed_with(
    server: Server, hosts: str, says: str | None
) -> None:
    listed = f"env:KEY{hosts.format(port=server.port)}"
    environment = {"KEY": "hush", "WATERCLOCK_HTTP_REFERENCES": listed}
    params = {"url": server.url, "headers": {"X-Key": {"from": "env:KEY"}}, "redirects": 1}

    if says is None:
        await ask(params, environment=environment)
        assert server.seen[0].headers["x-key"] == "hush"
    else:
        with pytest.raises(GiveUp, match=says.format(port=server.port)):
            await ask(params, environment=environment)
        assert server.seen == []


async def test_a_secret_does_not_follow_a_redirect_to_a_host_it_is_not_listed_with(server: Server) -> None:
    async with served() as other:
        server.answers(307, Location=f"{other.url}/next")
        await ask(
            {"url": server.url, "headers": {"X-Key": {"from": "env:KEY"}}, "redirects": 1},
            environment={"KEY": "hush", "WATERCLOCK_HTTP_REFERENCES": f"env:KEY@127.0.0.1:{server.port}"},
        )
    assert server.seen[0].headers["x-key"] == "hush"
    assert "x-key" not in other.seen[0].headers


@pytest.mark.parametrize("status", [300, 400, 401, 403, 404, 409, 422])
async def test_an_answer_that_will_not_change_ends_the_run(server: Server, status: int) -> None:
    server.answers(status, "no")
    with pytest.raises(GiveUp, match=f"answered {status}: no"):
        await ask({"url": server.url})


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
async def test_an_answer_that_may_change_fails_the_attempt(server: Server, status: int) -> None:
    server.answers(status, "later")
    with pytest.raises(BadStatus, match=f"answered {status}: later"):
        await ask({"url": server.url})


async def test_the_server_says_when_to_come_again(server: Server) -> None:
    server.answers(429, Retry_After="7")
    with pytest.raises(Retry) as raised:
        await ask({"url": server.url})
    assert raised.value.after == 7

    server.answers(503, Retry_After=format_datetime(datetime.fromtimestamp(SystemClock().now_ms() / 1000, UTC)
                                                    + timedelta(hours=2), usegmt=True))  # fmt: skip
    with pytest.raises(Retry) as raised:
        await ask({"url": server.url})
    assert 7100 < (raised.value.after or 0) <= 7200

    server.answers(503, Retry_After="99999999")
    with pytest.raises(Retry) as raised:
        await ask({"url": server.url})
    assert raised.value.after == 86_400


@pytest.mark.parametrize(
    ("told", "after"),
    [
        ("99999999999999999999:00:00", None),
        ("99999999999999999999", 86_400),
        ("9" * 900, 86_400),
        ("9" * 5_000, None),
        ("000000007", 7),
        (" 7 ", 7),
        ("-7", None),
        ("+7", None),
        ("7.5", None),
        ("1e3", None),
        ("NaN", None),
        ("inf", None),
        ("٧", None),
        ("²", None),
        ("7, 9", None),
        ("7; 9", None),
        ("", None),
        ("Sun, 29 Nov 0000 00:00:00 GMT", 0),
        ("Sun, 29 Nov 10000 00:00:00 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 -2359", 86_400),
        ("Mon, 01 Jan 0001 00:00:00 +2359", 0),
        ("Sun, 99 Nov 2026 99:99:99 GMT", None),
        ("Sun, 29 Nov 2020 00:00:00 +99999999999999999999", None),
        ("Sun Nov 29 00:00:00 2020", 0),
        ("soon", None),
        (":::::", None),
    ],
)
async def test_a_wait_in_odd_words_is_none_and_no_error(server: Server, told: str, after: float | None) -> None:
    server.answers(503, Retry_After=told)
    with pytest.raises((Retry, BadStatus)) as raised:
        await ask({"url": server.url})
    assert getattr(raised.value, "after", None) == after


@asynccontextmanager
async def saying(*heads: bytes) -> AsyncGenerator[str]:
    """A server that answers its nth request with these bytes, and then `well`."""
    answers = iter(heads)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(next(answers) + b"Content-Length: 4\r\nConnection: close\r\n\r\nwell")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, LOOPBACK, 0) as listening:
        yield f"http://{LOOPBACK}:{listening.sockets[0].getsockname()[1]}"


async def test_a_header_that_is_not_utf_8_is_told_by_its_bytes() -> None:
    head = (
        b'HTTP/1.1 200 \x80\xff\r\nETag: "\x80\xff"\r\nContent-Type: text/plain; charset=\x80\r\n'
        b"Set-Cookie: a=\xff\xfe\r\n"
        b"Last-Modified: \xc3\xa9 \xc3\r\nLocation: /\xe9\r\nX-Request-Id: \xed\xa0\x80\r\n"
    )
    async with saying(head) as url:
        result = await ask({"url": url, "keepHeaders": ["Set-Cookie"]})
    assert (result.status, result.body) == (200, "well")
    assert result.headers == {
        "etag": '"\\x80\\xff"',
        "content-type": "text/plain; charset=\\x80",
        "set-cookie": "a=\\xff\\xfe",
        "last-modified": "é \\xc3",
        "location": "/%E9",
        "x-request-id": "\\xed\\xa0\\x80",
    }
    assert result_of(result)


async def test_a_place_that_is_not_utf_8_is_asked_for_by_its_bytes() -> None:
    heads = (b"HTTP/1.1 302 Found\r\nLocation: /\xe9\xc3\xa9\r\n", b"HTTP/1.1 200 OK\r\n")
    async with saying(*heads) as url:
        result = await ask({"url": url, "redirects": 1})
    assert result.url == f"{url}/%E9%C3%A9"


async def test_a_wait_that_is_not_utf_8_is_none() -> None:
    async with saying(b"HTTP/1.1 503 \xff\r\nRetry-After: \xff\r\n") as url:
        with pytest.raises(BadStatus):
            await ask({"url": url})


async def test_an_expected_status_is_success_whatever_it_is(server: Server) -> None:
    server.answers(404)
    assert (await ask({"url": server.url, "expect": [404]})).status == 404


async def test_a_server_that_is_not_there_or_hangs_up_is_tried_again(server: Server) -> None:
    async def hang_up(request: web.BaseRequest) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    server.answer = hang_up
    with pytest.raises(NoAnswer):
        await ask({"url": server.url, "method": "POST"})
    with socket.socket() as free:
        free.bind((LOOPBACK, 0))
        with pytest.raises(NoAnswer):
            await ask({"url": f"http://{LOOPBACK}:{free.getsockname()[1]}"})


async def test_an_answer_that_takes_too_long_is_tried_again(server: Server) -> None:
    over = asyncio.Event()

    async def hang(request: web.BaseRequest) -> web.StreamResponse:
        await over.wait()
        return web.Response()

    server.answer = hang
    with pytest.raises(NoAnswer, match=r"no complete response within 0\.2 s"):
        await ask({"url": server.url, "timeout": 0.2})
    over.set()


async def test_of_a_long_answer_only_so_much_is_read_and_less_is_kept(server: Server) -> None:
    async def endless(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"\x01" * 65_536)
        except ConnectionError:
            return response

    server.answer = endless
    async with asyncio.timeout(10):
        result = await ask({"url": server.url, "keepBody": 32_768})
    assert (result.size, result.cut) == (BODY_MOST, True)
    assert result.body is not None
    assert len(msgspec.json.encode(result)) < 64 * 1024


@pytest.mark.parametrize(("body", "headers"), [(b"\xff\xfe\x00", {}), (b"\x1f\x8b", {"Content_Encoding": "gzip"})])
async def test_what_is_no_text_is_not_shown(server: Server, body: bytes, headers: dict[str, str]) -> None:
    server.answers(200, body, **headers)
    result = await ask({"url": server.url})
    assert (result.body, result.size) == (None, len(body))


@pytest.mark.parametrize(
    "host", [LOOPBACK, "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "127.1", "0x7f.1", "0"]
)
async def test_nothing_is_sent_inside_unless_it_is_allowed(server: Server, host: str) -> None:
    with pytest.raises(GiveUp, match=r"resolves to|not a valid address"):
        await ask({"url": f"http://{host}:{server.port}/"}, allow="")
    assert server.seen == []


async def test_a_host_may_be_allowed_by_name(server: Server) -> None:
    url = f"http://wiki.internal:{server.port}/"
    result = await ask({"url": url}, allow="*.internal", lookup=leading(LOOPBACK))
    assert result.body == "well"
    assert server.seen[0].headers["host"] == f"wiki.internal:{server.port}"


async def test_a_name_that_leads_inside_with_one_of_its_addresses_is_refused(server: Server) -> None:
    with pytest.raises(GiveUp, match=r"10\.0\.0\.1, which is private"):
        await ask({"url": f"http://both.test:{server.port}/"}, lookup=leading(f"{LOOPBACK} 10.0.0.1"))
    assert server.seen == []


async def test_a_name_that_changes_after_it_was_checked_leads_nowhere_else(server: Server) -> None:
    """Rebinding: the address of the check is that of the connection; a second answer is asked for and checked anew."""
    url = f"http://rebind.test:{server.port}/"
    opened = Session(Guard(ALLOWED), leading(LOOPBACK, "127.0.0.2"))
    server.answers(200, "well", Connection="close")
    try:
        assert (await ask({"url": url}, opened=opened)).body == "well"
        with pytest.raises(GiveUp, match=r"127\.0\.0\.2, which is loopback"):
            await ask({"url": url}, opened=opened)
    finally:
        await opened.close()
    assert len(server.seen) == 1


async def test_redirects_are_not_followed_unless_asked(server: Server) -> None:
    server.answers(302, Location="/elsewhere")
    with pytest.raises(GiveUp, match="answered 302"):
        await ask({"url": server.url})
    with pytest.raises(GiveUp, match="answered 302"):
        await ask({"url": server.url, "redirects": 2})
    assert len(server.seen) == 1 + 3


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("http://127.0.0.2/", r"127\.0\.0\.2, which is loopback"),
        ("http://169.254.169.254/latest/meta-data", "link-local"),
        ("http://2130706433/", "not a valid address"),
        ("file:///etc/passwd", "an invalid URL"),
        ("http://u:p@127.0.0.1/", "user or password"),
        ("gopher://127.0.0.1/", "only http and https"),
    ],
)
async def test_each_redirect_is_checked(server: Server, location: str, words: str) -> None:
    server.answers(307, Location=location)
    with pytest.raises(GiveUp, match=words):
        await ask({"url": server.url, "redirects": 3})


async def test_another_origin_sees_no_secret_and_the_same_sees_all(server: Server) -> None:
    async with served() as other:
        server.answers(307, Location=f"{other.url}/there")
        asked = {
            "url": server.url, "method": "POST", "text": "tide", "redirects": 1, "sign": {"key": "env:KEY"},
            "headers": {"Authorization": "Basic x", "X-Token": {"from": "env:TOKEN"}, "X-Plain": "p"},
        }  # fmt: skip
        result = await ask(asked)
        (seen,) = other.seen
        assert result.url == f"{other.url}/there"
        assert (seen.method, seen.body, seen.headers["x-plain"]) == ("POST", b"tide", "p")
        assert not {"authorization", "x-token", "waterclock-signature"} & set(seen.headers)

    async def once(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response() if request.path == "/there" else web.Response(status=303, headers={"Location": "/there"})

    server.answer = once
    await ask(asked)
    assert (server.seen[-1].method, server.seen[-1].body) == ("GET", b"")
    assert server.seen[-1].headers["x-token"] == "hush-token"
    assert "content-type" not in server.seen[-1].headers


async def test_as_a_worker_runs_it(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(GiveUp, match="loopback"):
        await run_executor(http_request, {"url": server.url})
    monkeypatch.setenv("WATERCLOCK_HTTP_ALLOW", ALLOWED)
    assert (await run_executor(http_request, {"url": server.url})).result.body == "well"


async def test_a_setting_that_means_nothing_ends_the_run(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATERCLOCK_HTTP_ALLOW", "wiki:8080")
    with pytest.raises(GiveUp, match="'wiki:8080' is neither a network nor a host"):
        await run_executor(http_request, {"url": server.url})


async def test_connections_are_kept_between_runs(server: Server) -> None:
    peers: set[Any] = set()

    async def note(request: web.BaseRequest) -> web.StreamResponse:
        assert request.transport is not None
        peers.add(request.transport.get_extra_info("peername"))
        return web.Response()

    server.answer = note
    opened = Session(Guard(ALLOWED))
    try:
        for _ in range(3):
            await run_executor(http_request, {"url": server.url}, values={session: opened})
    finally:
        await opened.close()
    assert len(peers) == 1
