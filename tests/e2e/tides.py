"""Executors of a user, as `--executors` loads them."""

import asyncio

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


class Story(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    lines: tuple[str, ...] = ()
    more: int = 0
    width: int = 0
    every: float | None = None
    fail: str | None = None


@executor("tides.tell")
async def tell(ctx: RunContext, params: Story) -> None:
    """Write lines, those that begin with `error` as errors, and `more` numbered ones; then fail, or go on for ever."""
    async with ctx.step("Rise"):
        ctx.log("the water rises")
    async with ctx.step("Tell"):
        for line in params.lines:
            ctx.log("%s", line, level="error" if line.startswith("error") else "info")
        for number in range(1, params.more + 1):
            ctx.log("wave %d of %d%s", number, params.more, "~" * params.width)
            if number % 500 == 0:
                await asyncio.sleep(0)
        if params.fail is not None:
            raise GiveUp(params.fail)
        number = 0
        while params.every is not None:
            await asyncio.sleep(params.every)
            number += 1
            ctx.log("ripple %d", number)
