"""A store whose clock has leapt ahead, as its scripts see it; the machine's own clock is left alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import cast

from waterclock.log.client import Log

_OFTEN = 0.01  # s: how finely the clock that has leapt goes on


@asynccontextmanager
async def leapt(log: Log, *, partition: int = 0, ahead_ms: int) -> AsyncGenerator[None]:
    """While the context lasts, the partition's clock is so far ahead of the server's."""
    key = log.keys.partition(partition, "meta")

    async def leap() -> None:
        seconds, micros = cast("list[bytes]", await log.execute(key, "TIME"))
        now = int(seconds) * 1000 + int(micros) // 1000
        await log.execute(key, "HSET", key, "clock", now + ahead_ms)

    async def go_on() -> None:
        while True:
            await asyncio.sleep(_OFTEN)
            await leap()

    await leap()
    async with asyncio.TaskGroup() as tasks:
        going = tasks.create_task(go_on(), name="leap ahead")
        yield
        going.cancel()
