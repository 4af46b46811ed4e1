"""What an API or a projector tells the others, and hears from them, every 2 s: who reaches which epoch of the log.

    look at each partition ── note those that are open, with their server, in Postgres ── learn from it what was opened:
    the floor of what we call ── halt what is open and below it

So a projector that is led to an old copy of the log sees that others are at work on a later one (`sole_server.py`), and
an API that is led to an old primary stops it.
"""

from __future__ import annotations

import asyncio
import logging

import psycopg
from psycopg_pool import PoolTimeout

from waterclock.kit.telemetry.log_lines import Outage
from waterclock.log.client import Log
from waterclock.log.connection.errors import LogError
from waterclock.log.connection.floors import NAMES
from waterclock.log.gates import gate_of, supersede
from waterclock.store import epochs
from waterclock.store.connection.lanes import Connections
from waterclock.store.connection.pool import Connection
from waterclock.store.epochs import Reached
from waterclock_api.consistency.identity import OtherInstallation, check_installation

EVERY = 2.0  # s
AWAY = (psycopg.Error, PoolTimeout)

_log = logging.getLogger(__name__)


class Reachability:
    """One process's."""

    def __init__(self, log: Log, connections: Connections) -> None:
        self._log = log
        self._connections = connections
        self._is_checked = False

    async def begin(self) -> None:
        """Check whose the database is, if Postgres is in reach; else that is done as soon as it is.

        Raises:
            OtherInstallation: it is not that of the log.
        """
        try:
            async with self._connections.connection() as connection:
                await check_installation(self._log, connection)
        except AWAY:
            return
        self._is_checked = True

    async def keep(self) -> None:
        """Until cancelled.

        Raises:
            OtherInstallation: the database is not that of the log, and never was.
        """
        outage = Outage(_log, "reachability not recorded", "reachability recorded again")
        while True:
            try:
                async with self._connections.connection() as connection:
                    await check_installation(self._log, connection)
                    self._is_checked = True
                    await look(self._log, connection)
                outage.over()
            except OtherInstallation as error:
                if not self._is_checked:
                    raise
                outage.failed(error)
            except (*AWAY, LogError) as error:
                outage.failed(error)
            await asyncio.sleep(EVERY)


async def look(log: Log, connection: Connection) -> None:
    """Note what is reached, learn what was opened, and halt what is open and was superseded."""
    known = await epochs.opened(connection)
    for place, epoch in known.items():
        log.floors.seen(place, epoch)
    reached: list[Reached] = []
    for place in (NAMES, *range(log.partitions)):
        try:
            gate = await gate_of(log, place)
            if gate.opened and gate.epoch < known.get(place, 0):
                await supersede(log, place, gate, floor=known[place])
            elif gate.opened:
                reached.append(Reached(place, gate.run_id, gate.epoch))
        except LogError as error:  # of others there is something to tell
            _log.debug("not looked at", extra={"partition": place, "reason": str(error)})
    if reached:
        await epochs.note_reached(connection, reached)
