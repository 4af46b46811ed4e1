"""The epochs that this process has reserved for openings that came to nothing.

A server that takes no writes for hours is tried each second, and must not use up an epoch each time: there are 8 000.
So an epoch is used again, for the same opening: on the same server process, at the same end of the archive, while
nobody has reserved or met a later one. Not if a repair has begun under it: another might go on with what that left.
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from waterclock.model.positions import Position
from waterclock.store import epochs
from waterclock.store.connection.pool import Connection
from waterclock_api.consistency.sole_server import NotOpened

RENEWED = 30.0
"""s that pass at least between two epochs for repairs of one partition that were begun and came to nothing."""


class _Held(NamedTuple):
    epoch: int
    archived: Position | None
    server: str


class Reservations:
    """Of one process, by partition."""

    def __init__(self) -> None:
        self._held: dict[int, _Held] = {}
        self._begun: set[int] = set()
        self._renewed_at: dict[int, float] = {}

    async def take(
        self, connection: Connection, partition: int, archived: Position | None, *, above: int, server: str
    ) -> int | None:
        """An epoch to open the partition in; None: the archive does not end at `archived` any more.

        Raises:
            EpochsUsedUp: there is none left.
            NotOpened: too many repairs have come to nothing.
        """
        held = self._held.get(partition)
        if partition in self._begun:
            self._renew(partition)
        elif (
            held is not None
            and held[1:] == (archived, server)
            and held.epoch > above
            and await epochs.is_reserved(connection, partition, archived, held.epoch)
        ):
            return held.epoch
        epoch = await epochs.reserve(connection, partition, archived, above=above)
        if epoch is not None:
            self._held[partition] = _Held(epoch, archived, server)
            self._begun.discard(partition)
        return epoch

    def begun(self, partition: int) -> None:
        """A repair begins in the epoch that was taken."""
        self._begun.add(partition)

    def used(self, partition: int) -> None:
        """The partition is open."""
        self._held.pop(partition, None)
        self._begun.discard(partition)

    def _renew(self, partition: int) -> None:
        now = asyncio.get_running_loop().time()
        since = now - self._renewed_at.get(partition, now - RENEWED)
        if since < RENEWED:
            raise NotOpened(
                f"A repair of partition {partition} failed: the next one begins in {RENEWED - since:.0f} s."
            )
        self._renewed_at[partition] = now
