"""What became of the instants of many jobs, in bins: from the read models, and the archive where they do not fit.

    the archive       events of the jobs ────────► stretches: how each stood when
    the read models   marks, runs, decisions ────► strips, and cracks in some of them
    the archive       decisions around cracks ───► the ledger's word on these

A hundred strips are read in two statements; the archive's documents of as many decisions would take a hundred times as
long. What a strip cannot see is an instant that was fired twice: both runs have one id.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from typing import Any, NamedTuple, cast

from waterclock.model.cron.schedule import BadSchedule
from waterclock.model.instants.ledger import verify
from waterclock.model.instants.strip import (
    Binned,
    Ending,
    Range,
    Stretch,
    Strip,
    Told,
    coarse,
    confirmed,
    count_named,
    exact,
    stretches_of,
)
from waterclock.model.timestamps import millis
from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement
from waterclock.store.retention import EVENTS, forgotten
from waterclock_api.queries.explain import refuse_unheard
from waterclock_api.queries.ledger import LedgerReader, Row
from waterclock_api.queries.read_models import PACKAGE
from waterclock_api.queries.sources import Reading, Sources

LOOKED_AT = 600_000
"""Instants that are looked at one by one, of all jobs; of each job at most its part of them."""
CONFIRMED = 20_000
"""Decisions that the ledger is asked about, where there are cracks; where there are more, the strips have the word."""
RANGES_MOST = 20_000  # of a job that is counted: decisions about several instants

_SINCE_2000 = 946_684_800_000  # ms
_ENDING: Mapping[str, Ending] = {"queued": "waiting", "delayed": "waiting"}


class Strips(NamedTuple):
    """The strips in the order that is asked for; `coarser`: those of jobs whose instants were only counted.

    They stay as they are until an event is projected, or the clock has come to `holds_until` (ms).
    """

    strips: Mapping[str, Strip]
    coarser: frozenset[str]
    holds_until: int | None


class _Asked(NamedTuple):
    job_ids: Sequence[str]
    edges: Sequence[int]
    now: Mapping[str, int]

    @property
    def each(self) -> int:
        return LOOKED_AT // len(self.job_ids)


class _Lives(NamedTuple):
    """How jobs stood; of those in `fine` few enough instants are named to look at each."""

    stretches: Mapping[str, Sequence[Stretch]]
    fine: Sequence[str]


class _Read(NamedTuple):
    """As it was read: of `fine` jobs rows of `strip_fires` and `strip_ranges`, of `counted` ones what is binned."""

    marks: Mapping[str, int]
    fires: Mapping[str, Sequence[tuple[str, bytes]]]
    ranges: Mapping[str, Sequence[Range]]
    binned: Mapping[str, Binned]
    kept_from: int  # events, and runs that succeeded
    forgotten_before: int  # runs, however they ended


async def read_strips(sources: Sources, of: Reading, job_ids: Sequence[str], edges: Sequence[int]) -> Strips:
    """The strips of some jobs, deleted ones too; `edges`: of the bins, ms.

    Raises:
        NotFound: one of the jobs never was.
        TryLater: the read models have not heard of one.
    """
    asked = _Asked(job_ids, edges, {one: sources.now_ms(sources.log.partition_of(one)) for one in job_ids})
    await _check_known(sources, of, job_ids)  # first: what is known has a life
    with closing(LedgerReader(sources, of, None, edges[-1])) as reader:
        begun = await reader.begun(job_ids)
        lives = await sources.offload.run(of.who, _lives, asked, reader, begun)
    async with sources.reading(of) as connection, connection.transaction():
        await connection.execute(statement("prefer_order", PACKAGE))
        read = await _read(connection, asked, lives)
    strips = await sources.offload.run(of.who, _strips, asked, lives, read)
    if any(strip.cracks for strip in strips.values()):
        strips = await _confirmed(sources, of, asked, lives, strips, read.forgotten_before)
    coarser = frozenset(one for one in job_ids if one in read.binned or not lives.stretches[one])
    return Strips(strips, coarser, _next(asked, lives))


async def _check_known(sources: Sources, of: Reading, job_ids: Sequence[str]) -> None:
    async with sources.reading(of) as connection:
        unknown = await _rows(connection, "unknown_jobs", {"job_ids": list(job_ids)})
    if unknown:
        await refuse_unheard(sources, unknown[0][0])


def _lives(asked: _Asked, reader: LedgerReader, begun: Mapping[str, Sequence[Row]]) -> _Lives:
    stretches: dict[str, Sequence[Stretch]] = {}
    for job_id in asked.job_ids:
        try:
            stretches[job_id] = stretches_of(reader.ledger(begun[job_id]))
        except BadSchedule:  # accepted by another release: what was recorded is shown
            stretches[job_id] = ()
    fine = [one for one in asked.job_ids if count_named(stretches[one], asked.edges) <= asked.each]
    return _Lives(stretches, fine)


async def _read(connection: Connection, asked: _Asked, lives: _Lives) -> _Read:
    # First: what is decided meanwhile is told of beyond the mark, and nothing is missed before it.
    marks = {row[0]: row[1] for row in await _rows(connection, "marks", {"job_ids": list(asked.job_ids)})}
    gone = await forgotten(connection)
    kept_from, before = max(gone.get(EVENTS, 0), gone.get("succeeded", 0)), max(gone.values(), default=0)
    part = {"job_ids": lives.fine, "from": asked.edges[0], "to": asked.edges[-1], "most": asked.each + 1}
    fires = _by_job(await _rows(connection, "strip_fires", part))
    ranges = _by_job(await _rows(connection, "strip_ranges", part | {"wide": False}))
    rare = {one for one in lives.fine if _number(fires.get(one, ())) <= asked.each >= len(ranges.get(one, ()))}
    counted = [one for one in asked.job_ids if one not in rare]  # not only the others: schedules were others once
    binned = await _binned(connection, asked, counted, marks, kept_from)
    told = {job_id: [Range(*row) for row in rows] for job_id, rows in ranges.items()}
    return _Read(marks, fires, told, binned, kept_from, before)


async def _binned(
    connection: Connection, asked: _Asked, job_ids: Sequence[str], marks: Mapping[str, int], kept_from: int
) -> Mapping[str, Binned]:
    if not job_ids:
        return {}
    every = {"job_ids": list(job_ids), "edges": list(asked.edges)}
    numbers = _by_job(await _rows(connection, "strip_numbers", every))
    part = {"from": asked.edges[0], "to": asked.edges[-1], "most": RANGES_MOST, "wide": True}
    wide = _by_job(await _rows(connection, "strip_ranges", every | part))
    return {
        job_id: Binned(
            [(_ENDING.get(outcome, outcome), place - 1, count) for outcome, place, count in numbers.get(job_id, ())],
            [one for row in wide.get(job_id, ()) if (one := Range(*row)).first < one.last],
            marks[job_id],
            kept_from,
        )
        for job_id in job_ids
    }


def _strips(asked: _Asked, lives: _Lives, read: _Read) -> Mapping[str, Strip]:
    found: dict[str, Strip] = {}
    for job_id in asked.job_ids:
        stretches, now = lives.stretches[job_id], asked.now[job_id]
        if job_id in read.binned:
            found[job_id] = coarse(stretches, read.binned[job_id], asked.edges, now=now)
        else:
            fired, ranges = _fired(read.fires.get(job_id, ())), read.ranges.get(job_id, ())
            told = Told(fired, ranges, read.marks[job_id], read.kept_from)
            found[job_id] = exact(stretches, told, asked.edges, now=now)
    return found


async def _confirmed(
    sources: Sources, of: Reading, asked: _Asked, lives: _Lives, strips: Mapping[str, Strip], forgotten_before: int
) -> Mapping[str, Strip]:
    """The same with their cracks counted, if the ledger has them too; it is asked about the time between them."""
    room, found = CONFIRMED, dict(strips)
    for job_id, strip in strips.items():
        if not strip.cracks:
            continue
        first, last = strip.cracks[0].instant, strip.cracks[-1].instant
        room -= count_named(lives.stretches[job_id], [first, last + 1])
        breaches = await _breaches(sources, of, job_id, first, last) if room >= 0 and lives.stretches[job_id] else None
        found[job_id] = confirmed(strip, asked.edges, breaches, forgotten_before=forgotten_before)
    return found


async def _breaches(sources: Sources, of: Reading, job_id: str, first: int, last: int) -> list[tuple[int, int]]:
    now = sources.now_ms(sources.log.partition_of(job_id))
    with closing(LedgerReader(sources, of, first, last)) as reader:
        begun = (await reader.begun([job_id]))[job_id]
        verdict = await sources.offload.run(
            of.who, lambda: verify(reader.ledger(begun), from_ms=first, to_ms=last, now_ms=now)
        )
    every = (*verdict.holes, *verdict.doubles, *verdict.strays)
    return [(millis(breach.after), millis(breach.through)) for breach in every]


def _next(asked: _Asked, lives: _Lives) -> int | None:
    """When the next instant of the range comes: from then on it is due."""
    coming: list[int] = []
    for job_id, stretches in lives.stretches.items():
        if not stretches or stretches[-1].state != "enabled":
            continue
        at = stretches[-1].named.after(max(asked.now[job_id], asked.edges[0] - 1))
        if at is not None and at < asked.edges[-1]:
            coming.append(at)
    return min(coming, default=None)


def _number(rows: Iterable[tuple[str, bytes]]) -> int:
    return sum(len(instants) for _, instants in rows) // 8


def _fired(rows: Iterable[tuple[str, bytes]]) -> dict[Ending, list[int]]:
    found: dict[Ending, list[int]] = {}
    for status, instants in rows:
        found.setdefault(_ENDING.get(status, cast("Ending", status)), []).extend(_instants(instants))
    return {ending: sorted(instants) for ending, instants in found.items()}


def _instants(sent: bytes) -> list[int]:
    """Moments as Postgres sends them: microseconds since 2000."""
    read = array("q", sent)
    if sys.byteorder == "little":
        read.byteswap()
    return [us // 1000 + _SINCE_2000 for us in read]


def _by_job(rows: Iterable[Sequence[Any]]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for job_id, *row in rows:
        found.setdefault(job_id, []).append(row)
    return found


async def _rows(connection: Connection, name: str, arguments: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
    return await (await connection.execute(statement(name, PACKAGE), arguments)).fetchall()
