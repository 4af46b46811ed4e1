"""Moments as the log and the API write them."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, NewType

import msgspec

Stamp = NewType("Stamp", str)
"""RFC 3339 in UTC with exactly three decimals and `Z`: `2026-03-29T01:00:00.000Z`."""

Stamped = Annotated[Stamp, msgspec.Meta(min_length=24, max_length=24)]
"""One that is read back. Whether it is a moment `is_stamp` says: a pattern here would double what reading takes."""


@lru_cache(maxsize=4096)  # many events are of one instant
def is_stamp(text: str) -> bool:
    """Whether `stamp` may have written it."""
    try:
        return stamp(millis(Stamp(text))) == text
    except (ValueError, OverflowError):
        return False


@lru_cache(maxsize=4096)
def _second(epoch_s: int) -> str:
    return datetime.fromtimestamp(epoch_s, UTC).strftime("%Y-%m-%dT%H:%M:%S")


@lru_cache(maxsize=4096)
def stamp(epoch_ms: int) -> Stamp:
    """Write a moment given in milliseconds since the epoch."""
    seconds, ms = divmod(epoch_ms, 1000)
    return Stamp(f"{_second(seconds)}.{ms:03d}Z")


def millis(text: Stamp) -> int:
    """Read back what `stamp` wrote, as milliseconds since the epoch."""
    moment = datetime.fromisoformat(text)
    return int(moment.timestamp()) * 1000 + moment.microsecond // 1000


def parse_moment(text: str) -> int:
    """Read an RFC 3339 moment as a client may write it, with any offset; finer than a millisecond is cut.

    Raises:
        ValueError: not such a moment, or one without an offset.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no offset: write it in UTC with Z, or with an offset such as +02:00")
    utc = moment.astimezone(UTC)
    return int(utc.replace(microsecond=0).timestamp()) * 1000 + utc.microsecond // 1000
