"""The chain over the archive, verified: what was archived is there as it was, and nothing else is.

    block by block: head ── follows the block before ── the archived entries ── their lines

An entry that is missing is a break unless it is older than what is kept. The first break of a partition is named; what
follows it is not looked at. What proves that the end was not cut off is a head that was noted elsewhere.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import NamedTuple

import msgspec

from waterclock.model.positions import Position
from waterclock.store import archive
from waterclock.store.archive import STEP_LOG
from waterclock.store.connection.moment import one_moment
from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement
from waterclock.store.retention import EVENTS, forgotten
from waterclock.wire import chain

_AT_ONCE = 50  # blocks


class Row(NamedTuple):
    """Of an archived entry, what its leaf covers."""

    epoch: int
    seq: int
    prev: str
    at: int  # ms
    type: str
    job_id: str | None
    run_id: str | None
    document: bytes


class _Digest(msgspec.Struct, frozen=True, rename="camel"):
    lines_digest: str | None = None


_digest = msgspec.json.Decoder(_Digest)


class Chained(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What the chain of a partition proves. `broken`: the first entry that is not as it was, and how; None: none.

    The chain covers what stands after `begins`: what is older was archived before there was a chain, or is not kept. Of
    `entries` so many are `forgotten` since. `head` is that of the last block, which ends at `ends`.
    """

    partition: int
    begins: str | None = None
    ends: str | None = None
    blocks: int = 0
    entries: int = 0
    forgotten: int = 0
    head: str | None = None
    broken: str | None = None
    anchors: dict[str, bool] = {}  # of those that were asked for: whether that head was there


class _Block(NamedTuple):
    first_epoch: int
    first_seq: int
    epoch: int
    seq: int
    at: int
    leaves: bytes
    before: bytes
    head: bytes


class _Break(Exception):
    pass


async def verify(connection: Connection, anchors: dict[Position, str]) -> list[Chained]:
    """The chain of each partition at one moment; `anchors`: heads that were noted elsewhere, by where they end."""
    async with one_moment(connection), connection.transaction():
        rows = await (await connection.execute(statement("partitions"))).fetchall()
        kept_from = (await forgotten(connection)).get(EVENTS, 0)
        found: list[Chained] = []
        for partition, epoch, seq in rows:
            wanted = {place: head for place, head in anchors.items() if place.partition == partition}
            end = Position(partition, epoch, seq)
            found.append(await _Proof(connection, end, kept_from, wanted).verify())
        return found


