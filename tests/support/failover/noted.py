"""An executor that notes in a file, outside all stores, that it began and that it came to its end."""

import asyncio
import os

import msgspec

from waterclock import RunContext, executor

FILE = "NOTED_IN"


class Noted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    seconds: float = 0.2


@executor("test.noted")
async def noted(ctx: RunContext, params: Noted) -> None:
    """Note it, work, and note it."""
    _note("begin", ctx)
    await asyncio.sleep(params.seconds)
    _note("end", ctx)


def _note(what: str, ctx: RunContext) -> None:
    """A line as a whole: what is appended in one write is not mixed with what others append."""
    handle = os.open(os.environ[FILE], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(handle, f"{what} {ctx.run_id} {ctx.attempt} {ctx.fence}\n".encode())
    finally:
        os.close(handle)
