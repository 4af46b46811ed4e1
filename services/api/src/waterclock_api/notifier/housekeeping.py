"""What notifiers do now and then beside telling: let go the notices that are kept no longer, one notifier at a time."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

from waterclock.store.connection.pool import Pool, connect_anew
from waterclock.store.connection.transient import PASSES
from waterclock.store.notices import retention

EVERY = 3600.0  # s
AGAIN = 60.0  # s, after a failure

_log = logging.getLogger(__name__)


async def keep_house(pool: Pool, age: timedelta | None) -> None:
    """Until cancelled. `age`: for how long notices are kept; None: for ever."""
    while age is not None:
        pause = EVERY
        try:
            async with await connect_anew(pool, work="keeping") as connection:
                if await retention.take(connection):
                    await retention.forget(connection, age)
        except PASSES as error:
            _log.warning("retention of notices failed", extra={"reason": " ".join(str(error).split())})
            pause = AGAIN
        await asyncio.sleep(pause)
