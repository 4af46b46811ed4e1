"""Answers of all kinds, in pieces of all kinds: what is made of them depends on their bytes alone."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

import hypothesis
import hypothesis.strategies as st
import pytest

from waterclock.kit.http.connection import Connection
from waterclock.kit.http.conversation import converse
from waterclock.kit.http.exchange import BrokenAnswer, Heard, Request
from waterclock.model.parameters.http_url import http_url

MOST = 64
LINES = st.sampled_from([
    b"Content-Length: 4", b"content-length:4", b"Content-Length: 4, 4", b"Content-Length: 5", b"Content-Length: -1",
    b"Content-Length: \xb2", b"Content-Length:", b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip, chunked",
    b"Transfer-Encoding: gzip", b"Transfer-Encoding: identity", b"Connection: close", b"Connection: keep-alive, CLOSE",
    b"ETag: \xe9\xff", b" folded", b"\tfolded", b"no colon", b": no name", b"X Y: z", b"X\x00: y", b"X: \x00\x0b\r y",
    b"Location: /\xe9 \xc3\xa9", b"X" * 300 + b": y", b"\xff\xfe: y", b"",
])  # fmt: skip
STATUS = st.sampled_from([
    b"HTTP/1.1 200 OK", b"HTTP/1.0 200 OK", b"HTTP/1.1 204 No", b"HTTP/1.1 304 No", b"HTTP/1.1 100 Go",
    b"HTTP/1.1 101 X", b"HTTP/1.1 103 Go", b"HTTP/1.1 500", b"http/1.1 404 \xff", b"HTTP/2 200", b"HTTP/1.1 999 X",
    b"HTTP/1.1 099 X", b"HTTP/1.1", b"ICY 200 OK", b"HTTP/1.1 2000 X", b"HTTP/1.1 200OK", b"\x16\x03\x01", b"",
])  # fmt: skip
BODY = st.sampled_from([
    b"", b"well", b"well" * 40, b"4\r\nwell\r\n0\r\n\r\n", b"4;x=\xff\r\nwell\r\n0\r\nA: b\r\n\r\n", b"4\nwell\n0\n\n",
    b"4\r\nwell", b"-1\r\n", b"zz\r\n", b"f" * 30 + b"\r\n", b"0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
])  # fmt: skip
END = st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\n"])


def _head(end: bytes, lines: list[bytes]) -> bytes:
    return end.join([*lines, b"", b""])


def _answer(status: bytes, head: bytes, body: bytes) -> bytes:
    return status + b"\r\n" + head + body


HEADS = st.builds(_head, END, st.lists(LINES, max_size=4))
ANSWERS = st.builds(_answer, STATUS, HEADS, BODY)
SAID = st.lists(ANSWERS, min_size=1, max_size=2).map(b"".join) | st.binary(max_size=60)


class Outcome(NamedTuple):
    status: int | None
    headers: dict[str, str]
    body: bytes
    reusable: bool | str


class Wire(asyncio.Transport):
    """Takes what is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""

    def write(self, data: Any) -> None:
        self.sent += bytes(data)

    def is_closing(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def abort(self) -> None: ...


async def outcome(pieces: list[bytes], method: str) -> Outcome:
    connection, heard = Connection(), Heard()
    connection.connection_made(Wire())
    request = Request(method=method, url=http_url("http://h/x"), headers={}, body=None, private=frozenset())
    heard.begin(request)
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        asking = tasks.create_task(_asked(connection, request, heard), name="ask")
        for piece in pieces:
            await asyncio.sleep(0)
            connection.data_received(piece)
        await asyncio.sleep(0)
        connection.eof_received()
    assert (heard.status is not None or isinstance(asking.result(), str)) or heard.executed
    return Outcome(heard.status, heard.headers, bytes(heard.body), asking.result())


async def _asked(connection: Connection, request: Request, heard: Heard) -> bool | str:
    try:
        reusable = await converse(connection, request, heard, most=MOST)
    except (BrokenAnswer, ConnectionResetError) as error:
        return str(error)
    return reusable and not connection.heard


def check(said: bytes, cuts: list[int], method: str) -> None:
    places = sorted({cut % (len(said) + 1) for cut in cuts})
    pieces = [said[low:high] for low, high in zip([0, *places], [*places, len(said)], strict=True) if low < high]
    whole, cut = (asyncio.run(outcome(one, method)) for one in ([said] if said else [], pieces))
    assert whole[:3] == cut[:3]
    assert isinstance(whole.reusable, str) == isinstance(cut.reusable, str)
    assert len(whole.body) <= MOST
    assert whole.status is None or whole.status >= 200 or whole.status == 101
    assert str(whole.reusable).isprintable()
    for value in whole.headers.values():
        value.encode()


@hypothesis.settings(max_examples=40, deadline=None)
@hypothesis.given(SAID, st.lists(st.integers(0, 500), max_size=6), st.sampled_from(["GET", "POST", "HEAD"]))
def test_what_is_made_of_an_answer_does_not_depend_on_how_it_is_cut(said: bytes, cuts: list[int], method: str) -> None:
    check(said, cuts, method)


@pytest.mark.soak
@pytest.mark.timeout(900)
@hypothesis.settings(max_examples=3_000, deadline=None)
@hypothesis.given(SAID, st.lists(st.integers(0, 500), max_size=6), st.sampled_from(["GET", "POST", "HEAD"]))
def test_what_is_made_of_any_answer_does_not_depend_on_how_it_is_cut(said: bytes, cuts: list[int], method: str) -> None:
    check(said, cuts, method)
