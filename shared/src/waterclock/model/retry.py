"""How long to wait before another attempt."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

_CEILING = 64
"""Doublings after which the delay has long reached any maximum; keeps the power finite."""


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How often and when a run is tried again."""

    max_attempts: Annotated[
        int,
        msgspec.Meta(
            ge=1,
            le=1000,
            description="How many attempts may fail, time out or crash, the first one included. 1: no retry.",
            examples=[1],
        ),
    ] = 3
    backoff: Annotated[
        Literal["exponential", "fixed"],
        msgspec.Meta(
            description="How the wait grows. `exponential`: a random wait between 0 and a bound that begins at "
            "`initial` and doubles with each failure (full jitter). `fixed`: always `initial`.",
            examples=["fixed"],
        ),
    ] = "exponential"
    initial: Annotated[
        float,
        msgspec.Meta(
            ge=0,
            le=86400,
            description="Wait after the first failure; its bound, if `backoff` is `exponential`. In seconds.",
            examples=[60],
        ),
    ] = 10
    max: Annotated[
        float,
        msgspec.Meta(ge=0, le=604800, description="Upper bound of each wait. In seconds.", examples=[600]),
    ] = 3600


def delay(policy: RetryPolicy, failures: int, chance: float) -> float:
    """Seconds to wait after the `failures`-th counted failure (from 1); `chance` is in [0, 1).

    Exponential back-off has full jitter: anything from nothing to the doubled bound is as likely, so that what failed
    together does not return together.
    """
    if policy.backoff == "fixed":
        return min(policy.initial, policy.max)
    bound = min(policy.max, policy.initial * 2 ** min(failures - 1, _CEILING))
    return bound * chance
