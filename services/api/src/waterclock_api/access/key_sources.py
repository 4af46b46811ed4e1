"""Where an issuer's public keys are read: a file, a URL, or where the issuer says (OpenID Connect Discovery 1.0).

Proxies of the environment (`HTTPS_PROXY`, `NO_PROXY`) are used, but not to this machine.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Protocol

import httpx
import msgspec

from waterclock.kit.addresses import http_url, uses_proxies
from waterclock.kit.ca_certificates import authorities

TIMEOUT = 3.0  # s, for all that one look asks
LARGEST = 1 << 20  # bytes
DISCOVERY = "/.well-known/openid-configuration"


class KeySource(Protocol):
    @property
    def name(self) -> str:
        """As lines of the log say it."""
        ...

    async def read(self) -> bytes:
        """The key set, JSON.

        Raises:
            OSError, httpx.HTTPError, httpx.InvalidURL, msgspec.MsgspecError, TimeoutError: it cannot be had.
        """
        ...


class KeyFile(msgspec.Struct, frozen=True):
    name: str

    async def read(self) -> bytes:
        return await asyncio.to_thread(Path(self.name).read_bytes)


class KeyUrl(msgspec.Struct, frozen=True):
    name: str

    async def read(self) -> bytes:
        async with asyncio.timeout(TIMEOUT):
            return await _fetched(self.name)


class _Configuration(msgspec.Struct, frozen=True):
    issuer: str
    jwks_uri: str


class Discovered(msgspec.Struct, frozen=True):
    """The issuer is asked at each look, so that it may move its keys."""

    issuer: str

    @property
    def name(self) -> str:
        return f"{self.issuer.rstrip('/')}{DISCOVERY}"

    async def read(self) -> bytes:
        async with asyncio.timeout(TIMEOUT):
            told = msgspec.json.decode(await _fetched(self.name), type=_Configuration)
            if told.issuer != self.issuer:
                raise msgspec.ValidationError(f"it names the issuer {told.issuer!r}, not {self.issuer!r}")
            if self.issuer.startswith("https://") and not told.jwks_uri.startswith("https://"):
                raise msgspec.ValidationError(f"its jwks_uri does not begin with https:// ({told.jwks_uri!r})")
            return await _fetched(told.jwks_uri)


def key_source(jwks: str | None, issuer: str) -> KeySource:
    """
    Raises:
        ValueError: there is no `jwks`, and the issuer is no URL that could be asked.
    """
    if jwks is None:
        http_url(issuer)
        return Discovered(issuer)
    return KeyUrl(jwks) if jwks.startswith(("https://", "http://")) else KeyFile(jwks)


async def _fetched(url: str) -> bytes:
    async with (
        httpx.AsyncClient(trust_env=uses_proxies(url), verify=authorities()) as http,
        http.stream("GET", url) as answer,
    ):
        answer.raise_for_status()
        text = bytearray()
        async for part in answer.aiter_bytes():
            text += part
            if len(text) > LARGEST:
                raise httpx.DecodingError(f"longer than {LARGEST} bytes")
        return bytes(text)
