"""Executors that tell what they should not; one, `leak.plant.…`, what it may, to be found wherever it goes."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import msgspec
from opentelemetry import trace

from waterclock import GiveUp, Retry, RunContext, executor

PLANTED = os.environ.get("LEAKY_PLANTED", "nothing")


class Leak(msgspec.Struct):
    """What is leaked: what a variable holds, of which the worker has to know by itself; or a file, which it is told."""

    variable: str = ""
    file: str = ""


def _told(ctx: RunContext, params: Leak) -> str:
    if params.file:
        value = Path(params.file).read_text().rstrip()
        ctx.conceal(value)
    else:
        value = os.environ[params.variable]
    ctx.log("connecting to %s", value)
    sys.stdout.write(f"printed {value}\n")
    sys.stderr.write(f"complained {value}\n")
    return value


def _connect(value: str) -> None:
    raise ConnectionError(f"{value} refuses")


def _fail(ctx: RunContext, value: str) -> None:
    try:
        with ctx.step(f"Connect to {value}"):
            _connect(value)
    except ConnectionError as error:
        message = f"no way to {value}"
        raise (Retry(0, message) if ctx.attempt == 1 else GiveUp(message)) from error


@executor("leak.async")
async def in_loop(ctx: RunContext, params: Leak) -> None:
    _fail(ctx, _told(ctx, params))


@executor("leak.thread")
def in_thread(ctx: RunContext, params: Leak) -> None:
    value = _told(ctx, params)
    ctx.logger.warning("its logger says %s", value)
    _fail(ctx, value)


@executor("leak.child", subprocess=True)
def in_child(ctx: RunContext, params: Leak) -> None:
    _fail(ctx, _told(ctx, params))


@executor("leak.result")
async def in_result(ctx: RunContext, params: Leak) -> dict[str, list[str]]:
    value = _told(ctx, params)
    return {f"key {value}": ["deep", value]}


@executor("leak.result.child", subprocess=True)
def in_result_of_child(ctx: RunContext, params: Leak) -> str:
    return _told(ctx, params)


@executor("leak.environment")
def environment(ctx: RunContext) -> None:
    ctx.log("%r", dict(os.environ))
    raise LookupError(repr(dict(os.environ)))


@executor(f"leak.plant.{PLANTED}")
async def plant(ctx: RunContext) -> None:
    """Put what may be seen wherever an attempt can put anything, and wait to be cancelled."""
    with trace.get_tracer(__name__).start_as_current_span(f"plant {PLANTED}"):
        ctx.log("planted %s", PLANTED)
    os.write(2, f"planted {PLANTED}\n".encode())
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", "import time; time.sleep(600)", PLANTED)
    try:
        async with ctx.step("Planted"):
            await asyncio.Event().wait()
    finally:
        child.kill()
        await child.wait()
