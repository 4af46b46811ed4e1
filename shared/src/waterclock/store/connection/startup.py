"""A process that starts while Postgres is away: it goes on without, or waits, and says so once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from waterclock.kit.telemetry.log_lines import Outage
from waterclock.store.connection.connect import line_of
from waterclock.store.connection.errors import StoreAway
from waterclock.store.connection.pool import Pool, check_usable
from waterclock.store.connection.transient import PASSES

_LOOK_AGAIN = (0.2, 5.0)  # s, first and longest

_log = logging.getLogger(__name__)


@asynccontextmanager
async def soon_open(pool: Pool) -> AsyncGenerator[Pool]:
    """A pool that is opened now, or, where Postgres is away, as soon as it is there; until then it gives no connection.

    Raises:
        StoreUnfit: it cannot be opened; also while the context lasts.
    """
    outage = _outage()
    async with _closing(pool):
        try:
            await _open(pool)
        except StoreAway as error:
            outage.failed(error)
        if not outage.failures:
            yield pool
            return
        async with asyncio.TaskGroup() as tasks:
            opening = tasks.create_task(_open_at_last(pool, outage, outage.failed), name="open the pool")
            yield pool
            opening.cancel()


@asynccontextmanager
async def open_or_stopped(
    pool: Pool, stop: asyncio.Event, *, away: Callable[[str], None]
) -> AsyncGenerator[Pool | None]:
    """A pool that is open, waited for as long as Postgres is away; None where `stop` comes before.

    Raises:
        StoreUnfit: it cannot be opened.
    """
    outage = _outage()

    def told(error: StoreAway) -> None:
        outage.failed(error)
        away(str(error))

    async with _closing(pool):
        opening = asyncio.create_task(_open_at_last(pool, outage, told), name="open the pool")
        stopped = asyncio.create_task(stop.wait(), name="wait for the end")
        try:
            await asyncio.wait((opening, stopped), return_when=asyncio.FIRST_COMPLETED)
        finally:
            opening.cancel()
            stopped.cancel()
            await asyncio.wait((opening, stopped))
        if opening.cancelled():
            yield None
        else:
            opening.result()
            yield pool


async def _open_at_last(pool: Pool, outage: Outage, away: Callable[[StoreAway], None]) -> None:
    pause = _LOOK_AGAIN[0]
    while True:
        try:
            await _open(pool)
        except StoreAway as error:
            away(error)
        else:
            outage.over()
            return
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LOOK_AGAIN[1])


async def _open(pool: Pool) -> None:
    """
    Raises:
        StoreAway: the server is unreachable, or gives no connection now.
        StoreUnfit: it is too old, the database is not migrated, or the user has no right to it.
    """
    assert isinstance(pool.conninfo, str)
    try:
        await check_usable(pool.conninfo, pool.name)
    except PASSES as error:  # it went away between two questions
        raise StoreAway(f"Cannot connect to Postgres: {line_of(error)}") from error
    await pool.open()


@asynccontextmanager
async def _closing(pool: Pool) -> AsyncGenerator[None]:
    try:
        yield
    finally:
        await pool.close()


def _outage() -> Outage:
    return Outage(_log, "started without postgres", "postgres reached")
