"""Events that are published for other services, and how far each partition is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from waterclock.model.positions import Position
from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement
from waterclock.wire.envelope import Entry, read_document


class Overtaken(Exception):
    """Another publisher has published the partition further: go on from where it is."""


class Publishable(NamedTuple):
    """An event with the ids, group and name of what it is about, as far as it is about a job or a run."""

    entry: Entry
    job_id: str | None
    run_id: str | None
    group: str | None
    name: str | None


async def published(connection: Connection) -> Mapping[int, Position]:
    """How far each partition is published that somebody has begun."""
    rows = await (await connection.execute(statement("publisher_positions"))).fetchall()
    return {partition: Position(partition, epoch, seq) for partition, epoch, seq in rows}


async def begin(connection: Connection, at: Position) -> None:
    """Begin to publish a partition after a place, if nobody has."""
    arguments = {"partition": at.partition, "epoch": at.epoch, "seq": at.seq}
    await connection.execute(statement("begin_publisher"), arguments)


async def advance(connection: Connection, old: Position, new: Position) -> None:
    """
    Raises:
        Overtaken: the partition is not where we saw it.
    """
    arguments = {"partition": new.partition, "epoch": new.epoch, "seq": new.seq}
    moved = await connection.execute(
        statement("advance_publisher"), arguments | {"old_epoch": old.epoch, "old_seq": old.seq}
    )
    if moved.rowcount != 1:
        raise Overtaken(f"partition {old.partition} is published by another publisher")


async def read(
    connection: Connection, after: Position, through: Position, types: Sequence[str], *, limit: int
) -> list[Publishable]:
    """Events of some types after one place and up to another, in their order, at most so many."""
    arguments = {
        "partition": after.partition,
        "after_epoch": after.epoch,
        "after_seq": after.seq,
        "through_epoch": through.epoch,
        "through_seq": through.seq,
        "types": list(types),
        "limit": limit,
    }
    rows = await (await connection.execute(statement("publishable_entries"), arguments)).fetchall()
    return [
        Publishable(read_document(Position(after.partition, epoch, seq), prev, at, bytes(document)), *about)
        for epoch, seq, prev, at, document, *about in rows
    ]
