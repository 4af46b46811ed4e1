"""Epochs as Postgres knows them: reserved, opened, and where each is reached.

An epoch is reserved before anything is opened in it. Most are opened then, and noted so; one that was reserved and
never opened tells nobody anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from waterclock.model.positions import Position
from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement

MOST = 8_000
"""No epoch is later: fences are epoch × 2^40, in numbers that are exact up to 2^53."""
MANY = 4_000
"""From here on an operator is told."""
NAMES = -1
"""Stands for the names where partitions are meant by number."""


class Reached(NamedTuple):
    """That a process of ours reaches a server, with a partition open on it in an epoch."""

    place: int
    server: str
    epoch: int


class EpochsUsedUp(Exception):
    """No epoch is left to open a partition in."""

    def __init__(self, partition: int, latest: int) -> None:
        super().__init__(
            f"Partition {partition} has reached epoch {latest}, and {MOST} is the last one that can be opened: "
            "fences would collide. Each restart of Redis and each failover uses an epoch."
        )
        self.partition = partition


async def reserve(connection: Connection, partition: int, archived: Position | None, *, above: int) -> int | None:
    """A new epoch, later than any that is known here and than `above`; None: the archive does not end there any more.

    Raises:
        EpochsUsedUp: there is none left.
    """
    wanted = _at(partition, archived) | {"above": above, "most": MOST}
    row = await (await connection.execute(statement("reserve_epoch"), wanted)).fetchone()
    if row is not None:
        return row[0]
    known = max(above, await latest(connection, partition))
    if known >= MOST:
        raise EpochsUsedUp(partition, known)
    return None


async def is_reserved(connection: Connection, partition: int, archived: Position | None, epoch: int) -> bool:
    """Whether nobody has reserved another since, nor archived anything."""
    wanted = _at(partition, archived) | {"opening": epoch}
    return await (await connection.execute(statement("is_reserved"), wanted)).fetchone() is not None


async def latest(connection: Connection, partition: int | None = None) -> int:
    """The latest that is known, reserved or opened: of a partition, or of the one that has the latest."""
    cursor = await connection.execute(statement("latest_epoch"), {"partition": partition})
    row = await cursor.fetchone()
    return row[0] or 0 if row is not None else 0


async def opened(connection: Connection) -> dict[int, int]:
    """The latest that was opened, by partition, and of the names."""
    return dict(await (await connection.execute(statement("opened_epochs"))).fetchall())


async def note_opened(connection: Connection, partition: int, epoch: int) -> None:
    """A partition is open in an epoch, as the log has answered."""
    await connection.execute(statement("note_opened"), {"partition": partition, "epoch": epoch})


class OfNames:
    """The epochs in which the names are opened: each opening has one of its own.

    One that came to nothing is used again by the same, while no other was reserved.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._held = 0

    async def reserve(self, above: int) -> int:
        if self._held <= above or not await self._is_reserved():
            row = await (await self._connection.execute(statement("reserve_names"), {"above": above})).fetchone()
            assert row is not None
            self._held = row[0]
        return self._held

    async def opened(self, epoch: int) -> None:
        self._held = 0
        await self._connection.execute(statement("note_names_opened"), {"epoch": epoch})

    async def _is_reserved(self) -> bool:
        cursor = await self._connection.execute(statement("names_are_reserved"), {"opening": self._held})
        return await cursor.fetchone() is not None


async def note_reached(connection: Connection, found: Iterable[Reached]) -> None:
    places = list(found)
    told = {
        "places": [one.place for one in places],
        "servers": [one.server for one in places],
        "epochs": [one.epoch for one in places],
    }
    await connection.execute(statement("note_reached"), told)


async def reached_elsewhere(connection: Connection, seen: Reached, *, within: float) -> Reached | None:
    """Where a later epoch of the same is reached than `seen`, as somebody has noted within so many s; None: nowhere."""
    wanted = {**seen._asdict(), "within": within}
    row = await (await connection.execute(statement("reached_elsewhere"), wanted)).fetchone()
    return Reached(seen.place, *row) if row is not None else None


def _at(partition: int, archived: Position | None) -> dict[str, int]:
    epoch, seq = (archived.epoch, archived.seq) if archived is not None else (0, 0)
    return {"partition": partition, "epoch": epoch, "seq": seq}
