"""Work that goes on for ever, in rounds over a connection of its own, and begins anew when that fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable

from waterclock.kit.telemetry.log_lines import Outage
from waterclock.store.connection.pool import Connection, Pool, connect_anew

BACK_OFF = (0.1, 2.0)  # s, first and longest


async def in_rounds(
    pool: Pool,
    rounds: Callable[[Connection], AsyncGenerator[None]],
    *,
    work: str,
    passes: tuple[type[Exception], ...],
    failed: Callable[[], None],
    outage: Outage,
) -> None:
    """Until cancelled. `rounds` yields when one is done; `failed` is told when it ends by an error that `passes`."""
    pause = BACK_OFF[0]
    while True:
        try:
            async with await connect_anew(pool, work=work) as connection:
                async for _ in rounds(connection):
                    pause = BACK_OFF[0]
                    outage.over()
        except passes as error:
            failed()
            outage.failed(error)
        await asyncio.sleep(pause)
        pause = min(2 * pause, BACK_OFF[1])
