"""Read models folded anew from the archive, beside the live ones and while those go on.

    make empty shadows ── fold what is archived, a batch a transaction ── catch up
        ── in one transaction, which sees one moment: fold the rest, compare table by table
        ── put in place: projectors wait, the rest of the rest is folded, rows that differ are written (`differing.py`)

Log lines are archive, not read model: they are neither folded nor replaced.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec
import psycopg
from psycopg import Rollback

from waterclock.kit.elapsed import Tell, told_every
from waterclock.kit.service import Unfit
from waterclock.model.positions import Position
from waterclock.model.readmodels.merge import Batch
from waterclock.store import archive, retention
from waterclock.store.connection.moment import one_moment
from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement
from waterclock.store.partitioning import partitionings
from waterclock.store.quarantine import POISON, reason_of
from waterclock.store.readmodels import differences, shadow_tables
from waterclock.store.readmodels.project import batch_of, write_models
from waterclock.store.readmodels.shadow_tables import READ_MODELS, Content, Difference
from waterclock.wire.envelope import Entry, UnknownEvent, unreadable

AT_ONCE = 2_000  # entries
NEARLY = 5_000  # entries that are left for the transaction that compares
PASSES = 100  # over what was archived meanwhile, at most
STOP_WAIT = 5_000  # ms, for the transactions of projectors
TRIES = 10
PAUSE = 0.2  # s between two of them

Places = dict[int, Position | None]
Progress = Callable[[int, int], None]  # events folded, of how many
Folded = Callable[[Batch], Awaitable[None]]


def _say_nothing(seconds: float) -> None:
    assert seconds > 0


class RebuildBusy(Unfit):
    """The tables cannot be rebuilt, or not be replaced, now."""


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """A table as it is and as the archive tells it, at one moment; `rows` are some of those that differ."""

    table: str
    live: Content
    rebuilt: Content
    rows: list[Difference] = []

    @property
    def same(self) -> bool:
        return self.live == self.rebuilt


async def compare(connection: Connection, *, at_once: int = AT_ONCE) -> list[Difference]:
    """Fold the whole archive in one transaction that leaves nothing behind; each row in which the live tables differ.

    The archive ends where the read models do: both are written in one transaction.
    """
    found: list[Difference] = []
    live = await shadow_tables.home(connection)
    async with one_moment(connection), connection.transaction() as transaction:
        await shadow_tables.make(connection, READ_MODELS)
        await shadow_tables.enter(connection)
        places = await _beginnings(connection)
        await _fold(connection, places, at_once)
        await connection.execute(statement("prefer_nothing"))
        await retention.forget_rebuilt(connection)
        for table in READ_MODELS:
            found += await shadow_tables.differences(connection, live, table)
        raise Rollback(transaction)
    return found


class Rebuild:
    """One rebuild, in a session of its own, which may take minutes. `begin` first, `drop` last."""

    def __init__(self, connection: Connection, live: str, places: Places, ends: Mapping[int, int]) -> None:
        self._connection = connection
        self._live = live
        self._places = places
        self._total = sum(ends.values())
        self._folded = 0
        self._is_compared = False

    @classmethod
    async def begin(cls, connection: Connection) -> Rebuild:
        """
        Raises:
            RebuildBusy: another is under way.
        """
        row = await (await connection.execute(statement("take_rebuild"))).fetchone()
        if row is None or not row[0]:
            raise RebuildBusy("Another rebuild is running in this database.")
        await _hold_retention(connection)
        live = await shadow_tables.home(connection)
        places = await _beginnings(connection)
        ends = {partition: await archive.count_after(connection, partition, None) for partition in places}
        async with connection.transaction():
            await shadow_tables.make(connection, READ_MODELS)
        return cls(connection, live, places, ends)

    async def drop(self) -> None:
        await shadow_tables.drop(self._connection)

    async def fold(self, tell: Progress) -> None:
        """Fold what is archived, until little is left that was archived meanwhile."""
        for _ in range(PASSES):
            began = self._folded
            for before in await _changes(self._connection):
                for partition in self._places:
                    await self._fold_partition(partition, before, tell)
            if self._folded - began <= NEARLY:
                break
        await shadow_tables.analyze(self._connection, READ_MODELS)

    async def compare(self, *, named: int = 5) -> list[Compared]:
        """Fold the rest, and compare each table with the live one; `named` rows that differ are given of each."""
        found: list[Compared] = []
        async with one_moment(self._connection), self._connection.transaction():
            await shadow_tables.enter(self._connection)
            await _fold(self._connection, self._places, AT_ONCE)
            await self._connection.execute(statement("prefer_nothing"))
            await retention.forget_rebuilt(self._connection)
            for table in READ_MODELS:
                live, rebuilt = await differences.note(self._connection, self._live, table)
                one = Compared(table=table, live=live, rebuilt=rebuilt)
                if not one.same:
                    rows = await differences.some(self._connection, self._live, table, named)
                    one = msgspec.structs.replace(one, rows=rows)
                found.append(one)
        self._is_compared = True
        return found

    async def swap(self, tell: Tell = _say_nothing) -> float:
        """Make the live tables hold what the rebuilt ones do: in one transaction, for which projectors wait.

        `tell` is called each 5 s with how long they have waited; how long they did at last is returned.

        Raises:
            RebuildBusy: projectors are in long transactions. Nothing is changed.
        """
        if not self._is_compared:
            await self.compare(named=0)
        clock = asyncio.get_running_loop().time
        for _ in range(TRIES):
            places, began = dict(self._places), clock()
            try:
                with told_every(tell):
                    await self._put_in_place()
            except psycopg.errors.LockNotAvailable:
                self._places = places
                await asyncio.sleep(PAUSE)
            else:
                return clock() - began
        raise RebuildBusy(f"Projectors were writing in each of {TRIES} tries; try again.")

    async def _put_in_place(self) -> None:
        async with self._connection.transaction():
            await self._connection.execute(statement("await_locks"), {"ms": STOP_WAIT})
            await self._connection.execute(b"LOCK TABLE partitions IN EXCLUSIVE MODE")
            await shadow_tables.enter(self._connection)
            await _fold(self._connection, self._places, AT_ONCE, self._note)
            await self._connection.execute(statement("prefer_nothing"))
            for table in READ_MODELS:
                await differences.put_in_place(self._connection, self._live, table)

    async def _note(self, batch: Batch) -> None:
        await differences.note_touched(self._connection, self._live, batch)

    async def _fold_partition(self, partition: int, before: int | None, tell: Progress) -> None:
        while True:
            async with self._connection.transaction():
                await shadow_tables.enter(self._connection)
                after = self._places[partition]
                count = await _fold_once(self._connection, self._places, partition, before, AT_ONCE)
            if self._places[partition] == after:
                return
            self._folded += count
            self._total = max(self._total, self._folded)
            tell(self._folded, self._total)


async def _hold_retention(connection: Connection) -> None:
    """Let nothing be forgotten while we fold, and all that is noted as forgotten be gone."""
    for _ in range(TRIES):
        if await retention.take(connection):
            await retention.settle(connection)
            return
        await asyncio.sleep(10 * PAUSE)
    raise RebuildBusy("A projector is deleting expired data (retention); try again later.")


async def _beginnings(connection: Connection) -> Places:
    rows = await (await connection.execute(statement("partitions"))).fetchall()
    return {row[0]: None for row in rows}


async def _fold(connection: Connection, places: Places, at_once: int, folded: Folded | None = None) -> None:
    """Fold all that is archived after some places, and move them on."""
    for before in await _changes(connection):
        for partition in places:
            while await _fold_once(connection, places, partition, before, at_once, folded):
                pass


async def _changes(connection: Connection) -> list[int | None]:
    """The epochs before which all partitions are to be folded first, as a job may have been in another of them."""
    return [*(since for since, _ in await partitionings(connection) if since), None]


async def _fold_once(
    connection: Connection,
    places: Places,
    partition: int,
    before: int | None,
    at_once: int,
    folded: Folded | None = None,
) -> int:
    """Fold the next entries of a partition, of epochs before one if given; how many there were."""
    end = Position(partition, before, 0) if before is not None else None
    found = await archive.entries(connection, partition, places[partition], end, at_once)
    if found:
        await _write(connection, found, folded)
        places[partition] = found[-1].position
    return len(found)


async def _write(connection: Connection, entries: Sequence[Entry], folded: Folded | None) -> None:
    """Write what entries change; of those that cannot be stored as much as the projector did."""
    try:
        async with connection.transaction():
            batch = batch_of(entries)
            await write_models(connection, batch)
            if folded is not None:
                await folded(batch)
    except POISON as error:
        if len(entries) > 1:
            half = len(entries) // 2
            await _write(connection, entries[:half], folded)
            await _write(connection, entries[half:], folded)
        elif isinstance(entries[0].event, UnknownEvent):
            raise
        else:
            await _write(connection, [unreadable(entries[0], reason_of(error))], folded)
