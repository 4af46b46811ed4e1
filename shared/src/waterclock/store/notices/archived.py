"""Archived events as the judge is given them, in the order of their partition."""

from __future__ import annotations

from typing import NamedTuple

from waterclock.model.events import ArchiveLost
from waterclock.model.ids import JobId, RunId
from waterclock.model.notices.inputs import Passed, Seen, Unread
from waterclock.model.notices.judge import JUDGED_TYPES
from waterclock.model.positions import Position
from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement
from waterclock.wire.envelope import UnknownEvent, decode_document

TYPES = [*JUDGED_TYPES, "archive.lost", "unreadable"]


class Archived(NamedTuple):
    """What is to be judged next. `hole`: after it events are missing, and when that was found, ms; None: none are."""

    given: list[Seen | Unread | Passed]
    hole: tuple[Position, int] | None = None

    @property
    def latest(self) -> int:
        """The latest time that one of these events bears, ms."""
        return max((one.at for one in self.given if not isinstance(one, Passed)), default=0)


async def read(connection: Connection, after: Position, through: Position, *, limit: int) -> Archived:
    """Events after one place and up to another, at most so many, or up to where events are missing."""
    arguments = {
        "partition": after.partition,
        "after_epoch": after.epoch,
        "after_seq": after.seq,
        "through_epoch": through.epoch,
        "through_seq": through.seq,
        "types": TYPES,
        "limit": limit,
    }
    rows = await (await connection.execute(statement("judged_entries"), arguments)).fetchall()
    given: list[Seen | Unread | Passed] = []
    for epoch, seq, at, document in rows:
        position = Position(after.partition, epoch, seq)
        event = decode_document(bytes(document))
        if isinstance(event, ArchiveLost):
            return Archived(given, (position, at))
        if not isinstance(event, UnknownEvent):
            given.append(Seen(position=position, at=at, event=event))
        elif event.flaw is not None:
            given.append(_unread(position, at, event, event.flaw))
    if len(rows) < limit:
        given.append(Passed(position=through))
    return Archived(given)


async def end_before(connection: Connection, partition: int, epoch: int) -> Position | None:
    """Up to where a partition is to be judged while others have yet to come as far as an epoch; None: no further bound.

    An epoch in which the log was given another number of partitions begins after all that is older, in every partition:
    of a job that has moved, what came later lies in another.
    """
    row = await (await connection.execute(statement("old_epochs_are_judged"), {"epoch": epoch})).fetchone()
    assert row is not None
    if row[0]:
        return None
    asked = {"partition": partition, "epoch": epoch}
    last = await (await connection.execute(statement("last_before"), asked)).fetchone()
    return Position(partition, *(last or (0, 0)))


def _unread(position: Position, at: int, event: UnknownEvent, flaw: str) -> Unread:
    return Unread(
        position=position,
        at=at,
        flaw=flaw,
        job_id=None if event.job_id is None else JobId(event.job_id),
        run_id=None if event.run_id is None else RunId(event.run_id),
        ends=event.ends,
    )
