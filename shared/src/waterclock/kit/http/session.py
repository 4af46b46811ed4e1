"""Requests that connect to the very address that was checked. It imports TLS and a parser: load it late.

The address is checked twice: all that a name leads to when it is resolved, and each one again where its socket is made,
so that no other way to an address (a literal, a second answer of the name's server) leads past.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from functools import partial
from ipaddress import ip_address
from typing import Any, cast

import aiohappyeyeballs

from waterclock.kit.http.connection import Connection
from waterclock.kit.http.conversation import converse
from waterclock.kit.http.exchange import (
    IDEMPOTENT,
    Answer,
    BrokenAnswer,
    Heard,
    NoAnswer,
    Request,
    redirected,
)
from waterclock.kit.http.guard import Guard
from waterclock.model.parameters.http_url import HttpUrl

BODY_MOST = 1024 * 1024  # bytes read of an answer
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_REST = 15.0  # s that a connection is kept for another request
_RESTING_MOST = 100
_OTHER_FAMILY_AFTER = 0.25  # s, RFC 8305

_connect = partial(cast("Any", aiohappyeyeballs).start_connection, happy_eyeballs_delay=_OTHER_FAMILY_AFTER)
Found = list[tuple[Any, ...]]
Lookup = Callable[[str, int], Awaitable[Found]]
"""As `socket.getaddrinfo` answers."""


class Session:
    """Connections of one event loop, kept open between requests."""

    def __init__(self, guard: Guard, lookup: Lookup | None = None) -> None:
        self._guard = guard
        self._lookup = lookup or _lookup
        self._resting: OrderedDict[Connection, tuple[str, asyncio.TimerHandle]] = (
            OrderedDict()
        )  # the last is the newest
        self._tls: ssl.SSLContext | None = None  # from the first request that needs one

    async def close(self) -> None:
        while self._resting:
            connection, (_, timer) = self._resting.popitem()
            timer.cancel()
            connection.close()
        await asyncio.sleep(0)  # a transport is gone once its loop has turned

    async def send(
        self, request: Request, *, redirects: int, final: Callable[[int], bool], heard: Heard | None = None
    ) -> Answer:
        """Send, and follow at most `redirects`, but none whose status is `final`. `heard`: what has come, at any time.

        Raises:
            Refused: it leads, or was led, where nothing may be sent.
            NoAnswer: it was not answered.
            BrokenAnswer: something came that is no whole answer.
        """
        heard = Heard() if heard is None else heard
        while True:
            broken: BrokenAnswer | None = None
            try:
                await self._exchanged(request, heard)
            except BrokenAnswer as error:
                broken = error
            location, status = heard.headers.get("location"), heard.status
            if not redirects or location is None or status is None or status not in _REDIRECTS or final(status):
                if broken is not None:
                    raise broken
                return heard.answer()
            redirects -= 1
            request = redirected(request, status, location)

    async def _exchanged(self, request: Request, heard: Heard) -> None:
        """Once; again where a connection that had rested turns out to be closed, if nothing can have come of that."""
        self._check(request.url)
        while True:
            connection = self._rested(request.url)
            again = connection is not None and request.method in IDEMPOTENT
            heard.begin(request)
            try:
                connection = connection or await self._connected(request.url)
                await self._conversed(connection, request, heard)
            except OSError as error:
                if heard.status is not None:
                    raise BrokenAnswer(f"the response was cut off after {len(heard.body)} bytes of its body") from error
                if not again:
                    raise NoAnswer(f"{request.url.origin}: {type(error).__name__}: {_line(error)}") from error
            else:
                return

    async def _conversed(self, connection: Connection, request: Request, heard: Heard) -> None:
        reusable = False
        try:
            reusable = await converse(connection, request, heard, most=BODY_MOST)
        finally:
            connection.rest()
            if reusable and connection.is_open:
                self._rest(connection, request.url)
            else:
                connection.close()

    def _check(self, url: HttpUrl) -> None:
        """What can be seen of a host before it is resolved."""
        if ":" in url.host or url.host.replace(".", "").isdigit():
            self._guard.check(url.host, url.host)

    async def _connected(self, url: HttpUrl) -> Connection:
        """
        Raises:
            Refused: an address that the host leads to is none to send to.
            OSError: it leads nowhere, or nobody answers there.
        """
        found = _literal(url) or await self._lookup(url.host, url.port)
        for one in found:
            self._guard.check(url.host, str(one[4][0]))
        if not found:
            raise OSError(f"{url.host} cannot be resolved")
        if url.scheme == "https" and self._tls is None:
            self._tls = await asyncio.to_thread(_trusting)
        made = await _connect(found, socket_factory=partial(self._socket, url.host))
        tls, name = (self._tls, url.host.removesuffix(".")) if url.scheme == "https" else (None, None)
        _, connection = await asyncio.get_running_loop().create_connection(
            Connection, sock=made, ssl=tls, server_hostname=name
        )
        return connection

    def _socket(self, host: str, info: Any) -> socket.socket:
        family, kind, protocol, _, address = info
        self._guard.check(host, str(address[0]))
        made = socket.socket(family=family, type=kind, proto=protocol)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return made

    def _rested(self, url: HttpUrl) -> Connection | None:
        for connection, (origin, timer) in reversed(list(self._resting.items())):
            if origin == url.origin:
                del self._resting[connection]
                timer.cancel()
                if connection.is_open:
                    return connection
                connection.close()
        return None

    def _rest(self, connection: Connection, url: HttpUrl) -> None:
        if len(self._resting) >= _RESTING_MOST:
            self._over(next(iter(self._resting)))
        timer = asyncio.get_running_loop().call_later(_REST, self._over, connection)
        self._resting[connection] = url.origin, timer

    def _over(self, connection: Connection) -> None:
        rested = self._resting.pop(connection, None)
        if rested is not None:
            rested[1].cancel()
            connection.close()


def _trusting() -> ssl.SSLContext:
    """It reads the authorities of this machine, which takes some 30 ms."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


async def _lookup(host: str, port: int) -> Found:
    return list(await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM))


def _literal(url: HttpUrl) -> Found:
    """The address that a host is, if it is one."""
    try:
        address = ip_address(url.host)
    except ValueError:
        return []
    if address.version == 4:
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (url.host, url.port))]
    return [(socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (url.host, url.port, 0, 0))]


def _line(error: OSError) -> str:
    """What a system or TLS says, on one line."""
    return " ".join(str(error).split())
