"""Where backups lie: a bucket, its endpoint and the keys to it."""

from __future__ import annotations

import re

import msgspec

from waterclock.executors.context import GiveUp

_KEY = re.compile(r"[!-~]{1,256}")


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """An object store as we reach it: without `endpoint` Amazon's, without keys by the role of this machine."""

    bucket: str
    region: str
    endpoint: str | None = None
    access_key: str | None = None
    secret_key: str | None = None

    @property
    def secrets(self) -> tuple[str, ...]:
        return tuple(one for one in (self.secret_key, self.access_key) if one)


def key_of(field: str, secret: str) -> str:
    """
    Raises:
        GiveUp: it would go into a header as it is, and cannot.
    """
    if _KEY.fullmatch(secret) is None:
        raise GiveUp(f"{field}: what is given cannot be a key")
    return secret
