"""Answers of servers that bend or break the rules of HTTP: what becomes of the run, and how often was asked."""

from __future__ import annotations

import asyncio
import gzip
import ssl
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.integration.http.test_request import ALLOWED, LOOPBACK, ask, leading
from tests.support.certificates import Authority
from waterclock.executors.context import GiveUp, Retry
from waterclock.kit.http.conversation import HEAD_MOST
from waterclock.kit.http.exchange import NoAnswer
from waterclock.kit.http.guard import Guard
from waterclock.kit.http.session import Session
from waterclock_worker.executors.http_request import BadStatus
from waterclock_worker.reporting.results import result_of


class Server:
    """Answers its nth request by the nth of these bytes, the last one from then on, and keeps the connection open."""

    def __init__(self, answers: Sequence[bytes], *, hang_up: bool = False) -> None:
        self.answers = answers
        self.hang_up = hang_up
        self.lines: list[bytes] = []
        self.connections = 0
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
                await reader.readexactly(int(length[0].partition(b":")[2]) if length else 0)
                self.lines.append(head.partition(b"\r\n")[0])
                writer.write(self.answers[min(len(self.lines), len(self.answers)) - 1])
                await writer.drain()
                if self.hang_up:
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def saying(*answers: bytes, hang_up: bool = False, tls: ssl.SSLContext | None = None) -> AsyncGenerator[Server]:
    server = Server(answers, hang_up=hang_up)
    async with await asyncio.start_server(server.serve, LOOPBACK, 0, ssl=tls) as listening:
        server.url = f"http://{LOOPBACK}:{listening.sockets[0].getsockname()[1]}"
        yield server


OK = b"HTTP/1.1 200 OK\r\n"
WELL = b"Content-Length: 4\r\n\r\nwell"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
LONG = b"Content-Security-Policy: " + b"x" * 20_000 + b"\r\n"

