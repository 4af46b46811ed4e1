"""The end of a partition's stream beside that of its archive: whether it goes on from there, and what it lost."""

from __future__ import annotations

from typing import NamedTuple

from waterclock.log import tail
from waterclock.log.client import Log
from waterclock.log.connection.errors import BrokenChain
from waterclock.log.tail import tail_of
from waterclock.model.positions import Position, at_entry
from waterclock.store import archive
from waterclock.store.connection.pool import Connection
from waterclock.wire.envelope import Entry

_AT_ONCE = 500  # entries
_NAMED = 100  # of those that were dropped


class Ends(NamedTuple):
    """`forked`: the archive's last entry is not in the stream, and was not trimmed from it.

    `begins`: there is nothing yet of a partition that the log has had since it was given another number of them.
    """

    archived: Position | None
    end: Position | None
    forked: bool
    begins: bool = False


class Fork(NamedTuple):
    """What stream and archive had in common, and how they differ after it.

    `lost`: entries that only the archive knows. `dropped`: entries that only the stream knows, from `first` to `last`;
    the latest hundred are named.
    """

    common: Position | None
    lost: int
    dropped: int = 0
    first: Position | None = None
    last: Position | None = None
    names: tuple[str, ...] = ()


class Strangers(Exception):
    """Stream and archive have nothing in common, and neither may be given up unasked.

    `ours`: both are of this installation, so one was put back to another state of it; else one is not of it.
    """

    def __init__(self, partition: int, archived: Position | None, *, ours: bool) -> None:
        why = (
            "the database or the event log was restored to a state that the other does not continue"
            if ours
            else "the event log or the database belongs to another installation"
        )
        super().__init__(
            f"The stream and the archive of partition {partition} have nothing in common (the archive ends at "
            f"{archived}): {why}. Nothing is written to either."
        )
        self.ours = ours


async def compare(log: Log, connection: Connection, partition: int) -> Ends:
    """
    Raises:
        BrokenChain: what follows the archive's last entry was trimmed: the archive has been put back to an older state.
        Strangers: the stream is of another number of partitions.
    """
    archived = await archive.position(connection, partition)
    end = await tail_of(log, partition)
    if (
        log.restored
        and (archived is None or archived.epoch < log.restored)
        and (end is None or end.epoch < log.restored)
    ):
        if end is not None:
            raise Strangers(partition, archived, ours=False)
        return Ends(archived, end, forked=True, begins=True)
    if archived is None:
        if end is not None:
            await tail.read(log, partition, None, count=1, block=None, archive=None)
        return Ends(archived, end, forked=False)
    if end is None or end < archived:
        return Ends(archived, end, forked=True)
    return Ends(archived, end, forked=not await _goes_on(log, connection, archived, end))


async def fork_of(log: Log, connection: Connection, partition: int, ends: Ends, *, give_up: bool = False) -> Fork:
    """What was lost, where the ends do not fit. `give_up`: all that the stream has, if it has nothing in common.

    Raises:
        Strangers: everything, and that is not to be given up, or one is not of this installation.
    """
    if ends.begins:
        return Fork(None, 0)
    assert ends.archived is not None
    dropped, names, oldest = 0, list[str](), None
    last: Position | None = None
    while found := await tail.entries_back(log, partition, oldest and oldest.position, count=_AT_ONCE):
        known = await archive.places(connection, [entry.position for entry in found])
        for entry in found:
            if known.get(entry.position) == (entry.prev, entry.at):
                return await _fork(connection, ends, entry.position, dropped, oldest, last, names)
            dropped, oldest, last = dropped + 1, entry, last or entry.position
            if len(names) < _NAMED:
                names.append(f"{entry.position} {entry.type}")
    common = await _before(connection, partition, oldest, ends.end)
    if common is None and oldest is not None:
        ours = bool(log.identity)
        if not (ours and give_up):
            raise Strangers(partition, ends.archived, ours=ours)
    return await _fork(connection, ends, common, dropped, oldest, last, names)


async def _goes_on(log: Log, connection: Connection, archived: Position, end: Position) -> bool:
    """Whether the stream, which does not end before the archive, holds the archive's last entry and goes on from it."""
    partition = archived.partition
    found = await tail.entries_from(log, partition, archived, count=2)
    if found and found[0].position == archived:
        known = await archive.places(connection, [archived])
        if known.get(archived) != (found[0].prev, found[0].at):
            return False
        del found[0]
    if not found:
        if end == archived:
            return True
        raise BrokenChain(partition, archived.entry, end.entry)
    if found[0].prev == archived.entry:
        return True
    if found[0].prev and at_entry(partition, found[0].prev) > archived:
        raise BrokenChain(partition, archived.entry, found[0].position.entry)
    return False


async def _before(
    connection: Connection, partition: int, oldest: Entry | None, end: Position | None
) -> Position | None:
    """The archived entry after which the stream begins, or with which it ended before all of it was trimmed."""
    place = end if oldest is None else at_entry(partition, oldest.prev) if oldest.prev else None
    return place if place is not None and await archive.places(connection, [place]) else None


async def _fork(
    connection: Connection,
    ends: Ends,
    common: Position | None,
    dropped: int,
    oldest: Entry | None,
    last: Position | None,
    names: list[str],
) -> Fork:
    assert ends.archived is not None
    lost = await archive.count_after(connection, ends.archived.partition, common)
    return Fork(common, lost, dropped, oldest and oldest.position, last, tuple(names))
