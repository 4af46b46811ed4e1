"""What the judge knows, and how far each partition is judged.

load ──► judge ──► write facts, notices and the place, in one transaction or not at all
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from waterclock.model.ids import partition_of
from waterclock.model.notices.facts import AnyFact, Changes, Place, place_key
from waterclock.model.notices.inputs import Reading
from waterclock.model.notices.known import Facts, Touched, decode, encode
from waterclock.model.positions import Position
from waterclock.store.connection.errors import StoreUnfit
from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement

DUE_AT_ONCE = 2_000
MOVED_AT_ONCE = 10_000


class Overtaken(Exception):
    """Another notifier has judged the partition further: go on from where it is."""


async def judged(connection: Connection, partition: int) -> Position | None:
    """How far a partition is judged; None: nobody has begun."""
    row = await (await connection.execute(statement("notifier_position"), {"partition": partition})).fetchone()
    return None if row is None else Position(partition, *row)


async def all_judged(connection: Connection) -> Mapping[int, Position]:
    rows = await (await connection.execute(statement("notifier_positions"))).fetchall()
    return {partition: Position(partition, epoch, seq) for partition, epoch, seq in rows}


async def begin(connection: Connection, at: Position) -> bool:
    """Begin to judge a partition after a place; False: somebody has begun."""
    return (await connection.execute(statement("begin_notifier"), _place(at))).rowcount == 1


async def advance(connection: Connection, old: Position, new: Position) -> None:
    """
    Raises:
        Overtaken: the partition is judged further, or back at another place.
    """
    moved = await connection.execute(statement("advance_notifier"), _place(new) | _old(old))
    if moved.rowcount != 1:
        raise Overtaken(f"partition {old.partition} is judged by another notifier")


async def hold(connection: Connection, at: Position) -> None:
    """Keep others from judging the partition to the end of the transaction.

    Raises:
        Overtaken: it is not where we saw it.
    """
    held = await connection.execute(statement("hold_notifier"), {"partition": at.partition} | _old(at))
    if held.rowcount != 1:
        raise Overtaken(f"partition {at.partition} is judged by another notifier")


async def load(connection: Connection, partition: int, wanted: Touched) -> Facts:
    """What a batch of a partition may look at; of what is due the earliest."""
    found: list[AnyFact] = []
    arguments = {
        "partition": partition,
        "jobs": list(wanted.jobs),
        "runs": list(wanted.runs),
        "whole": list(wanted.whole),
        "keys": [place_key(one) for one in wanted.places],
        "clock": wanted.due,
        "limit": DUE_AT_ONCE,
    }
    found += await _facts(connection, "facts", arguments)
    for home in wanted.homes:
        found += await _facts(connection, "facts_at_home", {"partition": home})
    return Facts(found)


async def troubles(connection: Connection, partition: int) -> list[AnyFact]:
    """What is open of the jobs that live in a partition."""
    return await _facts(connection, "troubles", {"partition": partition})


async def earliest_dues(connection: Connection, partitions: int) -> Mapping[int, int | None]:
    """For each partition: when its earliest deadline that is not judged is due, ms, by a clock that may have jumped."""
    arguments = {"partitions": list(range(partitions)), "places": [place_key(one) for one in range(partitions)]}
    rows = await (await connection.execute(statement("earliest_dues"), arguments)).fetchall()
    return {partition: _after_jumps(due, document) for partition, due, document in rows}


async def next_due(connection: Connection, partition: int) -> int | None:
    """When a clock may next say something, ms."""
    row = await (await connection.execute(statement("next_fact_due"), {"partition": partition})).fetchone()
    assert row is not None
    return row[0]


async def write(connection: Connection, changes: Changes, *, partitions: int) -> None:
    """Write what has changed. `partitions`: how many there are, of which each job and run lives in one.

    The caller holds the place of its partition, so that their number stays as it is to the end of the transaction.

    Raises:
        StoreUnfit: there is another number by now.
    """
    row = await (await connection.execute(statement("present_partitions"))).fetchone()
    if row is not None and row[0] != partitions:
        raise StoreUnfit(f"The event log was restored into {row[0]} partitions; this process knows of {partitions}.")
    gone = [key for key, fact in changes.items() if fact is None]
    kept = [fact for fact in changes.values() if fact is not None]
    if gone:
        await connection.execute(statement("forget_facts"), {"keys": gone})
    if kept:
        arguments = {
            "keys": [fact.key for fact in kept],
            "partitions": [_home(fact, partitions) for fact in kept],
            "jobs": [fact.job_id for fact in kept],
            "runs": [fact.run_id for fact in kept],
            "dues": [fact.due for fact in kept],
            "documents": [encode(fact) for fact in kept],
        }
        await connection.execute(statement("write_facts"), arguments)


async def move(connection: Connection, partitions: int) -> None:
    """Let all facts live where their jobs and runs do in another number of partitions, in the caller's transaction."""
    await connection.execute(statement("hold_notifiers"))
    owned = await (await connection.execute(statement("owners_of_facts"))).fetchall()
    homes = [(key, home) for key, owner, old in owned if (home := partition_of(owner, partitions)) != old]
    for first in range(0, len(homes), MOVED_AT_ONCE):
        keys, wanted = zip(*homes[first : first + MOVED_AT_ONCE], strict=True)
        await connection.execute(statement("move_facts"), {"keys": list(keys), "partitions": list(wanted)})


async def keep_reading(connection: Connection, reading: Reading) -> None:
    """Keep a reading by which something was judged, or that tells of a jump of the clock."""
    document = msgspec.json.encode(reading)
    await connection.execute(
        statement("keep_reading"), _place(reading.last) | {"clock": reading.clock, "document": document}
    )


async def _facts(connection: Connection, name: str, arguments: Mapping[str, object]) -> list[AnyFact]:
    cursor = await connection.execute(statement(name), arguments)
    return [decode(bytes(document)) for (document,) in await cursor.fetchall()]


def _after_jumps(due: int | None, document: bytes | None) -> int | None:
    place = None if due is None or document is None else decode(bytes(document))
    return place.after_jumps(due) if due is not None and isinstance(place, Place) else due


def _home(fact: AnyFact, partitions: int) -> int:
    if isinstance(fact, Place):
        return fact.position.partition
    owner = fact.job_id or fact.run_id
    assert owner is not None
    return partition_of(owner, partitions)


def _place(at: Position) -> dict[str, object]:
    return {"partition": at.partition, "epoch": at.epoch, "seq": at.seq}


def _old(at: Position) -> dict[str, object]:
    return {"old_epoch": at.epoch, "old_seq": at.seq}
