"""Waiting until the read models have reached a position.

Whoever waits looks with its own session, the one that then reads. One `Projected` for each process listens to the
projectors and wakes those who wait; without it, or while it has no connection, they look again after a short while.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress

from waterclock.kit.telemetry.log_lines import Outage
from waterclock.model.positions import Position, parse_position
from waterclock.store import archive
from waterclock.store.connection.lanes import Connections
from waterclock.store.connection.pool import Connection, Pool, connect_anew
from waterclock.store.connection.statements import statement
from waterclock.store.connection.transient import PASSES

LOOK_AGAIN = 0.02  # s, where nothing wakes
LOOK_ANYWAY = 0.5  # s, where something does: a notice may be lost while the listener connects anew
_BACK_OFF = (0.1, 5.0)  # s, first and longest

_log = logging.getLogger(__name__)


class Projected:
    """Hears how far the projectors are; `told` is called with each position that is heard."""

    def __init__(self, pool: Pool, told: Callable[[Position], None] = lambda _: None) -> None:
        self._pool = pool
        self._told = told
        self._waiting: dict[int, set[asyncio.Event]] = {}
        self._heard: dict[int, Position] = {}
        self.listening = asyncio.Event()

    async def listen(self) -> None:
        """Listen until cancelled; a lost connection is made anew."""
        outage = Outage(_log, "listening for projections failed", "listening for projections resumed")
        pause = _BACK_OFF[0]
        while True:
            try:
                async with await connect_anew(self._pool, work="projections") as connection:
                    await connection.execute(statement("listen_projected"))
                    for row in await (await connection.execute(statement("partitions"))).fetchall():
                        self._note(Position(*row))
                    self.listening.set()
                    outage.over()
                    pause = _BACK_OFF[0]
                    self._wake_all()  # what was said before we listened
                    async for notice in connection.notifies():
                        place = parse_position(notice.payload)
                        self._told(place)
                        self._note(place)
                        self._wake(place.partition)
            except PASSES as error:
                outage.failed(error)
            finally:
                self.listening.clear()
            await asyncio.sleep(pause)
            pause = min(2 * pause, _BACK_OFF[1])

    @contextmanager
    def hear(self, partition: int) -> Generator[asyncio.Event]:
        """An event that is set whenever the partition's position has moved."""
        heard = asyncio.Event()
        waiting = self._waiting.setdefault(partition, set())
        waiting.add(heard)
        try:
            yield heard
        finally:
            waiting.discard(heard)

    async def shows(self, position: Position, within: float) -> bool:
        """Whether the read models are heard to reach `position` `within` s. Any number may wait: nobody asks."""
        with self.hear(position.partition) as heard, suppress(TimeoutError):
            async with asyncio.timeout(within):
                while not self._has(position):
                    heard.clear()
                    await heard.wait()
        return self._has(position)

    def _has(self, position: Position) -> bool:
        known = self._heard.get(position.partition)
        return known is not None and known >= position

    def _note(self, place: Position) -> None:
        known = self._heard.get(place.partition)
        if known is None or place > known:
            self._heard[place.partition] = place

    def _wake(self, partition: int) -> None:
        for heard in self._waiting.get(partition, ()):
            heard.set()

    def _wake_all(self) -> None:
        for partition in self._waiting:
            self._wake(partition)


async def wait_for(
    connection: Connection, position: Position, timeout: float, projected: Projected | None = None
) -> bool:
    """Whether the read models that this session sees reach `position` within `timeout` s; 0 looks once."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    with _heard(projected, position.partition) as heard:
        while not await reached(connection, position):
            left = deadline - loop.time()
            if left <= 0:
                return False
            woken = projected is not None and projected.listening.is_set()
            pause = min(left, LOOK_ANYWAY if woken else LOOK_AGAIN)
            try:
                async with asyncio.timeout(pause):
                    await heard.wait()
            except TimeoutError:
                continue
            heard.clear()  # before the next look, so that what moves meanwhile wakes again
    return True


def _heard(projected: Projected | None, partition: int) -> AbstractContextManager[asyncio.Event]:
    return nullcontext(asyncio.Event()) if projected is None else projected.hear(partition)


async def seen(connections: Connections, position: Position, timeout: float, projected: Projected) -> bool:
    """As `wait_for`; no session is held between two looks.

    Raises:
        psycopg.Error, PoolTimeout: Postgres is unreachable.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    with projected.hear(position.partition) as heard:
        while (left := deadline - loop.time()) > 0:
            heard.clear()
            async with connections.connection(timeout=left) as connection:
                if await reached(connection, position):
                    return True
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left, LOOK_ANYWAY if projected.listening.is_set() else LOOK_AGAIN)):
                    await heard.wait()
    return False


async def reached(connection: Connection, position: Position) -> bool:
    found = await archive.position(connection, position.partition)
    return found is not None and found >= position