class _Proof:
    """Of one partition, whose position is `end`."""

    def __init__(self, connection: Connection, end: Position, kept_from: int, anchors: dict[Position, str]) -> None:
        self._connection = connection
        self._partition = end.partition
        self._end = end
        self._kept_from = kept_from
        self._anchors = anchors
        self._seen: dict[str, bool] = {}
        self._cleared: dict[str | None, tuple[int, int]] = {}
        self._blocks = self._entries = self._forgotten = 0
        self._begins: Position | None = None
        self._last: _Block | None = None

    async def verify(self) -> Chained:
        broken: str | None = None
        try:
            async for block in self._all():
                self._follows(block)
                rows = await self._rows(block)
                self._check(block, rows)
                await self._check_lines([row for row in rows if row[4] == STEP_LOG])
                self._last = block
                self._blocks += 1
                self._note(block)
            self._ends_at_the_end()
        except _Break as error:
            broken = str(error)
        last = self._last
        return Chained(
            partition=self._partition,
            begins=str(self._begins) if self._begins is not None else None,
            ends=str(self._place(last.epoch, last.seq)) if last is not None else None,
            blocks=self._blocks,
            entries=self._entries,
            forgotten=self._forgotten,
            head=last.head.hex() if last is not None else None,
            broken=broken,
            anchors={str(place): self._seen.get(str(place), False) for place in self._anchors},
        )

    async def _all(self) -> AsyncGenerator[_Block]:
        async with self._connection.cursor(f"chain {self._partition}") as cursor:
            await cursor.execute(statement("chain_blocks"), {"partition": self._partition})
            while rows := await cursor.fetchmany(_AT_ONCE):
                for row in rows:
                    yield _Block(*row)

    def _follows(self, block: _Block) -> None:
        of = chain.place(self._partition, (block.first_epoch, block.first_seq), (block.epoch, block.seq))
        place = self._place(block.epoch, block.seq)
        if chain.head(block.before, of, block.leaves) != block.head:
            raise _Break(f"the block that ends at {place} was changed")
        if self._last is None:
            self._begins = self._place(block.first_epoch, block.first_seq - 1)
        elif block.before != self._last.head:
            before = self._place(self._last.epoch, self._last.seq)
            raise _Break(f"the block that ends at {place} does not follow the one that ends at {before}")

    async def _rows(self, block: _Block) -> list[Row]:
        """All that is archived after the block before."""
        last = self._last
        after = (block.first_epoch, block.first_seq - 1) if last is None else (last.epoch, last.seq)
        bounds = {"after_epoch": after[0], "after_seq": after[1], "epoch": block.epoch, "seq": block.seq}
        cursor = await self._connection.execute(statement("chained_entries"), {"partition": self._partition, **bounds})
        return [Row(*row) for row in await cursor.fetchall()]

    def _check(self, block: _Block, rows: Sequence[Row]) -> None:
        """Each entry has its leaf, in order; leaves without one are of entries that are not kept."""
        leaves = [block.leaves[at : at + chain.LEAF] for at in range(0, len(block.leaves), chain.LEAF)]
        at, before = 0, f"the beginning of the block that ends at {self._place(block.epoch, block.seq)}"
        recent = self._last is not None and self._last.at >= self._kept_from
        for row in rows:
            place = self._place(row.epoch, row.seq)
            try:
                found = leaves.index(chain.leaf(*row), at)
            except ValueError:
                raise _Break(f"{place} is not as it was archived, or was never archived") from None
            self._missing(found - at, before, recent=recent)
            at, before, recent = found + 1, str(place), recent or row.at >= self._kept_from
        self._missing(len(leaves) - at, before, recent=recent or block.at >= self._kept_from)
        self._entries += len(leaves)

    def _missing(self, count: int, before: str, *, recent: bool) -> None:
        if count and recent:
            raise _Break(f"the events after {before} were removed")
        self._forgotten += count

    async def _check_lines(self, rows: Sequence[Row]) -> None:
        """Log lines are those that were archived, or were deleted as they may be."""
        told = {row: _lines_digest(row.document) for row in rows}
        wanted = {row: digest for row, digest in told.items() if digest is not None and row.run_id}
        lines = await archive.lines_of(self._connection, [(row.run_id or "", row.epoch, row.seq) for row in wanted])
        for row, digest in wanted.items():
            found = lines.get((row.epoch, row.seq))
            if found is None:
                if not await self._may_be_gone(row):
                    raise _Break(f"the lines of {self._place(row.epoch, row.seq)} were removed")
            elif chain.lines_digest(found) != digest:
                raise _Break(f"the lines of {self._place(row.epoch, row.seq)} are not as they were archived")

    async def _may_be_gone(self, row: Row) -> bool:
        """Whether its run is forgotten, or the logs of its job were cleared later."""
        found = await (await self._connection.execute(statement("run_is_there"), {"run_id": row.run_id})).fetchone()
        return found is None or (row.epoch, row.seq) < await self._last_cleared(row.job_id)

    async def _last_cleared(self, job_id: str | None) -> tuple[int, int]:
        """Where a job's logs were cleared last, looked for once: it may take all events of the job."""
        if job_id not in self._cleared:
            cursor = await self._connection.execute(statement("last_cleared"), {"job_id": job_id})
            row = await cursor.fetchone()
            self._cleared[job_id] = (0, 0) if row is None else (row[0], row[1])
        return self._cleared[job_id]

    def _ends_at_the_end(self) -> None:
        if self._last is not None and (self._last.epoch, self._last.seq) != self._end[1:]:
            place = self._place(self._last.epoch, self._last.seq)
            raise _Break(f"the chain ends at {place}, the archive at {self._end}")

    def _note(self, block: _Block) -> None:
        place = self._place(block.epoch, block.seq)
        if place in self._anchors:
            self._seen[str(place)] = self._anchors[place] == block.head.hex()

    def _place(self, epoch: int, seq: int) -> Position:
        return Position(self._partition, epoch, seq)


def _lines_digest(document: bytes) -> str | None:
    """What an archived event says of its lines; None: it has none, or nobody can read it, and it is as it came."""
    try:
        return _digest.decode(document).lines_digest
    except (ValueError, RecursionError):
        return None
