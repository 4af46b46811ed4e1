"""What a stream begins with: everything between the client's last position and where its subscription begins.

    X ─────────────── A ─────────────── H ───────────► live
      archive (X, A]     stream (A, H]     the subscription

A is read from the archive after the subscription was taken, H is where the subscription begins. Only entries that are
archived are ever trimmed, so a stream that ends before H has been trimmed since, and the archive is asked again.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Literal, NamedTuple

from waterclock.log import tail
from waterclock.log.commands.runs import EndedRun, find_run
from waterclock.log.connection.errors import BrokenChain
from waterclock.log.reader import entry_of
from waterclock.model.events import RunRequested
from waterclock.model.outcomes import STATUS_OF_TAG, RunStatus
from waterclock.model.positions import Position, at_entry
from waterclock.store import archive
from waterclock.store.archive import ArchiveReader
from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement
from waterclock.wire.envelope import Entry, read_entry
from waterclock_api.limits.memory_budget import Hold
from waterclock_api.live.sse import Frame, frame_of, lost_frame
from waterclock_api.live.subscriptions import Question
from waterclock_api.queries.read_models import PACKAGE
from waterclock_api.queries.sources import STREAM, Reading, Sources

PAGE = 500  # entries read at once
PAGE_BYTES = 256 << 10  # of their documents, and one entry
STREAMED = (16, 128)  # entries read at once from the log, which cannot be asked by bytes: first and most
_COPIES = 2  # of a page: its frames, and what is being sent of them
_ROUNDS = 10  # times that the stream may have been trimmed while we read


class Subject(NamedTuple):
    """Whose events: of a run, of a job with its runs and decisions, or all of a partition that a question admits."""

    kind: Literal["run", "job", "log"]
    id: str
    partition: int
    question: Question

    def concerns(self, entry: Entry) -> bool:
        if self.kind == "log":
            return self.question.admits(entry)
        return getattr(entry.event, f"{self.kind}_id", None) == self.id

    @property
    def told(self) -> Mapping[str, object]:
        """What names it to clients."""
        return {"partition": self.partition} if self.kind == "log" else {f"{self.kind}Id": self.id}


def run_subject(run_id: str, partition: int) -> Subject:
    return Subject("run", run_id, partition, Question((partition,), subject=run_id))


def job_subject(job_id: str, partition: int) -> Subject:
    return Subject("job", job_id, partition, Question((partition,), subject=job_id))


def log_subjects(question: Question) -> tuple[Subject, ...]:
    """One for each partition."""
    return tuple(Subject("log", "", partition, question) for partition in question.partitions)


async def frames(
    sources: Sources, subject: Subject, after: Position | None, until: Position | None, *, who: str = ""
) -> AsyncGenerator[list[Frame]]:
    """The subject's events in (after, until], in pages, oldest first; `after` None: from the first.

    A page, which is read once the one before is done with, is held on account of `who`.

    Raises:
        Crowded: there is no room for a page.
        psycopg.Error, PoolTimeout: the archive is unreachable.
        LogError: the log is, or entries are missing.
    """
    with sources.budget.streams.hold(who) as hold:
        async with aclosing(_frames(sources, subject, after, until, hold)) as pages:
            async for page in pages:
                yield page


async def _frames(
    sources: Sources, subject: Subject, after: Position | None, until: Position | None, hold: Hold
) -> AsyncGenerator[list[Frame]]:
    at = after
    lost: list[Frame] = []
    count = STREAMED[0]
    for _ in range(_ROUNDS):
        if until is None or (at is not None and at >= until):
            return
        async with sources.reading(STREAM) as connection:
            archived = await archive.position(connection, subject.partition)
        through = _known_through(sources, subject, archived)
        if through is not None and (at is None or through > at):
            async for page in _archived(sources, subject, at, through, hold):
                yield page
            at = archived
        while at is None or at < until:
            await _room(hold)
            try:
                entries, count = await _streamed(sources, subject.partition, at, count)
            except BrokenChain as error:
                if lost or at is None or at != after:
                    raise
                at, lost = await _place_before(sources, subject, error.found)
                continue
            if not entries:
                break
            at = entries[-1].position
            page = _page_of(lost, (entry for entry in entries if entry.position <= until and subject.concerns(entry)))
            entries.clear()
            lost = []
            hold.resize(_COPIES * sum(len(frame.told) for frame in page))
            yield page
    if until is not None and (at is None or at < until):
        raise BrokenChain(subject.partition, at.entry if at is not None else "", until.entry)


async def entry_at(sources: Sources, position: Position, of: Reading = STREAM) -> Entry | None:
    """One entry, from the stream or, once it is trimmed there, from the archive."""
    before = position._replace(seq=position.seq - 1)
    key = sources.log.keys.partition(position.partition, "events")
    rows: list[Any] = await sources.log.execute(key, "XRANGE", key, position.entry, position.entry)
    if rows:
        return read_entry(position.partition, *entry_of(rows[0]))
    async with sources.reading(of) as connection:
        found = await archive.entries(connection, position.partition, before, None, 1)
    return next((entry for entry in found if entry.position == position), None)


async def end_before(sources: Sources, run_id: str, after: Position) -> tuple[RunStatus, Position] | None:
    """How and where the run ended, if it had by `after`; asked of the archive, then of the log."""
    arguments = {"run_id": run_id, "through_epoch": after.epoch, "through_seq": after.seq}
    async with sources.reading(STREAM) as connection:
        cursor = await connection.execute(statement("run_end", PACKAGE), arguments)
        row = await cursor.fetchone()
    if row is not None:
        return STATUS_OF_TAG[row[2]], Position(after.partition, row[0], row[1])
    known = await find_run(sources.log, run_id)
    return (known.status, known.position) if isinstance(known, EndedRun) and known.position <= after else None


async def start_of_live_run(sources: Sources, subject: Subject, until: Position | None) -> Position | None:
    """The place before the first event of the job's oldest unfinished run; `until`, if it has none."""
    if until is None:
        return None
    async with sources.reading(STREAM) as connection:
        archived = await archive.position(connection, subject.partition)
        cursor = await connection.execute(statement("unfinished", PACKAGE), {"job_id": subject.id})
        rows = await cursor.fetchall()
    unfinished = {run_id: Position(subject.partition, epoch, seq) for run_id, epoch, seq in rows}
    at, count = archived, STREAMED[0]
    while at is None or at < until:
        entries, count = await _streamed(sources, subject.partition, at, count)
        if not entries:
            break
        at = entries[-1].position
        for entry in entries:
            if subject.concerns(entry) and entry.position <= until:
                _note(unfinished, entry)
    if not unfinished:
        return until
    first = min(unfinished.values())
    return first._replace(seq=first.seq - 1)


