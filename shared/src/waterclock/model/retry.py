"""How long to wait before another attempt."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

_CEILING = 64
"""Doublings after which the delay has long reached any maximum; keeps the power finite."""


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`maxAttempts` bounds the attempts that failed, timed out or crashed; `initial` and `max` are seconds."""

    max_attempts: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 3
    backoff: Literal["exponential", "fixed"] = "exponential"
    initial: Annotated[float, msgspec.Meta(ge=0, le=86400)] = 10
    max: Annotated[float, msgspec.Meta(ge=0, le=604800)] = 3600


def delay(policy: RetryPolicy, failures: int, chance: float) -> float:
    """Seconds to wait after the `failures`-th counted failure (from 1); `chance` is in [0, 1).

    Exponential back-off has full jitter: anything from nothing to the doubled bound is as likely, so that what failed
    together does not return together.
    """
    if policy.backoff == "fixed":
        return min(policy.initial, policy.max)
    bound = min(policy.max, policy.initial * 2 ** min(failures - 1, _CEILING))
    return bound * chance
