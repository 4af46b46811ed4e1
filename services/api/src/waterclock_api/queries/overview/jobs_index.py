"""All jobs in columns, with how each of them stands: kept, and mended by what is projected.

    nothing yet, or much was projected   the rows of all jobs ──────────────────────┐
    else                                 the rows of those that events are about ───┴──► entries ──► columns, packed

It is made by whoever asks first, in a thread, and given to all for a second and for four times as long as it took.
"""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, cast

import msgspec

from waterclock.model.cron.describe import words
from waterclock.model.cron.schedule import BadSchedule, Schedule
from waterclock.model.definition import Definition
from waterclock.model.ids import JobId
from waterclock.model.instants.timetable import Timetable, named_by
from waterclock.model.instants.upcoming import grouped
from waterclock.model.timestamps import Stamp, stamp
from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement
from waterclock_api.http.response import tag_of, written
from waterclock_api.limits.thread_turns import in_thread
from waterclock_api.queries.notices.promises import broken_since
from waterclock_api.queries.overview.kept_answers import State, state_of
from waterclock_api.queries.read_models import PACKAGE
from waterclock_api.queries.rows import error_line
from waterclock_api.queries.sources import Reading, Sources
from waterclock_api.schemas.overview import JobColumns, JobsIndex

JOBS_MOST = 50_000
LOOKED_AT = 20
"""Of a job, ended runs."""
EVENTS_MOST = 20_000  # of a partition, that are looked through for what they are about
DUE_MS = 1_000  # after which an instant without a decision is told of
FRESH_S, AS_LONG = 1.0, 4
OLDEST_S = 600.0
"""For how long it is mended and not read anew: what retention forgets is no event."""
_AT_ONCE = 500  # rows made into values, before others have their turn
_MOVES = frozenset({"delayed", "waiting"})  # without an event
_definitions = msgspec.json.Decoder(Definition)


