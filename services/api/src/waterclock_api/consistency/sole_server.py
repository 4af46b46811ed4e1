"""Whether a server that holds less than was opened elsewhere is the only one there is.

A partition (or the names) in an epoch below what Postgres knows as opened is that of an old primary, of a copy that was
put back, or of a server that has lost everything. It may be all that is left; or the address is wrong for a moment, and
others are at work on the later one. It is repaired only once two looks, some seconds apart, each on a connection of its
own, have reached the same server, and no process has said meanwhile that it reaches the later epoch.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import NamedTuple

from waterclock.log.client import Log
from waterclock.log.connection.errors import LogError
from waterclock.log.connection.floors import NAMES
from waterclock.log.gates import Gate, look_anew
from waterclock.store import epochs
from waterclock.store.connection.pool import Connection
from waterclock.store.epochs import Reached

APART = 5.0
"""s between the two looks."""
NOTED_WITHIN = 5.0
"""s for which a note of who reaches what counts; one is made every 2 s."""

_log = logging.getLogger(__name__)


class NotOpened(Exception):
    """A partition is not opened now; try again."""


class _Look(NamedTuple):
    at: float
    server: str
    epoch: int


class Looks:
    """The looks of one opening, by one process."""

    def __init__(self, log: Log, connection: Connection) -> None:
        self._log = log
        self._connection = connection
        self._first: dict[int, _Look] = {}

    async def twice(self, place: int, gate: Gate, known: int) -> Gate:
        """What a second look finds, where it is what the first has found: nobody reaches the later epoch `known`.

        Raises:
            NotOpened: it is not so.
            LogUnavailable: the server does not answer, or is a replica.
        """
        what = "the names" if place == NAMES else f"partition {place}"
        extra = {"partition": place, "epoch": gate.epoch, "known": known, "server": gate.run_id}
        _log.warning("redis has an earlier epoch than was opened", extra=extra)
        await self._look(place)
        with suppress(LogError):  # on a cluster they may be elsewhere
            await self._look(NAMES)  # so that they wait no longer than the partition
        first = self._first[place]
        await asyncio.sleep(max(0.0, first.at + APART - asyncio.get_running_loop().time()))
        again = await look_anew(self._log, place)
        if (again.run_id, again.epoch) != (first.server, first.epoch) or again.epoch >= known:
            del self._first[place]
            raise NotOpened(f"The server that holds {what} changed during the check.")
        seen = Reached(place, again.run_id, again.epoch)
        elsewhere = await epochs.reached_elsewhere(self._connection, seen, within=NOTED_WITHIN)
        if elsewhere is not None:
            raise NotOpened(
                f"The server {again.run_id} holds {what} in epoch {again.epoch}, and epoch {known} was opened: another "
                f"process reaches the server {elsewhere.server}, with epoch {elsewhere.epoch}. Nothing is repaired or "
                "opened here: correct the Redis address of this process (WATERCLOCK_REDIS_URL)."
            )
        return again

    async def _look(self, place: int) -> None:
        if place not in self._first:
            found = await look_anew(self._log, place)
            self._first[place] = _Look(asyncio.get_running_loop().time(), found.run_id, found.epoch)
