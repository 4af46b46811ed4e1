"""The route of strips: what became of the scheduled times of many jobs, in bins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, NamedTuple

import msgspec
from litestar import get

from waterclock.kit.text.members import said
from waterclock.model.cron.calendar import By, calendar_edges
from waterclock.model.cron.zones import UnknownZone, zone
from waterclock.model.durations import query_moment_ms
from waterclock.model.errors import Flaw, Invalid, NotFound
from waterclock.model.ids import ID_PATTERN
from waterclock.model.instants.strip_counts import Cell, cells_of
from waterclock.model.timestamps import Stamp, stamp
from waterclock_api.dependencies import Dependencies, dependencies_of
from waterclock_api.http.headers import header
from waterclock_api.http.request_body import refuse
from waterclock_api.http.request_query import read_query
from waterclock_api.http.response import Answer, tag_of, unless_known, written
from waterclock_api.http.route import AnyRequest, Spec
from waterclock_api.queries.notices.promises import broken_in_bins, latest_broken
from waterclock_api.queries.overview.kept_answers import Kept, state_of
from waterclock_api.queries.overview.strips import Strips, read_strips
from waterclock_api.queries.pages import room_if_large
from waterclock_api.queries.slow_reads import ranging, until_left
from waterclock_api.queries.sources import Reading
from waterclock_api.schemas.requests import Moment

Broken = Mapping[str, Sequence[tuple[int, int, int]]]
"""Of each job, in which bins, from the first to the last, how many promises were broken."""

JOBS_MOST = 200
BINS_MOST = 2_000
CELLS_MOST = 80_000
_DAY = 86_400_000
LONGEST = 3_660 * _DAY  # ms
_LATEST = 253_000_000_000_000  # ms: to the year 9987, for a month of a calendar goes on beyond it


class StripsQuery(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Of which jobs, in which range, in which bins."""

    job_id: Annotated[tuple[str, ...], said("Of this job, by its id. Repeatable: 1 to 200 jobs.")] = ()
    from_: Annotated[Moment | None, said("Start of the range, inclusive. By default a day before `to`.")] = (
        msgspec.field(default=None, name="from")
    )
    to: Annotated[
        Moment | None, said("End of the range, exclusive. By default now. At most 3660 days after `from`.")
    ] = None
    bins: Annotated[
        Annotated[int, msgspec.Meta(ge=1, le=BINS_MOST)] | None,
        said("So many bins of equal width. By default 24. All jobs together may have 80000."),
    ] = None
    by: Annotated[
        By | None,
        said("Bins that are whole hours, days, weeks or months of `timezone`, instead of `bins`: at most 2000."),
    ] = None
    timezone: Annotated[str | None, said("Time zone of `by`. By default that of a new job.")] = None