class Made(NamedTuple):
    """The index as JSON and packed, with the ETag of what it says beside its time."""

    tag: str
    body: bytes
    packed: bytes


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A job as it was read. `named`: what it names, enabled or not; None: its schedule cannot be read."""

    job_id: str
    group: str
    name: str
    version: int
    definition: Definition
    updated_at: int
    run: Sequence[Any]  # of the last one: id, status, nominal, started, finished, error
    is_running: bool
    outcomes: str | None  # newest first, + or -
    since: int | None
    median: int | None
    named: Timetable | None
    first: int | None  # instant that is not decided


class _Index(NamedTuple):
    entries: Mapping[str, Entry]
    groups: Mapping[Timetable, Sequence[str]]  # of enabled jobs
    broken: Mapping[str, int]  # since when the promises of jobs are
    more: bool
    state: State
    read_at: float  # all of it
    holds_until: int | None
    made: Made


class JobsIndexCache:
    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._index: _Index | None = None
        self._fresh_until = 0.0

    async def get(self, sources: Sources, of: Reading) -> Made:
        """The index, at most a second old, or four times as old as it took to be made."""
        return (await self._latest(sources, of)).made

    async def upcoming(
        self, sources: Sources, of: Reading
    ) -> tuple[Mapping[str, Entry], Mapping[Timetable, Sequence[str]]]:
        """The jobs by their ids, and those that are enabled by what they name; as old as the index."""
        index = await self._latest(sources, of)
        return index.entries, index.groups

    async def _latest(self, sources: Sources, of: Reading) -> _Index:
        async with self._lock:
            began = sources.clock.monotonic()
            if self._index is None or began >= self._fresh_until:
                self._index = await _index(sources, of, self._index)
                took = sources.clock.monotonic() - began
                self._fresh_until = began + took + max(FRESH_S, AS_LONG * took)
            return self._index


async def _index(sources: Sources, of: Reading, before: _Index | None) -> _Index:
    now = sources.now_ms()
    state = await state_of(sources, of, range(sources.log.partitions))
    async with sources.reading(of) as connection:
        broken = await broken_since(connection)
    same = before is not None and (before.state, before.broken) == (state, broken)
    if before is not None and same and (before.holds_until is None or now < before.holds_until):
        return before
    began = sources.clock.monotonic()
    async with sources.reading(of) as connection, connection.transaction():
        await connection.execute(statement("prefer_order", PACKAGE))
        touched = None
        if before is not None and began - before.read_at < OLDEST_S:
            touched = await _touched(connection, before, state)
        ids = None if touched is None else list(touched)
        asked = {"now": now, "looked_at": LOOKED_AT, "limit": JOBS_MOST + 1, "job_ids": ids}
        rows = [] if touched is not None and not touched else await _rows(connection, asked)
    if before is None or touched is None:
        entries, more, read_at = {}, len(rows) > JOBS_MOST, began
    else:
        entries = {job_id: one for job_id, one in before.entries.items() if job_id not in touched}
        more, read_at = before.more, before.read_at
    index = _Index(entries, {}, broken, more, state, read_at, None, Made("", b"", b""))
    return await in_thread(_mended, index, rows, now)


async def _touched(connection: Connection, before: _Index, state: State) -> set[str] | None:
    """The jobs that are to be read again; None: all."""
    places = {row[0]: row for row in before.state if isinstance(row[0], int)}
    found = {job_id for job_id, one in before.entries.items() if one.run[1] in _MOVES}
    for partition, epoch, seq in (row for row in state if isinstance(row[0], int)):
        if partition not in places:
            return None
        _, known_epoch, known_seq = places[partition]
        if (known_epoch, known_seq) == (epoch, seq):
            continue
        after = {"partition": partition, "epoch": known_epoch, "seq": known_seq, "most": EVENTS_MOST}
        rows = await (await connection.execute(statement("touched_jobs", PACKAGE), after)).fetchall()
        if sum(row[1] for row in rows) >= EVENTS_MOST:
            return None
        found |= {row[0] for row in rows if row[0] is not None}
    return found


async def _rows(connection: Connection, asked: Mapping[str, Any]) -> list[Sequence[Any]]:
    cursor = await connection.execute(statement("jobs_index", PACKAGE), asked)
    found: list[Sequence[Any]] = []
    while rows := await cursor.fetchmany(_AT_ONCE):
        found += rows
        await asyncio.sleep(0)
    return found


def _mended(index: _Index, rows: Sequence[Sequence[Any]], now: int) -> _Index:
    entries = {**index.entries, **{row[0]: _entry(row) for row in rows[:JOBS_MOST]}}
    ordered = sorted(entries.values(), key=lambda one: (one.group, one.name, one.job_id))
    nexts = [_next(one, now) for one in ordered]
    columns = written(_columns(ordered, nexts, index.broken, now))
    index_of = JobsIndex(at=stamp(now), count=len(ordered), more=index.more, columns=cast("Any", msgspec.Raw(columns)))
    body = written(index_of)
    made = Made(tag_of(columns), body, gzip.compress(body, compresslevel=1, mtime=0))
    due = [one.first + DUE_MS for one in ordered if one.first is not None and one.first + DUE_MS > now]
    coming = [at for at in nexts if at is not None]
    enabled = [(one.job_id, one.named) for one in ordered if one.named is not None and one.definition.enabled]
    holds_until = min([*due, *coming], default=None)
    return index._replace(entries=entries, groups=grouped(enabled), holds_until=holds_until, made=made)


def _entry(row: Sequence[Any]) -> Entry:
    job_id, group, name, version, text, updated_at, mark, *run, error, is_running, outcomes, since, median = row
    definition = _definitions.decode(text)
    named, first = None, None
    try:
        named = named_by(JobId(job_id), definition)
    except BadSchedule:  # accepted by another release
        pass
    else:
        first = named.after(mark) if definition.enabled else None
    return Entry(
        job_id=job_id,
        group=group,
        name=name,
        version=version,
        definition=definition,
        updated_at=updated_at,
        run=(*run, error_line(error)),
        is_running=is_running,
        outcomes=outcomes,
        since=since,
        median=median,
        named=named,
        first=first,
    )


def _next(one: Entry, now: int) -> int | None:
    """The next instant; `first` is it, unless that is over."""
    if one.first is None or one.first > now or one.named is None:
        return one.first
    return one.named.after(now)


def _columns(entries: Sequence[Entry], nexts: Sequence[int | None], broken: Mapping[str, int], now: int) -> JobColumns:
    definitions = [one.definition for one in entries]
    runs = list(zip(*(one.run for one in entries), strict=True)) or [()] * 6
    ids, statuses, nominal, started, finished, errors = runs
    streaks = [_streak(one.outcomes) for one in entries]
    return JobColumns(
        id=[one.job_id for one in entries],
        group=[one.group for one in entries],
        name=[one.name for one in entries],
        status=[one.status for one in definitions],
        cron_expression=[one.cron_expression for one in definitions],
        timezone=[one.timezone for one in definitions],
        words=[
            None if one.named is None or one.named.schedule is None else _words(one.named.schedule) for one in entries
        ],
        queue=[one.queue for one in definitions],
        invoke_target=[one.invoke_target for one in definitions],
        labels=[one.labels for one in definitions],
        version=[one.version for one in entries],
        updated_at=_stamps(one.updated_at for one in entries),
        next_fire_at=_stamps(nexts),
        last_run_id=list(ids),
        last_status=list(statuses),
        last_nominal_at=_stamps(nominal),
        last_started_at=_stamps(started),
        last_finished_at=_stamps(finished),
        last_duration_ms=[
            None if began is None or ended is None else max(0, ended - began)
            for began, ended in zip(started, finished, strict=True)
        ],
        streak=streaks,
        streak_since=_stamps(one.since if streak else None for one, streak in zip(entries, streaks, strict=True)),
        last_error=list(errors),
        median_ms=[one.median for one in entries],
        pending_since=_stamps(
            one.first if one.first is not None and one.first + DUE_MS <= now else None for one in entries
        ),
        is_running=[one.is_running for one in entries],
        broken_since=_stamps(broken.get(one.job_id) for one in entries),
    )


def _streak(outcomes: str | None) -> int:
    if not outcomes:
        return 0
    length = len(outcomes) - len(outcomes.lstrip(outcomes[0]))
    return length if outcomes[0] == "+" else -length


def _stamps(moments: Iterable[int | None]) -> list[Stamp | None]:
    return [None if at is None else stamp(at) for at in moments]


@lru_cache(maxsize=16_384)
def _words(schedule: Schedule) -> str:
    return words(schedule.expression, schedule.dialect)