READ: dict[str, tuple[bytes, int, str]] = {
    "204 with a body": (b"HTTP/1.1 204 No Content\r\n\r\nhello", 204, ""),
    "204 with a length and a body": (b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello", 204, ""),
    "a long header line": (OK + LONG + WELL, 200, "well"),
    "many headers": (OK + b"".join(b"X-%d: y\r\n" % n for n in range(5_000)) + WELL, 200, "well"),
    "two equal lengths": (OK + b"Content-Length: 4\r\n" + WELL, 200, "well"),
    "two equal lengths in one": (OK + b"Content-Length: 4, 04\r\n\r\nwell", 200, "well"),
    "bytes above 127": (OK + b'ETag: "\xe9"\r\nLocation: /\xe9\r\nX-Request-Id: \xe9\r\n' + WELL, 200, "well"),
    "a cookie with bytes above 127": (OK + b"Set-Cookie: a=\xff\xfe\xe9\r\n" + WELL, 200, "well"),
    "100 before it": (b"HTTP/1.1 100 Continue\r\n\r\n" + OK + WELL, 200, "well"),
    "103 with headers before it": (b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n" + OK + WELL, 200, "well"),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\n" + WELL, 200, "well"),
    "a reason in small letters": (b"HTTP/1.1 200 ok\r\n" + WELL, 200, "well"),
    "a reason beyond ASCII": (b"HTTP/1.1 200 \xe9\xc3\xa9 \t!\r\n" + WELL, 200, "well"),
    "an empty reason": (b"HTTP/1.1 200 \r\n" + WELL, 200, "well"),
    "no reason": (b"HTTP/1.1 200\r\n" + WELL, 200, "well"),
    "a version in small letters": (b"http/1.1 200 OK\r\n" + WELL, 200, "well"),
    "lines that end by LF": (b"HTTP/1.1 200 OK\nContent-Length: 4\n\nwell", 200, "well"),
    "empty lines before it": (b"\r\n\r\n" + OK + WELL, 200, "well"),
    "a folded header": (OK + b"X-Long: a\r\n  b\r\n\tc\r\n" + WELL, 200, "well"),
    "a blank before the colon": (OK + b"Content-Length : 4\r\n\r\nwell", 200, "well"),
    "a header without a colon": (OK + b"nonsense\r\n" + WELL, 200, "well"),
    "a header without a name": (OK + b": x\r\n" + WELL, 200, "well"),
    "a header with a blank in its name": (OK + b"X Y: x\r\n" + WELL, 200, "well"),
    "NUL in a header": (OK + b"X-Y: a\x00b\r\n" + WELL, 200, "well"),
    "chunks": (CHUNKED + b"2\r\nwe\r\n2\r\nll\r\n0\r\n\r\n", 200, "well"),
    "chunks with extensions": (CHUNKED + b'4;a="b";c \r\nwell\r\n0;x\r\n\r\n', 200, "well"),
    "chunks with trailers": (CHUNKED + b"4\r\nwell\r\n0\r\nX-Sum: 1\r\nY: \xe9\r\n\r\n", 200, "well"),
    "chunks in capitals": (OK + b"TRANSFER-ENCODING: Chunked\r\n\r\n4\r\nwell\r\n0\r\n\r\n", 200, "well"),
    "chunks beside a length": (
        OK + b"Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nwell\r\n0\r\n\r\n",
        200,
        "well",
    ),
    "coded as itself": (OK + b"Content-Encoding: IDENTITY\r\nTransfer-Encoding: identity\r\n" + WELL, 200, "well"),
    "304 with a length": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\nwell", 304, ""),
    "101 that nobody asked for": (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n\x00\x01", 101, ""),
    "a status that is none": (b"HTTP/1.1 799 Odd\r\n" + WELL, 799, "well"),
    "more than its length": (OK + WELL + b" and more", 200, "well"),
    "two answers": (OK + WELL + OK + WELL, 200, "well"),
}


@pytest.mark.parametrize("told", list(READ), ids=list(READ))
async def test_an_answer_that_can_be_read_is_one_and_nothing_is_asked_twice(told: str) -> None:
    answer, status, body = READ[told]
    async with saying(answer) as server:
        result = await _judged(server, status)
        again = await _judged(server, status)
    assert (result, again) == ((status, body),) * 2
    assert len(server.lines) == 2


async def _judged(server: Server, status: int) -> tuple[int, str | None]:
    """What is made of the answer to a POST; a status that cannot be expected is told by the error."""
    params = {"url": f"{server.url}/hook", "method": "POST", "json": 1, "timeout": 5}
    if status >= 600:
        with pytest.raises(BadStatus, match=f"answered {status}: well"):
            await ask(params)
        return status, "well"
    result = await ask(params | {"expect": [status]})
    assert result_of(result)
    return result.status, result.body


BROKE = [name for name in READ if name not in {"100 before it", "103 with headers before it", "chunks"}]
CLEAN = {"plain": OK + WELL, "chunks": READ["chunks"][0], "with trailers": READ["chunks with trailers"][0],
         "after 100": READ["100 before it"][0], "empty": OK + b"Content-Length: 0\r\n\r\n"}  # fmt: skip
KEPT = {
    "a long header line", "many headers", "bytes above 127", "a cookie with bytes above 127", "chunks with extensions",
    "a reason in small letters", "a reason beyond ASCII", "an empty reason", "no reason", "chunks with trailers",
    "chunks in capitals", "empty lines before it", "coded as itself", "a status that is none",
    "a version in small letters", "lines that end by LF",
}  # fmt: skip
"""Odd, and still told to the end by the answer itself."""


@pytest.mark.parametrize("told", [name for name in BROKE if name not in KEPT])
async def test_after_an_answer_that_broke_the_rules_its_connection_is_closed(told: str) -> None:
    answer, status, _ = READ[told]
    opened = Session(Guard(ALLOWED))
    try:
        async with saying(answer, OK + WELL) as server:
            first = await ask({"url": server.url, "expect": [status]}, opened=opened)
            second = await ask({"url": server.url}, opened=opened)
            assert (first.status, second.body, server.connections) == (status, "well", 2)
    finally:
        await opened.close()


@pytest.mark.parametrize("told", list(CLEAN))
async def test_after_an_answer_that_kept_them_it_is_asked_again(told: str) -> None:
    opened = Session(Guard(ALLOWED))
    try:
        async with saying(CLEAN[told]) as server:
            for _ in range(3):
                await ask({"url": server.url}, opened=opened)
            assert (server.connections, len(server.lines)) == (1, 3)
    finally:
        await opened.close()


async def test_a_head_is_answered_without_a_body_whatever_follows() -> None:
    async with saying(OK + WELL) as server:
        result = await ask({"url": server.url, "method": "HEAD"})
        assert (result.status, result.size, server.lines) == (200, 0, [b"HEAD / HTTP/1.1"])


BROKEN: dict[str, bytes] = {
    "a body that is cut": OK + b"Content-Length: 9\r\n\r\nwell",
    "a chunk that is cut": CHUNKED + b"9\r\nwell",
    "no last chunk": CHUNKED + b"4\r\nwell\r\n",
    "a chunk of no size": CHUNKED + b"wx\r\nwell\r\n0\r\n\r\n",
    "a chunk without its end": CHUNKED + b"4\r\nwell0\r\n\r\n",
    "a chunk beyond all": CHUNKED + b"f" * 40 + b"\r\nwell",
    "two different Content-Length headers": OK + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nwell!",
    "an invalid Content-Length": OK + b"Content-Length: four\r\n\r\nwell",
    "a length below nothing": OK + b"Content-Length: -4\r\n\r\nwell",
    "headers that are cut": OK + b"Content-Le",
    "headers without end": OK + b"X: " + b"x" * (HEAD_MOST + 10),
    "not HTTP": b"220 mail.example ESMTP\r\nhello ^ there\r\n",
    "a version of HTTP's that has no such lines": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a status of two digits": b"HTTP/1.1 20 OK\r\n\r\n",
}


@pytest.mark.parametrize("told", list(BROKEN))
async def test_a_post_that_was_answered_is_not_sent_again_whatever_the_answer_is(told: str) -> None:
    async with saying(BROKEN[told], hang_up=True) as server:
        with pytest.raises(GiveUp, match="is not retried") as raised:
            await ask({"url": server.url, "method": "POST", "json": 1})
    assert len(server.lines) == 1
    message = str(raised.value)
    assert message.isprintable()
    assert "^" not in message
    assert "four" not in message
    assert "mail.example" not in message


@pytest.mark.parametrize("told", list(BROKEN))
async def test_a_request_that_may_be_repeated_is_tried_again(told: str) -> None:
    async with saying(BROKEN[told], hang_up=True) as server:
        with pytest.raises(NoAnswer) as raised:
            await ask({"url": server.url, "method": "PUT", "json": 1})
    assert len(server.lines) == 1
    assert str(raised.value).isprintable()


async def test_a_post_whose_answer_stops_in_its_midst_is_not_sent_again() -> None:
    async with saying(OK + b"Content-Length: 9\r\n\r\nwell") as server:
        with pytest.raises(GiveUp, match=r"no complete response within 0\.3 s, of status 200"):
            await ask({"url": server.url, "method": "POST", "json": 1, "timeout": 0.3})


async def test_a_part_of_an_answer_is_judged_by_its_status() -> None:
    cut = b"Content-Length: 9\r\n\r\nwell"
    async with saying(b"HTTP/1.1 404 No\r\n" + cut, hang_up=True) as server:
        with pytest.raises(GiveUp, match="answered 404: well"):
            await ask({"url": server.url, "method": "POST"})
    async with saying(b"HTTP/1.1 503 No\r\nRetry-After: 7\r\n" + cut, hang_up=True) as server:
        with pytest.raises(Retry, match="answered 503: well") as raised:
            await ask({"url": server.url, "method": "POST"})
    assert raised.value.after == 7


async def test_a_redirect_is_followed_though_its_body_is_cut() -> None:
    found = b"HTTP/1.1 303 See Other\r\nLocation: /a%2Fb?q=%zz\r\nContent-Length: 9\r\n\r\nwell"
    async with saying(found, OK + WELL, hang_up=True) as server:
        result = await ask({"url": server.url, "method": "POST", "redirects": 1})
    assert result.url == f"{server.url}/a%2Fb?q=%zz"
    assert server.lines == [b"POST / HTTP/1.1", b"GET /a%2Fb?q=%zz HTTP/1.1"]


async def test_a_post_that_was_redirected_is_not_sent_again_for_what_follows() -> None:
    async with saying(
        b"HTTP/1.1 303 See Other\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    ) as server:
        with pytest.raises(GiveUp, match="is not retried"):
            await ask({"url": server.url, "method": "POST", "redirects": 1})
    async with saying(
        b"HTTP/1.1 307 Elsewhere\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    ) as server:
        with pytest.raises(NoAnswer):  # the first server has said that it did not execute it
            await ask({"url": server.url, "method": "POST", "redirects": 1})


async def test_a_kept_connection_that_was_closed_is_replaced_for_what_may_be_repeated() -> None:
    opened = Session(Guard(ALLOWED))
    try:
        async with saying(OK + WELL, b"", OK + WELL) as server:
            await ask({"url": server.url}, opened=opened)
            server.hang_up = True
            assert (await ask({"url": server.url}, opened=opened)).body == "well"
            assert len(server.lines) == 3
    finally:
        await opened.close()


@pytest.mark.parametrize(
    "target", ["/a%2Fb/%7Efoo/echo?sig=a%2Bb%2F%3D&t=12%3A00", "/x/../echo", "/?q=%zz", "/ä?ö", "?x"]
)
async def test_the_request_line_is_what_was_written(target: str) -> None:
    async with saying(OK + WELL) as server:
        result = await ask({"url": f"{server.url}{target}"})
    wanted = {"/ä?ö": "/%C3%A4?%C3%B6", "?x": "/?x"}.get(target, target)
    assert server.lines == [f"GET {wanted} HTTP/1.1".encode()]
    assert result.url == server.url + wanted


async def test_a_name_beyond_ascii_is_asked_for_allowed_and_told_by_idna() -> None:
    async with saying(OK + WELL) as server:
        port = server.url.rpartition(":")[2]
        for allow in ("bücher.internal", "*.internal"):
            url = f"http://bücher.internal:{port}/ä"
            result = await ask({"url": url}, allow=allow, lookup=leading(LOOPBACK))
            assert result.url == f"http://xn--bcher-kva.internal:{port}/%C3%A4"


async def test_over_tls_the_name_that_was_asked_for_is_proved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = Authority(tmp_path)
    identity = authority.issue("books", ("books.internal",))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(identity.certificate, identity.key)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    lookup = leading(*[LOOPBACK] * 3)
    async with saying(OK + WELL, tls=context) as server:
        opened = Session(Guard(ALLOWED), lookup)
        port = server.url.rpartition(":")[2]
        try:
            for host in ("books.internal", "books.internal.", "BOOKS.internal"):
                assert (await ask({"url": f"https://{host}:{port}/"}, opened=opened)).body == "well"
            assert server.connections == 1, "however its name is written"
            with pytest.raises(NoAnswer, match="certificate") as raised:
                await ask({"url": f"https://other.internal:{port}/"}, opened=opened)
            assert str(raised.value).isprintable()
        finally:
            await opened.close()


async def test_what_is_compressed_by_the_transfer_is_not_shown() -> None:
    body = gzip.compress(b"well")
    coded = OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    async with saying(coded) as server:
        result = await ask({"url": server.url})
    assert (result.status, result.body) == (200, None)


async def test_a_wait_until_a_year_that_no_calendar_has_is_none() -> None:
    head = b"HTTP/1.1 503 No\r\nRetry-After: Sun, 29 Nov 100000000000000000000 00:00:00 GMT\r\n"
    async with saying(head + WELL) as server:
        with pytest.raises(BadStatus, match="503"):
            await ask({"url": server.url})
