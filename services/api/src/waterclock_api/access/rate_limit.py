"""How often a caller may ask: a bucket of tokens for each, in this process alone.

A bucket is one number, the moment at which it will be full again (the virtual time of GCRA). One that is full needs not
be remembered, so there are as many as ask now, and never more than `MOST`: beyond, those who come new share one.
"""

from __future__ import annotations

import ipaddress
import math

import msgspec

from waterclock.kit.clock import Clock
from waterclock.model.errors import Refusal

MOST = 10_000
WINDOW = 2.0  # s whose worth may be asked for at once
SMALLEST = 10.0  # and so much in any case: a page, or a script with a few calls
_SWEEP_EVERY = 1.0  # s
_ROUNDING = 1e-9  # s
_OTHERS = "others"


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """`gap`: s between requests in the long run; `burst`: how many may come at once."""

    gap: float
    burst: float

    @property
    def window(self) -> int:
        """In how many seconds a bucket fills."""
        return max(1, round(self.gap * self.burst))


class TooManyRequests(Refusal):
    """The caller asks too often; the next request is free in `after_s`."""

    def __init__(self, message: str, pace: Pace, after_s: float) -> None:
        super().__init__(message)
        self.pace = pace
        self.after_s = after_s


def pace_of(per_second: float | None) -> Pace | None:
    """None, also for 0: as often as they like."""
    if not per_second:
        return None
    return Pace(gap=1 / per_second, burst=max(SMALLEST, WINDOW * per_second))


class Buckets:
    def __init__(self, clock: Clock, most: int = MOST) -> None:
        self._clock = clock
        self._most = most
        self._full_at: dict[str, float] = {}
        self._swept_at = -math.inf

    def __len__(self) -> int:
        return len(self._full_at)

    def take(self, who: str, pace: Pace) -> float:
        """One token of theirs: 0 if there is one, else how long until there is, s."""
        now = self._clock.monotonic()
        full_at = self._full_at.get(who)
        if full_at is None and len(self._full_at) >= self._most:
            who = self._with_room(who, now)
            full_at = self._full_at.get(who)
        after = (now if full_at is None or full_at < now else full_at) + pace.gap
        wait = after - now - pace.gap * pace.burst
        if wait > _ROUNDING:
            return wait
        self._full_at[who] = after
        return 0.0

    def wait(self, who: str, pace: Pace) -> float:
        """How long until they have a token, s; none is taken."""
        full_at = self._full_at.get(who)
        if full_at is None:
            return 0.0
        wait = full_at + pace.gap - self._clock.monotonic() - pace.gap * pace.burst
        return wait if wait > _ROUNDING else 0.0

    def _with_room(self, who: str, now: float) -> str:
        if now - self._swept_at >= _SWEEP_EVERY:
            self._swept_at = now
            self._full_at = {each: full_at for each, full_at in self._full_at.items() if full_at > now}
        return who if len(self._full_at) < self._most else _OTHERS


def whose(address: str | None) -> str:
    """Who is taken to be behind an address. Of IPv6 all of a /64: one machine has as many there as it likes."""
    if address is None or ":" not in address:
        return address or ""
    try:
        parsed = ipaddress.IPv6Address(address)
    except ValueError:
        return address
    mapped = parsed.ipv4_mapped
    return str(mapped) if mapped is not None else str(ipaddress.IPv6Network((int(parsed) >> 64 << 64, 64)))
