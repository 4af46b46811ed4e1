"""One request and its answer on a connection, in HTTP/1.1.

bytes ─► head, read as others write it ─► status, headers ─► what frames the body, as the rules have it ─► h11 ─► body

Many servers bend the rules. An answer that can be read to its end counts, whatever it broke; what cannot be read is
told in our words, and nothing of it is repeated. After an answer that broke a rule nothing more is asked on its
connection, nor after one whose end it did not tell itself, for what still comes would be taken for the next answer.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

import h11

from waterclock.kit.http.connection import Connection
from waterclock.kit.http.exchange import BrokenAnswer, Heard, Request

HEAD_MOST = 256 * 1024  # bytes of a status line and headers
_INTERIM_MOST = 100  # answers before the answer: 100, 102, 103
_CHUNK_LINE_MOST = 64 * 1024  # bytes of a chunk's size and extensions, and of trailers
_SWITCHING = 101
_BARE = frozenset({204, 304})  # have no body
_LENGTHY = frozenset({"POST", "PUT", "PATCH", "DELETE"})  # tell a length of 0, too

_STATUS = re.compile(rb"HTTP/([0-9])(?:\.([0-9]))?[ \t]+([0-9]{3})(?:[ \t].*)?", re.IGNORECASE | re.DOTALL)
_BLANK_LINE = re.compile(rb"\n\r?\n")
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NO_TEXT = re.compile(rb"[\x00\n\r\f\v]")
_LENGTH = re.compile(rb"[0-9]{1,20}")


class Head(NamedTuple):
    """`fields`: as they came; `broke`: some were passed over, or are not as they should be."""

    status: int
    version: Literal[b"1.0", b"1.1"]
    fields: list[tuple[bytes, bytes]]
    broke: bool

    def values(self, name: bytes) -> list[bytes]:
        """The parts of a header that is a list, however many times it comes."""
        return [
            part.strip(b" \t") for field, value in self.fields if field.lower() == name for part in value.split(b",")
        ]


class _Framing(NamedTuple):
    """What says where the body ends: `headers` for h11; none: the end of the connection."""

    headers: list[tuple[bytes, bytes]]
    broke: bool


async def converse(connection: Connection, request: Request, heard: Heard, *, most: int) -> bool:
    """Send a request and hear its answer, at most so many bytes of a body.

    Returns whether the connection may be asked again.

    Raises:
        BrokenAnswer: what came is no whole answer.
        OSError: the connection broke.
    """
    machine = h11.Connection(h11.CLIENT, max_incomplete_event_size=_CHUNK_LINE_MOST)
    connection.ask(_sent(machine, request))
    head = await _final_head(connection, request, heard)
    heard.headers = _told(head)
    if head.status == _SWITCHING:  # nobody asked for it, and what follows is no HTTP
        return False
    framing = _framing(head)
    told = [b"HTTP/%s %d " % (head.version, head.status)]
    told += [b"%s: %s" % field for field in (*framing.headers, *_of_connection(head))]
    machine.receive_data(b"\r\n".join(told) + b"\r\n\r\n")
    whole = await _body(machine, connection, heard, most)
    framed = bool(framing.headers) and head.status not in _BARE and request.method != "HEAD"
    return whole and framed and not (head.broke or framing.broke) and _is_done(machine)


def _sent(machine: h11.Connection, request: Request) -> bytes:
    headers = [
        ("Host", request.url.authority),
        *((name, value.strip(" \t")) for name, value in request.headers.items()),
    ]
    if request.body is not None or request.method in _LENGTHY:
        headers.append(("Content-Length", str(len(request.body or b""))))
    asked = h11.Request(method=request.method, target=request.url.target, headers=headers)
    parts = [machine.send(asked), machine.send(h11.Data(data=request.body or b"")), machine.send(h11.EndOfMessage())]
    return b"".join(part for part in parts if part)


async def _final_head(connection: Connection, request: Request, heard: Heard) -> Head:
    for _ in range(_INTERIM_MOST):
        head = _head(await _next_head(connection, request, heard))
        if head.status >= 200 or head.status == _SWITCHING:
            return head
    raise BrokenAnswer(f"the answer does not come after {_INTERIM_MOST} that announce it")


async def _next_head(connection: Connection, request: Request, heard: Heard) -> bytes:
    """Up to its blank line; the status is noted as soon as its line has come."""
    bytes_heard, looked = connection.heard, 0
    while True:
        if not looked:
            del bytes_heard[: len(bytes_heard) - len(bytes_heard.lstrip(b"\r\n"))]
        if heard.status is None and (line := bytes_heard.find(b"\n")) >= 0:
            _note_status(bytes(bytes_heard[:line]), request, heard)
        end = _BLANK_LINE.search(bytes_heard, max(0, looked - 3))
        if end is not None:
            found = bytes(bytes_heard[: end.end()])
            del bytes_heard[: end.end()]
            return found
        looked = len(bytes_heard)
        if looked > HEAD_MOST:
            heard.answered(request)
            raise BrokenAnswer(f"the response headers have more than {HEAD_MOST} bytes")
        if not await connection.more():
            if not bytes_heard:
                raise ConnectionResetError("connection closed before a response")
            raise BrokenAnswer("the response was cut off in its headers")


def _note_status(line: bytes, request: Request, heard: Heard) -> None:
    """
    Raises:
        BrokenAnswer: it does not begin as an answer does.
    """
    found = _STATUS.fullmatch(line.rstrip(b"\r"))
    if found is None or int(found[3]) < 100:
        heard.answered(request)
        raise BrokenAnswer("the response is not HTTP/1.1")
    status = int(found[3])
    if status >= 200 or status == _SWITCHING:
        heard.status = status
        heard.answered(request)


def _head(text: bytes) -> Head:
    """Of a head whose status line was looked at."""
    first, *lines = [line.rstrip(b"\r") for line in text.split(b"\n")]
    status = _STATUS.fullmatch(first)
    assert status is not None
    broke = (status[1], status[2]) not in {(b"1", b"0"), (b"1", b"1")}
    fields: list[tuple[bytes, list[bytes]]] = []
    for line in filter(None, lines):
        if line[:1] in b" \t" and fields:  # a header that goes on: of old
            fields[-1][1].append(line.strip(b" \t"))
            broke = True
            continue
        name, colon, value = line.partition(b":")
        if not colon or _TOKEN.fullmatch(name.rstrip(b" \t")) is None:
            broke = True
            continue
        broke |= name[-1:] in b" \t"
        fields.append((name.rstrip(b" \t"), [value]))
    joined = [(name, b" ".join(values)) for name, values in fields]
    clean = [(name, _NO_TEXT.sub(b" ", value).strip(b" \t")) for name, value in joined]
    broke |= any(_NO_TEXT.search(value) for _, value in joined)
    return Head(int(status[3]), b"1.1" if (status[1], status[2]) == (b"1", b"1") else b"1.0", clean, broke)


def _framing(head: Head) -> _Framing:
    """
    Raises:
        BrokenAnswer: it says in two ways how long it is, or in none that can be read.
    """
    codings = [part.lower() for part in head.values(b"transfer-encoding") if part and part.lower() != b"identity"]
    lengths = head.values(b"content-length")
    if codings:
        broke = bool(lengths) or codings != [b"chunked"] or head.version == b"1.0"
        return _Framing([(b"Transfer-Encoding", b"chunked")] if codings[-1] == b"chunked" else [], broke)
    if not lengths:
        return _Framing([], broke=False)
    if not all(_LENGTH.fullmatch(one) for one in lengths):
        raise BrokenAnswer("the response has an invalid Content-Length")
    if len({int(one) for one in lengths}) > 1:
        raise BrokenAnswer("the response has two different Content-Length headers")
    return _Framing([(b"Content-Length", lengths[0])], broke=len(lengths) > 1)


def _of_connection(head: Head) -> list[tuple[bytes, bytes]]:
    wanted = {one.lower() for one in head.values(b"connection")}
    return [(b"Connection", b"close")] if b"close" in wanted else []


async def _body(machine: h11.Connection, connection: Connection, heard: Heard, most: int) -> bool:
    """Whether it came to its end; False: more than is read of any."""
    over = False
    try:
        while True:
            match machine.next_event():
                case h11.NEED_DATA:
                    over = not connection.heard and not await connection.more()
                    machine.receive_data(bytes(connection.heard))  # nothing: the end of the connection
                    connection.heard.clear()
                case h11.Data(data=data):
                    heard.body += data
                    if len(heard.body) > most:
                        del heard.body[most:]
                        heard.cut = True
                        return False
                case h11.EndOfMessage():
                    return True
                case _:
                    pass  # its head
    except h11.RemoteProtocolError:
        told = "broke off" if over else "cannot be read on"
        raise BrokenAnswer(f"the answer {told} after {len(heard.body)} bytes of its body") from None


def _is_done(machine: h11.Connection) -> bool:
    return machine.their_state is h11.DONE and machine.our_state is h11.DONE and not machine.trailing_data[0]


def _told(head: Head) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw, value in head.fields:
        name = raw.decode("ascii").lower()
        if name not in headers:
            headers[name] = _readable(name, value)
    return headers


def _readable(name: str, value: bytes) -> str:
    """A header's value as text: bytes that are not UTF-8 are told by their numbers."""
    if name != "location":
        return value.decode(errors="backslashreplace")
    text = value.decode(errors="surrogateescape")  # as a browser would ask for it
    return "".join(f"%{ord(sign) - 0xDC00:02X}" if "\udc80" <= sign <= "\udcff" else sign for sign in text)
