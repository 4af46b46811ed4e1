"""A proxy in front of an object store that fails as told: answers 500, never answers, cuts the connection.

Requests pass byte for byte (their signature covers the host they were sent to), each on a connection of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Literal
from urllib.parse import parse_qs, urlsplit

import msgspec

Operation = Literal[
    "AbortMultipartUpload", "CompleteMultipartUpload", "CreateMultipartUpload", "DeleteObject", "GetObject",
    "HeadObject", "ListMultipartUploads", "ListObjects", "ListParts", "PutObject", "UploadPart",
]  # fmt: skip
Way = Literal["500", "hang", "read nothing", "cut", "lose the answer"]
"""`hang`: read, and never answer. `read nothing`: not even that. `cut`: in the middle of the request if it has a body,
else of the answer. `lose the answer`: all is done, but the client hears nothing of it."""

_CHUNK = 64 * 1024
_ERROR = b"<Error><Code>InternalError</Code><Message>told to fail</Message></Error>"


class Fault(msgspec.Struct):
    operation: Operation
    way: Way
    times: int  # that are left
    after: int  # calls that pass before
    met: asyncio.Event


class S3Faults:
    """The proxy; its rules may change at any moment."""

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        assert parts.hostname is not None
        assert parts.port is not None
        self.endpoint = ""
        self.calls: list[Operation] = []
        self.closing = asyncio.Event()
        self._upstream = (parts.hostname, parts.port)
        self._faults: list[Fault] = []
        self._hooks: dict[Operation, Callable[[], Awaitable[None]]] = {}

    def fail(self, operation: Operation, way: Way, *, times: int = 1_000, after: int = 0) -> asyncio.Event:
        """Fail so many calls; the event is set when the first has come."""
        fault = Fault(operation=operation, way=way, times=times, after=after, met=asyncio.Event())
        self._faults.append(fault)
        return fault.met

    def heal(self) -> None:
        self._faults.clear()

    def then(self, operation: Operation, hook: Callable[[], Awaitable[None]]) -> None:
        """Await `hook` when the store has answered such a call, before the client hears of it."""
        self._hooks[operation] = hook

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            operation = _operation(head)
            if operation is not None:
                self.calls.append(operation)
            await self._pass(operation, head, reader, writer)
        except* (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client or the store has left
        finally:
            writer.close()

    async def _pass(
        self, operation: Operation | None, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        match self._next_fault(operation):
            case "500":
                if b"100-continue" in head.lower():
                    writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                await _skip(reader, _content_length(head))
                writer.write(
                    b"HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/xml\r\nConnection: close\r\n"
                )
                writer.write(b"Content-Length: %d\r\n\r\n%s" % (len(_ERROR), _ERROR))
                await writer.drain()
            case "hang":
                while await reader.read(_CHUNK):  # until the client gives up
                    pass
            case "read nothing":
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                await self.closing.wait()
            case way:
                await self._relay(operation, head, reader, writer, way)

    async def _relay(
        self,
        operation: Operation | None,
        head: bytes,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        way: Way | None,
    ) -> None:
        length = _content_length(head)
        cuts_request = way == "cut" and length > 0
        up_reader, up_writer = await asyncio.open_connection(*self._upstream)
        try:
            up_writer.write(head.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
            async with asyncio.TaskGroup() as tasks:
                sent = _copy(reader, up_writer, length // 2 if cuts_request else length)
                sending = tasks.create_task(sent, name="request")
                answering = tasks.create_task(self._answer(operation, up_reader, writer, way), name="answer")
                if cuts_request:
                    await sending
                    answering.cancel()
                else:
                    await answering
                    sending.cancel()
        finally:
            up_writer.transport.abort()

    async def _answer(
        self, operation: Operation | None, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: Way | None
    ) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        while head.startswith(b"HTTP/1.1 100"):
            writer.write(head)
            head = await reader.readuntil(b"\r\n\r\n")
        if operation is not None and (hook := self._hooks.get(operation)) is not None:
            await hook()
        if way != "lose the answer":
            writer.write(head)
            await _copy(reader, writer, _content_length(head) // 2 if way == "cut" else None)

    def _next_fault(self, operation: Operation | None) -> Way | None:
        for fault in self._faults:
            if fault.operation == operation and fault.times > 0:
                if fault.after > 0:
                    fault.after -= 1
                    return None
                fault.times -= 1
                fault.met.set()
                return fault.way
        return None


@contextlib.asynccontextmanager
async def s3_faults(upstream: str) -> AsyncGenerator[S3Faults]:
    """A proxy in front of the store at the URL `upstream`; its own URL is `endpoint`."""
    proxy = S3Faults(upstream)
    open_calls: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        open_calls.add(task)
        try:
            await proxy.serve(reader, writer)
        except asyncio.CancelledError:
            pass  # by us, below: the stream's own callback takes a cancelled task for an accident
        finally:
            open_calls.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=_CHUNK)
    try:
        host, port = server.sockets[0].getsockname()
        proxy.endpoint = f"http://{host}:{port}"
        yield proxy
    finally:
        proxy.closing.set()
        server.close()
        for task in open_calls:
            task.cancel()
        if open_calls:
            await asyncio.wait(open_calls, timeout=5)
        await server.wait_closed()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, length: int | None) -> None:
    """So many bytes, or all until the end."""
    left = length
    while left != 0:
        chunk = await reader.read(_CHUNK if left is None else min(_CHUNK, left))
        if not chunk:
            return
        left = None if left is None else left - len(chunk)
        writer.write(chunk)
        await writer.drain()


async def _skip(reader: asyncio.StreamReader, length: int) -> None:
    while length and (chunk := await reader.read(min(_CHUNK, length))):
        length -= len(chunk)


def _operation(head: bytes) -> Operation | None:
    method, target, _ = head.split(b" ", 2)
    url = urlsplit(target.decode())
    query = parse_qs(url.query, keep_blank_values=True)
    has_key = url.path.count("/") > 1 and not url.path.endswith("/")
    match method, has_key:
        case b"POST", True:
            return "CreateMultipartUpload" if "uploads" in query else "CompleteMultipartUpload"
        case b"PUT", True:
            return "UploadPart" if "partNumber" in query else "PutObject"
        case b"DELETE", True:
            return "AbortMultipartUpload" if "uploadId" in query else "DeleteObject"
        case b"GET", True:
            return "ListParts" if "uploadId" in query else "GetObject"
        case b"HEAD", True:
            return "HeadObject"
        case b"GET", False:
            return "ListMultipartUploads" if "uploads" in query else "ListObjects"
        case _:
            return None


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return int(value)
    return 0
