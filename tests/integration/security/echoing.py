"""A server that repeats what it was sent, in all the ways that one may meet."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from urllib.parse import quote


@asynccontextmanager
async def echoing() -> AsyncGenerator[str]:
    """Its URL. Paths: /echo, /refuse, /later, /mangled, /moved, /away."""
    server = await asyncio.start_server(_answer, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.close()
        await server.wait_closed()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        target = head.split(" ")[1]
        fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
        await reader.readexactly(int(fields.get("Content-Length", 0)))
        writer.write(_said(target, fields.get("Authorization", ""), head))
        await writer.drain()
    finally:
        writer.close()


def _said(target: str, secret: str, head: str) -> bytes:
    echo = "\n".join(
        (head, json.dumps({"header": secret}), quote(secret, safe=""), quote(secret), repr(secret),
         *(base64.b64encode(bytes(n) + secret.encode()).decode() for n in range(3)),
         base64.urlsafe_b64encode(secret.encode()).decode())
    )  # fmt: skip
    match target.partition("?")[0]:
        case "/echo":
            return _whole("200 OK", echo, f"X-Request-Id: {secret}")
        case "/refuse":
            return _whole("400 Bad Request", echo)
        case "/later":
            return _whole("503 Service Unavailable", echo)
        case "/moved":
            return _whole("302 Found", echo, f"Location: /echo?said={quote(secret, safe='')}")
        case "/away":
            return _whole("302 Found", echo, f"Location: http://{secret}/")
        case _:
            return f"{secret}\r\n\r\n".encode()  # no status: nothing of it may be repeated in a complaint


def _whole(status: str, body: str, *headers: str) -> bytes:
    text = body.encode()
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(text)}", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + text
