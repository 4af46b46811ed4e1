"""The keys of the API, in memory: read anew each second, so that no request waits for Postgres.

While Postgres is away the keys that are known go on for `BOUND`; after that nobody can be let in, for a key may have
been revoked.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Mapping
from datetime import UTC, datetime

import psycopg
from psycopg_pool import PoolTimeout

from waterclock.kit.clock import Clock
from waterclock.store import api_keys
from waterclock.store.api_keys import StoredKey
from waterclock.store.connection.lanes import Connections
from waterclock_api.access.credentials import (
    CredentialsUnknown,
    EndOfGrant,
    Principal,
    Unauthenticated,
)
from waterclock_api.access.rate_limit import pace_of
from waterclock_api.access.scopes import Scope
from waterclock_api.access.secret import Secret

EVERY = 1.0  # s
BOUND = 300.0  # s
NOTE_EVERY = 60.0  # s, of last uses
_NO_HASH = bytes(32)

_log = logging.getLogger(__name__)


class ApiKeyCache:
    def __init__(self, pool: Connections, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock
        self._keys: Mapping[str, StoredKey] = {}
        self.ever = False
        """Whether there was a key once: from then on credentials are asked for."""
        self._principals: dict[str, Principal] = {}
        self._read_at: float | None = None
        self._away = False
        self._noted_at = clock.monotonic()
        self._used: dict[str, datetime] = {}

    @property
    def known(self) -> bool:
        """Whether the keys were read, and not too long ago. If not, nobody knows who may come in."""
        return self._read_at is not None and self._clock.monotonic() - self._read_at <= BOUND

    @property
    def live(self) -> bool:
        """Whether anybody could come in with a key now."""
        now = self._now()
        return any(key.is_live(now) for key in self._keys.values())

    def principal(self, secret: Secret) -> Principal:
        """Whose secret it is.

        Raises:
            Unauthenticated: nobody's, or it is over.
            CredentialsUnknown: the keys have not been read for too long.
        """
        self.check_known()
        key = self._keys.get(secret.key_id)
        fits = hmac.compare_digest(_NO_HASH if key is None else key.secret_sha256, secret.sha256)
        if key is None or not fits:
            raise Unauthenticated("Unknown API key.")
        now = self._now()
        if not key.is_live(now):
            raise Unauthenticated("The API key was revoked." if key.revoked_at else "The API key has expired.")
        self._used[key.key_id] = now
        return self._principals[key.key_id]

    def check_known(self) -> None:
        """
        Raises:
            CredentialsUnknown: the keys have not been read for too long.
        """
        if not self.known:
            raise CredentialsUnknown("API keys cannot be checked: Postgres does not answer.")

    def ended(self, secret: Secret, scope: Scope) -> EndOfGrant | None:
        """Why a secret that was good for a scope is so no more; None while it is."""
        if not self.known:
            return "credentialsUnknown"
        key = self._keys.get(secret.key_id)
        if key is None or not hmac.compare_digest(key.secret_sha256, secret.sha256):
            return "keyRemoved"
        if key.revoked_at is not None:
            return "keyRevoked"
        if not key.is_live(self._now()):
            return "keyRotated" if self._is_followed(key) else "expired"
        return None if self._principals[key.key_id].may(scope) else "narrowed"

    def _is_followed(self, key: StoredKey) -> bool:
        """Whether a key that has expired had been given a successor, as `rotate` does."""
        return any(
            other.name == key.name
            and other.created_at > key.created_at
            and (key.expires_at is None or other.created_at <= key.expires_at)
            for other in self._keys.values()
        )

    async def read(self) -> None:
        """
        Raises:
            psycopg.Error, PoolTimeout: Postgres is unreachable.
        """
        asked_at = self._clock.monotonic()
        async with self._pool.connection() as connection:
            found = await api_keys.all_keys(connection)
        self._keys = {key.key_id: key for key in found}
        self.ever = self.ever or bool(found)
        self._principals = {
            key.key_id: Principal(
                name=f"key:{key.name}",
                id=f"key:{key.key_id}",
                scopes=frozenset(key.scopes),
                pace=pace_of(key.rate),
                expires_ms=None if key.expires_at is None else round(key.expires_at.timestamp() * 1000),
            )
            for key in found
        }
        self._read_at = asked_at

    async def note_used(self) -> None:
        """Write down which keys were used since the last time.

        Raises:
            psycopg.Error, PoolTimeout: Postgres is unreachable.
        """
        used, self._used = self._used, {}
        self._noted_at = self._clock.monotonic()
        if not used:
            return
        async with self._pool.connection() as connection:
            await api_keys.note_used(connection, used)

    async def begin(self) -> None:
        """Read them, if Postgres is in reach: until then nobody is let in by a key, and nobody without."""
        try:
            await self.read()
        except (psycopg.Error, PoolTimeout) as error:
            self._failed(error)

    async def keep(self) -> None:
        """Keep it true until cancelled."""
        while True:
            await asyncio.sleep(EVERY)
            try:
                await self.read()
                if self._clock.monotonic() - self._noted_at >= NOTE_EVERY:
                    await self.note_used()
                self._away = False
            except (psycopg.Error, PoolTimeout) as error:
                self._failed(error)

    def _failed(self, error: Exception) -> None:
        if not self._away:
            reason = " ".join(str(error).split())
            good_for = 0.0 if self._read_at is None else BOUND
            _log.warning("API keys not loaded", extra={"reason": reason, "good_for_s": good_for})
        self._away = True

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC)
