"""Requests that connect to the very address that was checked. It imports aiohttp, which takes a while: load it late.

The address is checked twice: all that a name leads to when it is resolved, and each one again where its socket is made,
so that no other way to an address (a literal, a pooled lookup, a second answer of the name's server) leads past.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from waterclock.executors import GiveUp
from waterclock_worker.executors.http.exchange import Answer, NoAnswer, Request, origin, redirected
from waterclock_worker.executors.http.guard import Guard, Refused

BODY_MOST = 1024 * 1024  # bytes read of an answer
_CHUNK = 64 * 1024
_REDIRECTS = frozenset({301, 302, 303, 307, 308})

Found = list[tuple[Any, ...]]
Lookup = Callable[[str, int], Awaitable[Found]]
"""As `socket.getaddrinfo` answers."""

_asked: ContextVar[str] = ContextVar("asked host")


class Session:
    """Connections of one event loop, kept open between requests."""

    def __init__(self, guard: Guard, lookup: Lookup | None = None) -> None:
        self._guard = guard
        self._client = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                resolver=_Resolver(guard, lookup or _lookup), use_dns_cache=False, socket_factory=self._socket
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),  # the caller's
            auto_decompress=False,  # a few bytes may become many
            trust_env=False,  # a proxy would resolve names for itself
            skip_auto_headers=("User-Agent", "Accept-Encoding"),
        )

    async def close(self) -> None:
        await self._client.close()

    async def send(self, request: Request, *, redirects: int, final: Callable[[int], bool]) -> Answer:
        """Send, and follow at most `redirects`, but none whose status is `final`.

        Raises:
            Refused: it leads, or was led, where nothing may be sent.
            NoAnswer: it was not answered.
        """
        while True:
            answer = await self._exchanged(request)
            location = answer.headers.get("location")
            if not redirects or location is None or answer.status not in _REDIRECTS or final(answer.status):
                return answer
            redirects -= 1
            request = redirected(request, answer.status, location)

    async def _exchanged(self, request: Request) -> Answer:
        self._check(request.url)
        _asked.set(request.url.raw_host or "")
        try:
            async with self._client.request(
                request.method, request.url, headers=request.headers, data=request.body, allow_redirects=False
            ) as response:
                body, cut = await _read(response)
        except aiohttp.InvalidURL as error:
            raise GiveUp(f"url: {error}") from None
        except (aiohttp.ClientError, OSError) as error:
            raise NoAnswer(f"{origin(request.url)}: {type(error).__name__}: {error}") from error
        headers: dict[str, str] = {}
        for name, value in response.headers.items():
            headers.setdefault(name.lower(), _readable(name, value))
        return Answer(status=response.status, url=request.url, headers=headers, body=body, cut=cut)

    def _check(self, url: URL) -> None:
        """What can be seen of a URL before it is resolved."""
        if url.scheme not in {"http", "https"} or not url.raw_host:
            raise Refused(f"{url.scheme or 'no scheme'}: only http and https are sent")
        if url.user is not None or url.password is not None:
            raise Refused(f"{origin(url)}: a URL must not hold a user or a password; a header may, by reference")
        host = url.raw_host
        if ":" in host or host.replace(".", "").isdigit():  # aiohttp resolves no such name
            self._guard.check(host, host)

    def _socket(self, info: Any) -> socket.socket:
        family, kind, protocol, _, address = info
        self._guard.check(_asked.get(), str(address[0]))
        return socket.socket(family=family, type=kind, proto=protocol)


class _Resolver(AbstractResolver):
    def __init__(self, guard: Guard, lookup: Lookup) -> None:
        self._guard = guard
        self._lookup = lookup

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = [
            ResolveResult(hostname=host, host=str(address[0]), port=port, family=kind, proto=0, flags=0)
            for kind, _, _, _, address in await self._lookup(host, port)
            if family in {socket.AF_UNSPEC, kind}
        ]
        for one in found:
            self._guard.check(host, one["host"])
        if not found:
            raise OSError(f"{host} leads nowhere")
        return found

    async def close(self) -> None:
        """Nothing is held."""


def _readable(name: str, value: str) -> str:
    """A header's value as text: bytes that are not UTF-8, which aiohttp leaves as halves of pairs, by their numbers."""
    if value.isascii():
        return value
    raw = value.encode(errors="surrogateescape")
    if name.lower() == "location":  # as a browser would ask for it
        return "".join(f"%{ord(sign) - 0xDC00:02X}" if "\udc80" <= sign <= "\udcff" else sign for sign in value)
    return raw.decode(errors="backslashreplace")


async def _read(response: aiohttp.ClientResponse) -> tuple[bytes, bool]:
    body = bytearray()
    while chunk := await response.content.read(_CHUNK):
        body += chunk
        if len(body) > BODY_MOST:
            response.close()  # else the rest would be read when it is left
            return bytes(body[:BODY_MOST]), True
    return bytes(body), False


async def _lookup(host: str, port: int) -> Found:
    return list(await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM))
