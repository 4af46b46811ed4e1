"""Executors for trying things: `waterclock dev` and `demo` load them, another worker where a setting names them."""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec

from waterclock import RunContext, executor

Count = Annotated[int, msgspec.Meta(ge=0, le=10_000)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=86_400)]


class Sleep(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    seconds: Seconds = 1


class Steps(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`lines` in each step, `delay` seconds before each line."""

    steps: Count = 3
    lines: Count = 5
    delay: Seconds = 0.1


class Fail(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    message: str = "this is a demonstration"


class DemoError(Exception):
    """What `demo.fail` raises."""


@executor("demo.noop")
async def noop(ctx: RunContext) -> None:
    """Do nothing, well."""
    del ctx


@executor("demo.sleep")
async def sleep(ctx: RunContext, params: Sleep) -> None:
    """Sleep for some seconds."""
    del ctx
    await asyncio.sleep(params.seconds)


@executor("demo.steps")
async def steps(ctx: RunContext, params: Steps) -> None:
    """Walk through steps, with lines and progress in each."""
    for number in range(1, params.steps + 1):
        async with ctx.step(f"Step {number}") as step:
            for line in range(1, params.lines + 1):
                await asyncio.sleep(params.delay)
                step.log("line %d of %d", line, params.lines)
                step.progress(line, params.lines)


@executor("demo.fail")
async def fail(ctx: RunContext, params: Fail) -> None:
    """Fail with a message."""
    del ctx
    raise DemoError(params.message)
