"""Follow one partition: stream → archive, read models and position, a batch of events at a time."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Protocol

import msgspec
import psycopg

from waterclock.kit.cancellation import apart, to_its_end
from waterclock.kit.elapsed import told_every
from waterclock.kit.telemetry import catalog, traces
from waterclock.kit.text.gist import gist
from waterclock.log import tail
from waterclock.log.batches import portions
from waterclock.log.client import Log
from waterclock.log.connection.errors import BrokenChain, Halted
from waterclock.log.connection.transient import PASSES as PASSES_OF_LOG
from waterclock.log.recovery.opening import server_state
from waterclock.model.positions import Position
from waterclock.model.readmodels.merge import Batch
from waterclock.store import job_ends
from waterclock.store.archive import ArchiveReader
from waterclock.store.connection.pool import Connection, Pool, connect_anew
from waterclock.store.connection.transient import PASSES
from waterclock.store.epochs import EpochsUsedUp
from waterclock.store.quarantine import POISON, reason_of
from waterclock.store.readmodels.project import apply, batch_of
from waterclock.wire.envelope import Entry, UnknownEvent, unreadable
from waterclock_api.consistency.compare import Strangers
from waterclock_api.consistency.epoch_reservations import Reservations
from waterclock_api.consistency.identity import OtherInstallation
from waterclock_api.consistency.open_partition import ArchiveAhead, OtherPartitions, ensure_open
from waterclock_api.consistency.settle_runs import settle_lost
from waterclock_api.consistency.sole_server import NotOpened
from waterclock_api.projector.handover import connect_following, unblocked
from waterclock_api.projector.tracing import Traced
from waterclock_api.projector.trim import Keeping, delete_cleared, trim

READ_AT_ONCE = 1_000  # entries; reading them takes about 20 ms, in which nothing is sent to Postgres
AHEAD = 5  # such reads wait to be written, at most
WRITE_AT_ONCE = 4_000  # entries in one transaction, about
BYTES_AT_ONCE = 16 * 1024 * 1024  # of their documents, about; a jsonb argument ends at 256 MiB
TRANSACTION_TIMEOUT = 60.0  # s
LAST_TRANSACTION = 3.0  # s, for the one that is under way when we are told to stop: it takes a fraction of it
TELL_EVERY = 5.0  # s, that a batch waits
TRIM_EVERY = 10.0  # s
BACK_OFF = (0.05, 1.0)  # s, first and longest


class Overtaken(Exception):
    """Another projector was faster: go on from where it is."""


PASSING: tuple[type[Exception], ...] = (*PASSES_OF_LOG, NotOpened, Overtaken, *PASSES, TimeoutError)
"""What passes by itself: try again. The rest of what psycopg and the log raise are bugs, and fly."""
BROKEN = (
    ArchiveAhead,
    BrokenChain,
    EpochsUsedUp,
    OtherInstallation,
    OtherPartitions,
    Strangers,
    msgspec.ValidationError,
    psycopg.DataError,
)
"""What does not pass until someone has repaired the log, or us: look again now and then, and write nothing."""

_log = logging.getLogger(__name__)


class Watcher(Protocol):
    """Who is told how a partition is doing."""

    def following(self, partition: int, at: Position | None) -> None: ...
    def reached(self, partition: int, at: Position) -> None: ...
    def stopped(self, partition: int, reason: str) -> None: ...


async def follow(log: Log, pool: Pool, partition: int, watcher: Watcher, keeping: Keeping) -> None:
    """Project a partition until cancelled; whatever is unreachable is waited for."""
    pause, telling = BACK_OFF[0], _Telling(watcher)
    reservations = Reservations()
    while True:
        follower = _Follower(log, pool, partition, keeping, reservations)
        try:
            await apart(follower.run(telling), name=f"follow {partition} once")
        except* (*PASSING, *BROKEN) as group:
            error = _first(group)
            if follower.moved:
                pause = BACK_OFF[0]
            telling.stopped(
                partition, " ".join(str(error).split()) or type(error).__name__, broken=isinstance(error, BROKEN)
            )
        await asyncio.sleep(pause)
        pause = min(2 * pause, BACK_OFF[1])


class _Telling:
    """Tells a watcher, and writes what is told into the log: an outage is one line, however often we look and whatever
    moves in its reason, and another when it is over, with the newest reason."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._told = ""  # the gist of the reason that was told
        self._newest = ""

    def following(self, partition: int, at: Position | None) -> None:
        self._watcher.following(partition, at)

    def reached(self, partition: int, at: Position) -> None:
        if self._told:
            _log.info("projection resumed", extra={"partition": partition, "reason": self._newest})
            self._told = ""
        self._watcher.reached(partition, at)

    def stopped(self, partition: int, reason: str, *, broken: bool = False) -> None:
        self._newest = reason
        if gist(reason) != self._told:
            self._told = gist(reason)
            level = logging.ERROR if broken else logging.WARNING
            _log.log(level, "projection stopped", extra={"partition": partition, "reason": reason})
        self._watcher.stopped(partition, reason)


