"""Servers that take notices, or do not: HTTP and mail, on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, cast

import msgspec
from aiohttp import web
from aiosmtpd.smtp import SMTP

LOOPBACK = "127.0.0.1"


class Request(msgspec.Struct, frozen=True):
    path: str
    headers: dict[str, str]  # names in small letters
    body: bytes


class HttpReceiver:
    """Answers as told, and keeps what it was sent."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.port = 0
        self.abandoned = asyncio.Event()  # somebody left while it was silent
        self.answers(204)

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def answers(self, status: int, body: str = "", **headers: str) -> None:
        async def answer(request: web.BaseRequest) -> web.StreamResponse:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return web.Response(status=status, text=body, headers=named)

        self.answer: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]] = answer

    def is_silent(self) -> None:
        async def answer(request: web.BaseRequest) -> web.StreamResponse:
            try:
                await asyncio.Event().wait()
            finally:
                self.abandoned.set()
            raise AssertionError("the event is never set")

        self.answer = answer

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.requests.append(Request(request.path_qs, headers, await request.read()))
        return await self.answer(request)


@asynccontextmanager
async def http_receiver() -> AsyncGenerator[HttpReceiver]:
    receiver = HttpReceiver()
    runner = web.ServerRunner(web.Server(receiver.handle, handler_cancellation=True), shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, LOOPBACK, 0)
    await site.start()
    receiver.port = int(cast("Any", runner.addresses)[0][1])
    try:
        yield receiver
    finally:
        await runner.cleanup()


class Mailbox:
    """A mail server that takes everything, but for those whom it does not know."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.port = 0

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802
        if address.startswith("nobody@"):
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


@asynccontextmanager
async def mailbox() -> AsyncGenerator[Mailbox]:
    box = Mailbox()
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(box, hostname="mail.test", enable_SMTPUTF8=True), LOOPBACK, 0
    )
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        server.close()
        await server.wait_closed()
