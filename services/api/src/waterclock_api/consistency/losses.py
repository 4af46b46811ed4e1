"""What API and projector add when events are lost: the archive that they ask, and runs that were answered for."""

from __future__ import annotations

from collections import deque

import msgspec
import psycopg
from psycopg_pool import PoolTimeout

from waterclock.log.client import Log
from waterclock.log.commands.requests import Requested
from waterclock.log.connection.errors import LogUnavailable
from waterclock.log.recovery.losses import Following, Loss
from waterclock.log.recovery.lost_runs import say_lost
from waterclock.model.positions import Position
from waterclock.store import archive
from waterclock.store.connection.lanes import Connections
from waterclock.wire.envelope import Entry

REMEMBERED = 20_000
"""Runs that were answered last: seconds of the most that a process takes, and some MB."""


def first_archived(connections: Connections) -> Following:
    """Asks the archive for the first entry after another."""

    async def following(known: Position) -> Entry | None:
        try:
            async with connections.connection() as connection:
                found = await archive.entries(connection, known.partition, known, None, 1)
        except (psycopg.Error, PoolTimeout) as error:
            raise LogUnavailable("The archive does not answer.") from error
        return found[0] if found else None

    return following


class Acknowledged(msgspec.Struct):
    """The runs that this process has answered for of late, each with the place of its request."""

    runs: deque[tuple[Position, str]] = msgspec.field(default_factory=lambda: deque(maxlen=REMEMBERED))

    def note(self, granted: Requested) -> None:
        self.runs.append((granted.position, granted.run_id))

    def among(self, loss: Loss) -> list[str]:
        """Those whose requests are lost, latest first."""
        partition = loss.known.partition
        return [run for place, run in reversed(self.runs) if place.partition == partition and loss.holds(place)]

    async def tell(self, log: Log, loss: Loss) -> None:
        """Say which they are, to whoever asks (`waterclock doctor`).

        Raises:
            LogError: the log does not take it.
        """
        found = self.among(loss)
        if found:
            await say_lost(log, loss.known, found)