class _Follower:
    """One start, up to the first fault: while one batch is written, the next entries are read."""

    def __init__(self, log: Log, pool: Pool, partition: int, keeping: Keeping, reservations: Reservations) -> None:
        self._log = log
        self._pool = pool
        self._partition = partition
        self._keeping = keeping
        self._reservations = reservations
        self._read: asyncio.Queue[Sequence[Entry]] = asyncio.Queue(AHEAD)
        self._cleared = asyncio.Event()
        self._cleared.set()  # an earlier follower may have left something
        self.moved = False

    async def run(self, watcher: Watcher) -> None:
        async with await connect_following(self._pool, self._partition) as connection:
            opening = ensure_open(self._log, connection, self._partition, reservations=self._reservations)
            at = await unblocked(self._pool, connection, self._partition, opening)
            counting = job_ends.catch_up(connection, self._partition)
            await unblocked(self._pool, connection, self._partition, counting)
            watcher.following(self._partition, at)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._read_on(at), name=f"read {self._partition}")
                tasks.create_task(self._write(connection, at, watcher), name=f"write {self._partition}")
                tasks.create_task(self._trim(), name=f"trim {self._partition}")
                tasks.create_task(self._settle(), name=f"settle {self._partition}")
                tasks.create_task(self._clear(), name=f"clear {self._partition}")

    async def _read_on(self, at: Position | None) -> None:
        """Hand on what stands after `at`, in order.

        Raises:
            Halted: the partition must be opened.
        """
        reader, archive = self._log.reader(), ArchiveReader(self._pool)
        try:
            while True:
                found = await tail.read(
                    reader, self._partition, at, count=READ_AT_ONCE, block=reader.longest, archive=archive
                )
                if found:
                    self._log.ends.heard(self._partition, found[-1].position[1:])
                for entries in portions(found, BYTES_AT_ONCE):
                    await self._read.put(entries)
                    at = entries[-1].position
                opened = reader.is_open(self._partition)
                if not found:
                    opened = opened and (await server_state(self._log, self._partition)).opened
                if not opened:
                    raise Halted(f"Partition {self._partition} is not open on this server.")
        finally:
            await reader.close()

    async def _write(self, connection: Connection, at: Position | None, watcher: Watcher) -> None:
        """Project what is read, as much at once as there is.

        Raises:
            Overtaken: another projector did.
        """
        while True:
            entries = list(await self._read.get())
            size = _size(entries)
            while not self._read.empty() and len(entries) < WRITE_AT_ONCE and size < BYTES_AT_ONCE:
                more = self._read.get_nowait()
                entries += more
                size += _size(more)
            await self._project(connection, at, entries)
            at = entries[-1].position
            self.moved = True
            watcher.reached(self._partition, at)

    async def _project(self, connection: Connection, at: Position | None, entries: Sequence[Entry]) -> None:
        """Project entries; of those that cannot be stored as much as their tags tell, once the others are.

        Raises:
            Overtaken: another projector was faster.
        """
        try:
            await self._project_whole(connection, at, entries)
        except (*POISON, ExceptionGroup) as found:
            error = _first(found) if isinstance(found, BaseExceptionGroup) else found  # pyright: ignore[reportUnknownArgumentType]
            if not isinstance(error, POISON):
                raise
            if len(entries) > 1:
                half = len(entries) // 2
                await self._project(connection, at, entries[:half])
                await self._project(connection, entries[half - 1].position, entries[half:])
            elif isinstance(entries[0].event, UnknownEvent):
                raise
            else:
                await self._project_whole(connection, at, [unreadable(entries[0], reason_of(error))])

    async def _project_whole(self, connection: Connection, at: Position | None, entries: Sequence[Entry]) -> None:
        traced = Traced(self._partition, entries) if traces.tracing() else nullcontext()
        began_at = time.monotonic()
        with traced, told_every(self._say_waiting, TELL_EVERY):
            batch = batch_of(entries)
            writing = self._transaction(connection, at, entries, batch)
            if not await to_its_end(writing, within=LAST_TRANSACTION, name=f"write a batch of {self._partition}"):
                raise Overtaken(f"Another projector has projected partition {self._partition} beyond {at}.")
        seconds = time.monotonic() - began_at
        catalog.PROJECTION.observe(seconds)
        if isinstance(traced, Traced):
            traced.tell(seconds)
        for kind, count in Counter(entry.type for entry in entries).items():
            catalog.PROJECTED.add(count, kind)
        _say_unknown(self._partition, entries)
        if batch.cleared:
            self._cleared.set()

    async def _transaction(
        self, connection: Connection, at: Position | None, entries: Sequence[Entry], batch: Batch
    ) -> bool:
        async with asyncio.timeout(TRANSACTION_TIMEOUT):
            done = apply(connection, at, entries, batch)
            return await unblocked(self._pool, connection, self._partition, done)

    def _say_waiting(self, seconds: float) -> None:
        """It waits for whoever holds what it needs: a verb that mends, a month that is dropped, an operator."""
        reason = (
            f"a batch is being written for {seconds:.0f} s: another session of Postgres holds it up, or its disk does"
        )
        _log.warning("projection stopped", extra={"partition": self._partition, "reason": reason})

    async def _clear(self) -> None:
        """Delete log lines that are cleared, beside the projection: there may be millions."""
        while await self._cleared.wait():
            self._cleared.clear()
            async with await connect_anew(self._pool) as fresh:
                await delete_cleared(self._log, fresh, self._partition)

    async def _settle(self) -> None:
        """End runs that only the archive has: what ended them may be among what could not be read."""
        async with await connect_anew(self._pool) as fresh:
            while not (await settle_lost(self._log, fresh, self._partition)).known:
                pass  # it waits for the archive by itself

    async def _trim(self) -> None:
        while True:
            await asyncio.sleep(TRIM_EVERY)
            async with await connect_anew(self._pool) as fresh:
                removed = await trim(self._log, fresh, self._partition, self._keeping)
            if removed:
                _log.info("stream trimmed", extra={"partition": self._partition, "entries": removed})


def _first(group: BaseExceptionGroup[Exception]) -> Exception:
    found = group.exceptions[0]
    return _first(found) if isinstance(found, BaseExceptionGroup) else found


def _size(entries: Sequence[Entry]) -> int:
    return sum(len(entry.document) for entry in entries)


def _say_unknown(partition: int, entries: Sequence[Entry]) -> None:
    """Events of a later release are archived as they are; `rebuild` in that release will show them.

    So are those that no release can have written; each of them is named.
    """
    parked = [(entry, entry.event) for entry in entries if isinstance(entry.event, UnknownEvent)]
    for kind, count in Counter(event.type for _, event in parked if event.flaw is None).items():
        _log.warning("events parked", extra={"partition": partition, "type": kind, "count": count})
    for entry, event in parked:
        if event.flaw is not None:
            extra = {"position": str(entry.position), "type": event.named, "run": event.run_id, "error": event.flaw}
            _log.error("event unreadable", extra=extra)