class JobStrip(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What became of a job's scheduled times."""

    job_id: Annotated[str, said("Id of the job.")]
    coarser: Annotated[
        bool,
        said(
            "The job has more scheduled times in the range than are looked at one by one (600000 of all jobs): in a "
            "bin only as many are `missing` as fewer were decided than scheduled."
        ),
    ]
    cells: Annotated[
        list[Cell],
        said("The bins, run-length encoded: how many in a row have these counts; null: nothing to count."),
    ]


class LedgerStrips(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What became of the scheduled times of some jobs, counted in bins."""

    from_: Annotated[
        Stamp, said("Start of the first bin, inclusive. With `by` it may lie before what was asked for.")
    ] = msgspec.field(name="from")
    to: Annotated[Stamp, said("End of the last bin, exclusive. With `by` it may lie after what was asked for.")]
    edges: Annotated[
        list[Stamp] | None,
        said("With `by`: where each bin begins, and where the last one ends. Null: the bins have equal widths."),
    ]
    oldest_pending: Annotated[
        Stamp | None, said("The oldest scheduled time in the range that is due and not decided yet.")
    ]
    items: Annotated[list[JobStrip], said("One for each job, in the order of the query.")]


class _Asked(NamedTuple):
    job_ids: tuple[str, ...]
    edges: tuple[int, ...]
    told: bool  # whether the edges are


@get(
    "/v1/monitor/ledger/strips",
    spec=Spec(scope="query", query=StripsQuery, answers={200: LedgerStrips}, refuses=(404, 422), tagged=True),
)
async def read_ledger_strips(request: AnyRequest) -> Answer:
    """Count what became of the scheduled times of some jobs, in bins of time.

    Each scheduled time is counted once, in the bin that it lies in; `double` and `stray` are counted beside. The counts
    are those of the read models: `ledger/verify` is the proof.
    """
    return await until_left(request, _answered(request))


async def _answered(request: AnyRequest) -> Answer:
    parts = dependencies_of(request)
    of = ranging(request, "ask for fewer jobs or bins")
    asked = _asked(parts, read_query(request, StripsQuery))
    known = header(request, b"if-none-match")
    partitions = sorted({parts.log.partition_of(one) for one in asked.job_ids})
    state = (*await state_of(parts, of, partitions), await _latest_broken(parts, of))
    now_ms, now_s = max(map(parts.now_ms, partitions)), parts.clock.monotonic()
    kept = parts.strips.find(asked, state, now_ms=now_ms, now_s=now_s)
    if kept is None:
        kept = await _computed(parts, of, asked, state, now_s)
        parts.strips.keep(asked, kept)
    room_if_large(request).resize(len(kept.body))
    return unless_known(known, kept.tag, kept.body)


async def _latest_broken(parts: Dependencies, of: Reading) -> int:
    """Promises are judged after what they are about is projected."""
    async with parts.reading(of) as connection:
        return await latest_broken(connection)


async def _computed(parts: Dependencies, of: Reading, asked: _Asked, state: tuple[object, ...], now_s: float) -> Kept:
    found = await read_strips(parts, of, asked.job_ids, asked.edges)
    async with parts.reading(of) as connection:
        broken = await broken_in_bins(connection, asked.job_ids, asked.edges)
    body = await parts.offload.run(of.who, _told, asked, found, broken)
    return Kept(state, found.holds_until, now_s, tag_of(body), body)


def _told(asked: _Asked, found: Strips, broken: Broken) -> bytes:
    edges = asked.edges
    pending = [strip.oldest_pending for strip in found.strips.values() if strip.oldest_pending is not None]
    told = LedgerStrips(
        from_=stamp(edges[0]),
        to=stamp(edges[-1]),
        edges=[stamp(edge) for edge in edges] if asked.told else None,
        oldest_pending=stamp(min(pending)) if pending else None,
        items=[
            JobStrip(job_id=job_id, coarser=job_id in found.coarser, cells=_cells(found, job_id, broken))
            for job_id in asked.job_ids
        ],
    )
    return written(told)


def _cells(found: Strips, job_id: str, broken: Broken) -> list[Cell]:
    bins = found.strips[job_id].bins
    for first, last, count in broken.get(job_id, ()):
        for place in range(first, last + 1):
            bins[place] = {**bins[place], "broken": bins[place].get("broken", 0) + count}
    return cells_of(bins)


def _asked(parts: Dependencies, query: StripsQuery) -> _Asked:
    """
    Raises:
        Invalid: no jobs or too many, no range, or too many bins.
        NotFound: what can be no job.
    """
    flaws: list[Flaw] = []
    job_ids = tuple(dict.fromkeys(query.job_id))
    if not job_ids:
        flaws.append(Flaw("?jobId", "is missing: name one job at least"))
    if len(job_ids) > JOBS_MOST:
        flaws.append(Flaw("?jobId", f"is given for more than {JOBS_MOST} jobs: ask for some of them at a time"))
    if query.by is not None and query.bins is not None:
        flaws.append(Flaw("?bins", "does not go together with by: leave one of them out"))
    if query.timezone is not None and query.by is None:
        flaws.append(Flaw("?timezone", "goes with by only"))
    from_ms, to_ms = _range(parts, query, flaws)
    refuse(flaws)
    edges = _edges(parts, query, from_ms, to_ms, flaws)
    if len(edges) - 1 > BINS_MOST:
        flaws.append(Flaw("?by", f"makes more than {BINS_MOST} bins of the range: take wider ones, or shorten it"))
    elif (len(edges) - 1) * len(job_ids) > CELLS_MOST:
        flaws.append(Flaw("?jobId", f"makes more than {CELLS_MOST} bins for all jobs: ask for fewer jobs or bins"))
    refuse(flaws)
    unknown = next((one for one in job_ids if ID_PATTERN.fullmatch(one) is None), None)
    if unknown is not None:
        raise NotFound("job", unknown)
    return _Asked(job_ids, tuple(edges), query.by is not None)


def _range(parts: Dependencies, query: StripsQuery, flaws: list[Flaw]) -> tuple[int, int]:
    found: dict[str, int] = {}
    for name, given in (("from", query.from_), ("to", query.to)):
        if given is None:
            continue
        try:
            found[name] = query_moment_ms(given)
        except ValueError as error:
            flaws.append(Flaw(f"?{name}", str(error)))
    to_ms = found.get("to", max(parts.now_ms(), found.get("from", 0) + 1))
    from_ms = found.get("from", max(0, to_ms - _DAY))
    if not flaws and from_ms >= to_ms:
        flaws.append(Flaw("?to", "is not after from"))
    if not flaws and to_ms - from_ms > LONGEST:
        flaws.append(Flaw("?from", f"is more than {LONGEST // _DAY} days before to: shorten the range"))
    if not flaws and to_ms > _LATEST:
        flaws.append(Flaw("?to", "is after the year 9986"))
    return from_ms, to_ms


def _edges(parts: Dependencies, query: StripsQuery, from_ms: int, to_ms: int, flaws: list[Flaw]) -> Sequence[int]:
    if query.by is None:
        bins = 24 if query.bins is None else query.bins
        if to_ms - from_ms < bins:
            flaws.append(Flaw("?bins", "are shorter than a millisecond: take fewer of them"))
        return [from_ms + (to_ms - from_ms) * place // bins for place in range(bins + 1)]
    try:
        rules = zone(query.timezone or parts.zone or "UTC")
    except UnknownZone as error:
        raise Invalid(Flaw("?timezone", str(error))) from error
    return calendar_edges(rules, query.by, from_ms, to_ms, BINS_MOST)


HANDLERS = (read_ledger_strips,)
