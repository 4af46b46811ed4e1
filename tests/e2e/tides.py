"""Executors of a user, as `--executors` loads them."""

import msgspec

from waterclock import GiveUp, RunContext, executor


class Gauge(msgspec.Struct, frozen=True, kw_only=True):
    harbour: str
    metres: float = 1.5


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    harbour: str
    high: bool


@executor("tides.read")
async def read(ctx: RunContext, params: Gauge) -> Reading:
    """Read the gauge of a harbour."""
    async with ctx.step("Read the gauge") as step:
        step.log("%s stands at %.1f m", params.harbour, params.metres)
        step.progress(1, 1)
    return Reading(harbour=params.harbour, high=params.metres > 1)


@executor("tides.drown")
def drown(ctx: RunContext) -> None:
    """Fail for good."""
    with ctx.step("Go under"):
        raise GiveUp("the water is too high")
