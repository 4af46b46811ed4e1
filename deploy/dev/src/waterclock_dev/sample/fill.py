"""The past, archived and projected as a projector does it; and the log, restored from that archive.

history ──► entries ──► archive, read models, chain ──► the log: jobs, marks, unfinished runs ──► open
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from waterclock.kit.settings import RedisSettings, read
from waterclock.log.client import Log, LogSettings
from waterclock.log.gates import gate_of
from waterclock.model.events import StoredEvent
from waterclock.model.positions import Position
from waterclock.model.readmodels.merge import Batch
from waterclock.model.timestamps import stamp
from waterclock.store import archive, epochs
from waterclock.store.connection.pool import Connection, connect_anew, open_pool
from waterclock.store.connection.statements import statement
from waterclock.store.readmodels.project import apply, batch_of
from waterclock.wire.envelope import AT, BODY, PREV, Entry, encode_body, read_entry
from waterclock_api.consistency.compare import compare, fork_of
from waterclock_api.consistency.epoch_reservations import Reservations
from waterclock_api.consistency.open_partition import ensure_open
from waterclock_api.consistency.repair import repair
from waterclock_api.settings import StoreSettings
from waterclock_dev.sample.clockwork import DAY
from waterclock_dev.sample.fleet import EPOCH
from waterclock_dev.sample.history import History
from waterclock_dev.sample.puppets import hand_over

AT_ONCE = 4_000
"""Events in one transaction."""
_LINES_AT_ONCE = 20_000
_FORGETS_NOTHING = b"DELETE FROM retention"
_MONTH = b"SELECT make_archive_month(to_timestamp(%(at)s::bigint / 1000.0))"
_ANALYSED = b"ANALYZE"


MARK = "sample.json"


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """What a folder of data says of the sample in it. `until`: the moment, in ms, at which it stands still."""

    until: int | None


class NotEmpty(Exception):
    """There is an installation already, or one that the sample does not fit into."""


class Filled(NamedTuple):
    """What there is now."""

    jobs: int
    runs: int
    events: int
    since: str
    until: str
    seconds: float

    def __str__(self) -> str:
        return (
            f"sample: {self.jobs} jobs, {self.runs} runs and {self.events} events from {self.since} to {self.until}, "
            f"in {self.seconds:.1f} s; nothing of it is deleted for its age"
        )


def mark_in(data_dir: Path) -> Mark | None:
    """None where no sample was filled in."""
    try:
        return msgspec.json.decode((data_dir / MARK).read_bytes(), type=Mark)
    except FileNotFoundError:
        return None


def leave_mark(data_dir: Path, mark: Mark) -> None:
    """From now on whoever starts on this folder knows the sample's executors, and a picture stays one."""
    (data_dir / MARK).write_bytes(msgspec.json.encode(mark))


def is_filled(data_dir: Path, until: int | None) -> bool:
    """Whether the folder holds the sample already; one that stands still at `until`, if that is said.

    Raises:
        NotEmpty: it holds something else.
    """
    mark = mark_in(data_dir)
    if mark is None:
        check_empty(data_dir)
        return False
    if until not in (None, mark.until):
        ends = "lives on" if mark.until is None else f"ends at {stamp(mark.until)}"
        raise NotEmpty(f"{data_dir} holds a sample that {ends}: leave out --until, or name another --data-dir.")
    return True


def check_empty(data_dir: Path) -> None:
    """
    Raises:
        NotEmpty: the folder holds data of servers.
    """
    if any((data_dir / name).exists() for name in ("redis", "postgres")):
        raise NotEmpty(
            f"{data_dir} holds an installation already, and --sample fills a new one: name another --data-dir."
        )


async def fill(environment: Mapping[str, str], past: Awaitable[History], *, lives_on: bool) -> Filled:
    """Fill stores that are migrated and empty, with a past that is being worked out. `lives_on`: services go on.

    Raises:
        NotEmpty: they are not, or the log has another number of partitions than one.
    """
    began = time.monotonic()
    redis = read(RedisSettings, environment)
    settings = LogSettings(url=redis.redis_url, address_map=redis.redis_address_map, prefix=redis.key_prefix)
    log = await Log.reach(settings, role="sample")
    try:
        await log.refresh()
        url = read(StoreSettings, environment).postgres_url
        async with (
            await open_pool(url, name="sample", max_size=1) as pool,
            await connect_anew(pool) as connection,
        ):
            await _check_empty(log, connection)
            told = await past
            await _archive(connection, told.events)
            await _open(log, connection, told, lives_on=lives_on)
            await connection.execute(_ANALYSED)
    finally:
        await log.close()
    counts = told.counts
    return Filled(
        jobs=counts["job.created"] - counts["job.deleted"],
        runs=counts["run.requested"],
        events=len(told.events),
        since=stamp(told.events[0][0])[:10],
        until=stamp(told.until),
        seconds=time.monotonic() - began,
    )


async def _check_empty(log: Log, connection: Connection) -> None:
    if log.partitions != 1:
        raise NotEmpty(f"The sample fits into one partition, and this event log has {log.partitions}.")
    known = await archive.position(connection, 0)
    if known is not None or (await gate_of(log, 0)).opened:
        raise NotEmpty(
            "There is an installation already: --sample fills a new one. Name another --data-dir, or delete that one."
        )


async def _archive(connection: Connection, events: Sequence[tuple[int, StoredEvent]]) -> None:
    """In batches, as a projector works off a backlog."""
    await connection.execute(statement("add_partition"), {"partition": 0})
    for at in range(events[0][0], events[-1][0] + 28 * DAY, 28 * DAY):
        await connection.execute(_MONTH, {"at": at})
    after: Position | None = None
    batches = _batches(events)
    coming = asyncio.create_task(asyncio.to_thread(next, batches, None), name="make entries")
    while (found := await coming) is not None:
        coming = asyncio.create_task(asyncio.to_thread(next, batches, None), name="make entries")
        done = await apply(connection, after, *found)
        assert done, "another projector is at work"
        after = found[0][-1].position
    await epochs.note_opened(connection, 0, EPOCH)
    await connection.execute(_FORGETS_NOTHING)


def _batches(events: Sequence[tuple[int, StoredEvent]]) -> Iterator[tuple[list[Entry], Batch]]:
    entries: list[Entry] = []
    lines, prev = 0, b""
    for seq, (at, event) in enumerate(events, 1):
        name = f"{EPOCH}-{seq}"
        entries.append(read_entry(0, name, {BODY: encode_body(event), PREV: prev, AT: b"%d" % at}))
        prev = name.encode()
        lines += len(getattr(event, "lines", ()))
        if len(entries) == AT_ONCE or lines >= _LINES_AT_ONCE:
            yield entries, batch_of(entries)
            entries, lines = [], 0
    if entries:
        yield entries, batch_of(entries)


async def _open(log: Log, connection: Connection, past: History, *, lives_on: bool) -> None:
    """Restore the log as after the loss of its server, and open it."""
    logging.getLogger("waterclock_api.consistency").setLevel(logging.CRITICAL)  # it tells of the loss, which was none
    ends = await compare(log, connection, 0)
    gate = await gate_of(log, 0)
    fork = await fork_of(log, connection, 0, ends)
    epoch = await Reservations().take(connection, 0, ends.archived, above=max(EPOCH, gate.latest), server=gate.run_id)
    assert epoch is not None
    await repair(log, connection, 0, ends, fork, epoch=epoch)
    await epochs.note_opened(connection, 0, epoch)
    if not lives_on:
        await hand_over(log, past.workers, past.until)
    await ensure_open(log, connection, 0, careful=False)
