"""The public keys of an issuer (JWKS, RFC 7517), kept for a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import httpx
import jwt
import msgspec

from waterclock.kit.clock import Clock
from waterclock_api.access.credentials import CredentialsUnknown
from waterclock_api.access.key_sources import KeySource

FRESH = 300.0  # s
BOUND = 3600.0  # s that known keys are good for while the issuer does not answer
PAUSE = 10.0  # s between two looks, whatever tokens come

_log = logging.getLogger(__name__)


class _Document(msgspec.Struct, frozen=True):
    keys: tuple[dict[str, Any], ...]


class _Built(NamedTuple):
    document: Mapping[str, Any]
    key: jwt.PyJWK


class KeySet:
    def __init__(self, source: KeySource, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._keys: tuple[Mapping[str, Any], ...] = ()
        self._built: dict[tuple[str | None, str], _Built] = {}
        self._read_at: float | None = None
        self._looked_at: float | None = None
        self._turn = asyncio.Lock()

    async def key(self, kid: str | None, algorithm: str) -> jwt.PyJWK | None:
        """The key of a token; None if the issuer shows none such. A `kid` that is not known makes us look again.

        Raises:
            CredentialsUnknown: the issuer does not answer, and what is known is too old.
        """
        known = self.shown(kid, algorithm)
        if known is None or (self._older_than(FRESH) and not self._turn.locked()):  # one waits for the issuer, not all
            async with self._turn:
                if self.shown(kid, algorithm) is None or self._older_than(FRESH):
                    await self._look()
            known = self.shown(kid, algorithm)
        if self.too_old:
            raise CredentialsUnknown("Tokens cannot be checked: the issuer's key set (JWKS) cannot be read.")
        return known

    @property
    def too_old(self) -> bool:
        """Whether what is known of the issuer's keys is good for nothing any more."""
        return self._older_than(BOUND)

    async def keep_fresh(self) -> None:
        """Read the set again once it is due, if it was ever needed: what a token opened goes on without requests."""
        if self._read_at is not None and self._older_than(FRESH) and not self._turn.locked():
            async with self._turn:
                await self._look()

    def shown(self, kid: str | None, algorithm: str) -> jwt.PyJWK | None:
        """The key as the set had it when it was read last; the same object for as long as its document is the same."""
        name = (kid, algorithm)
        if name in self._built:
            return self._built[name].key
        for each in self._fitting(kid, algorithm):
            try:
                key = jwt.PyJWK(dict(each), algorithm=algorithm)
            except jwt.PyJWTError:
                continue  # a key of another family
            self._built[name] = _Built(each, key)
            return key
        return None

    def _fitting(self, kid: str | None, algorithm: str) -> Iterator[Mapping[str, Any]]:
        if kid is None and len(self._keys) > 1:
            return
        for each in self._keys:
            if (kid is None or each.get("kid") == kid) and each.get("alg", algorithm) == algorithm:
                yield each

    def _older_than(self, age: float) -> bool:
        return self._read_at is None or self._clock.monotonic() - self._read_at > age

    async def _look(self) -> None:
        now = self._clock.monotonic()
        if self._looked_at is not None and now - self._looked_at < PAUSE:
            return
        self._looked_at = now
        try:
            document = msgspec.json.decode(await self._source.read(), type=_Document)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, msgspec.MsgspecError, TimeoutError) as error:
            reason = type(error).__name__ if isinstance(error, httpx.InvalidURL) else f"{type(error).__name__}: {error}"
            _log.warning("JWKS not loaded", extra={"source": self._source.name, "reason": reason})
            return
        self._keys = tuple(key for key in document.keys if key.get("kty") != "oct" and key.get("use", "sig") == "sig")
        same = {name: one for name, one in self._built.items() if one.document in self._fitting(*name)}
        self._built = same  # so that what was checked with a key stays checked for as long as the issuer shows it
        self._read_at = now