def _note(unfinished: dict[str, Position], entry: Entry) -> None:
    run_id: str | None = getattr(entry.event, "run_id", None)
    if isinstance(entry.event, RunRequested):
        unfinished[entry.event.run_id] = entry.position
    elif run_id is not None and frame_of(entry).ends is not None:
        unfinished.pop(run_id, None)


async def _place_before(sources: Sources, subject: Subject, found: str) -> tuple[Position | None, list[Frame]]:
    """Where to go on for a client whose place is not in the log: it was lost with a server, or never was."""
    entry = await entry_at(sources, at_entry(subject.partition, found))
    assert entry is not None
    before = at_entry(subject.partition, entry.prev) if entry.prev else None
    return before, [lost_frame(entry.position, subject.told)]


async def _streamed(sources: Sources, partition: int, at: Position | None, count: int) -> tuple[list[Entry], int]:
    """The next entries, at most `count` and a page's bytes, and how many to ask for next."""
    async with sources.budget.reading:
        found = await tail.read(
            sources.log, partition, at, count=count, block=None, archive=ArchiveReader(sources.lanes.streams)
        )
        size = taken = 0
        for entry in found:
            if taken and size >= PAGE_BYTES:
                break
            size += len(entry.document)
            taken += 1
    least, most = STREAMED
    return found[:taken], least if size >= PAGE_BYTES else min(most, 2 * count)


def _page_of(lost: Sequence[Frame], entries: Iterable[Entry]) -> list[Frame]:
    return [*lost, *(frame_of(entry) for entry in entries)]


async def _room(hold: Hold) -> None:
    """Give back what the page before held, and wait until there is room for another one.

    Raises:
        Crowded: there was none for too long.
    """
    hold.resize(0)
    await hold.wait(_COPIES * PAGE_BYTES)


def _known_through(sources: Sources, subject: Subject, archived: Position | None) -> Position | None:
    """Up to where the archive has the subject's events: all that it had when partitions were another number."""
    restored = Position(subject.partition, sources.log.restored, 0) if sources.log.restored else None
    return max((place for place in (archived, restored) if place is not None), default=None)


async def _archived(
    sources: Sources, subject: Subject, after: Position | None, through: Position, hold: Hold
) -> AsyncGenerator[list[Frame]]:
    """Archived events in (after, through]; no session is held while a page is being sent."""
    at = after or Position(subject.partition, -1, -1)
    last = False
    while not last:
        await _room(hold)
        async with sources.reading(STREAM) as connection:
            entries, size, last = await _page(connection, subject, at, through)
        if entries:
            at = entries[-1].position
        page = _page_of((), (entry for entry in entries if subject.kind != "log" or subject.concerns(entry)))
        entries.clear()
        hold.resize(_COPIES * size)
        yield page


async def _page(connection: Connection, subject: Subject, at: Position, through: Position) -> archive.Page:
    if subject.kind == "log":
        beyond = through._replace(seq=through.seq + 1)
        return await archive.page(connection, subject.partition, at, beyond, PAGE, PAGE_BYTES)
    bounds = {"after_epoch": at.epoch, "after_seq": at.seq}
    limits = {"through_epoch": through.epoch, "through_seq": through.seq, "limit": PAGE, "bytes": PAGE_BYTES}
    text = statement(f"{subject.kind}_history", PACKAGE)
    cursor = await connection.execute(text, {"subject": subject.id, **bounds, **limits})
    return await archive.page_of(connection, subject.partition, await cursor.fetchall(), PAGE, PAGE_BYTES)
