"""The ledgers of jobs as the archive tells them: page by page from the loop, as one to the thread that reads it.

    loop     begun(job ids) ── one statement ──► rows, the first of each job ──► thread
    thread   ledger(job id, rows) ── whenever they run out ──► loop: one more page of that job

So jobs with few decisions cost no statement of their own, and one with millions is never held whole.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from waterclock.log.connection.errors import LogError
from waterclock.log.tail import tail_of
from waterclock.model.events import FireCoalesced, FireSkipped, RunRequested
from waterclock.model.positions import Position
from waterclock.model.timestamps import millis
from waterclock.store.connection.statements import statement
from waterclock.store.readmodels.wait_for_position import seen
from waterclock.store.retention import EVENTS, forgotten
from waterclock.wire.envelope import Entry, read_document
from waterclock_api.queries.lookup import CATCH_UP
from waterclock_api.queries.read_models import PACKAGE
from waterclock_api.queries.sources import Reading, Sources

Row = tuple[Any, ...]  # job id, partition, epoch, seq, prev, at, document

FIRST = 100  # rows of each job, read with those of others
PAGE = 1_000  # rows of one job
_BEGINNING = (0, -1)


class LedgerReader:
    """Reads what is to be known about [from, to], ms: all events of a job itself, and the decisions that concern it.

    Without `from` it reads no decisions. Made on the loop, and closed there: a thread that reads on then is ended.
    No session is held between two pages: what is appended meanwhile only comes after what was read.
    """

    def __init__(self, sources: Sources, of: Reading, from_ms: int | None, to_ms: int) -> None:
        self._sources = sources
        self._of = of
        self._closed = False
        self._asking: asyncio.Task[Any] | None = None
        self._loop = asyncio.get_running_loop()
        self._from = from_ms
        self._to = to_ms

    async def begun(self, job_ids: Sequence[str]) -> Mapping[str, Sequence[Row]]:
        """The first rows of some jobs; none of a job that was never defined."""
        found: dict[str, list[Row]] = {job_id: [] for job_id in job_ids}
        for row in await self._rows(job_ids, [_BEGINNING] * len(job_ids), self._from, FIRST):
            found[row[0]].append(row)
        return found

    def ledger(self, begun: Sequence[Row]) -> Iterator[Entry]:
        """All entries of a job whose ledger has begun so, in their order; for a thread beside the loop.

        Raises:
            psycopg.Error, PoolTimeout: the archive is unreachable.
        """
        page, size, from_ms = begun, FIRST, self._from
        while True:
            for row in page:
                entry = _entry(row)
                if not isinstance(entry.event, RunRequested | FireSkipped | FireCoalesced):
                    yield entry
                elif entry.event.through is not None and from_ms is not None:  # no through: requested by hand
                    yield entry
                    if millis(entry.event.through) > self._to:
                        from_ms = None  # what is decided after it lies beyond the range
            if len(page) < size:
                return
            job_id, _, epoch, seq, *_ = page[-1]
            more = self._more([job_id], [(epoch, seq)], from_ms, PAGE)
            page, size = asyncio.run_coroutine_threadsafe(more, self._loop).result(), PAGE

    def close(self) -> None:
        """Read nothing more, for nobody waits for it."""
        self._closed = True
        if self._asking is not None:
            self._asking.cancel()

    async def _more(
        self, job_ids: Sequence[str], after: Sequence[tuple[int, int]], decided_from: int | None, limit: int
    ) -> Sequence[Row]:
        if self._closed:
            raise asyncio.CancelledError
        self._asking = asyncio.current_task()
        try:
            return await self._rows(job_ids, after, decided_from, limit)
        finally:
            self._asking = None

    async def _rows(
        self, job_ids: Sequence[str], after: Sequence[tuple[int, int]], decided_from: int | None, limit: int
    ) -> Sequence[Row]:
        epochs, seqs = zip(*after, strict=True)
        places = {"job_ids": list(job_ids), "epochs": list(epochs), "seqs": list(seqs)}
        arguments = {**places, "decided_from": decided_from, "limit": limit}
        async with self._sources.reading(self._of) as connection, connection.transaction():
            await connection.execute(statement("prefer_order", PACKAGE))
            cursor = await connection.execute(statement("ledger_entries", PACKAGE), arguments)
            return await cursor.fetchall()


def begins(row: Row) -> int:
    """From when on a job has instants, ms, by the first row of its ledger."""
    entry = _entry(row)
    through = getattr(entry.event, "through", None)
    return entry.at if through is None else millis(through)


async def events_kept_from(sources: Sources, of: Reading) -> int:
    """From when on the archive keeps decisions, ms; what is older may be gone."""
    async with sources.reading(of) as connection:
        return (await forgotten(connection)).get(EVENTS, 0)


async def caught_up(sources: Sources, partitions: Sequence[int]) -> None:
    """Wait until the archive has reached the partitions' present ends: at most 2 s, and not for an unreachable log."""
    deadline = sources.clock.monotonic() + CATCH_UP
    for partition in partitions:
        try:
            end = await tail_of(sources.log, partition)
        except LogError:
            return
        left = deadline - sources.clock.monotonic()
        if end is not None and not await seen(sources.lanes.reads, end, left, sources.projected):
            return


def _entry(row: Row) -> Entry:
    _, partition, epoch, seq, prev, at, document = row
    return read_document(Position(partition, epoch, seq), prev, at, document)
