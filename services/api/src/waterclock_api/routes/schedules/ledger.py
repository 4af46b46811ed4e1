"""Routes of the ledger: the proof that every instant is accounted for, and what became of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import msgspec
from litestar import get

from waterclock.model.cron.schedule import BadSchedule
from waterclock.model.durations import LATEST, query_moment_ms
from waterclock.model.errors import Flaw, Invalid
from waterclock.model.instants.explain import Explanation
from waterclock.model.instants.ledger import Breach
from waterclock.model.timestamps import Stamp, millis, stamp
from waterclock_api.dependencies import Dependencies, dependencies_of
from waterclock_api.http.request_body import refuse
from waterclock_api.http.request_query import read_query
from waterclock_api.http.response import Answer, answer
from waterclock_api.http.route import AnyRequest, Id, Spec
from waterclock_api.queries.cursors import cursor_of, read_cursor
from waterclock_api.queries.explain import explained, explained_moment
from waterclock_api.queries.ledger import events_kept_from
from waterclock_api.queries.proof import failed_runs, prove
from waterclock_api.queries.slow_reads import ranging, until_left
from waterclock_api.queries.sources import Reading
from waterclock_api.schemas.requests import Cursor, Limit, Moment, Order

_HOUR = 3_600_000
_DAY = 24 * _HOUR
LONGEST_PROOF = 31 * _DAY  # ms: ten seconds and more for a job of each second
LONGEST_TOLD = 100 * 366 * _DAY  # ms: a schedule is walked through it, even where it names little
_LOOKS_BACK = (_DAY, 31 * _DAY, 366 * _DAY, LONGEST_TOLD)
"""How far the newest instants are sought, one after the other: where there are many, the first will do."""


class LedgerQuery(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`from` and `to`, both inclusive, are at most 31 days apart; left out: the last hour. `jobId` may be repeated."""

    from_: Moment | None = msgspec.field(default=None, name="from")
    to: Moment | None = None
    job_id: tuple[str, ...] = ()


class ExplainQuery(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Either `at`, or `from` and `to`, both inclusive; left out: the last day.

    `order=newest`: newest first, and none from before the job was created; without `from` as far back as it takes to
    fill the page.
    """

    at: Moment | None = None
    from_: Moment | None = msgspec.field(default=None, name="from")
    to: Moment | None = None
    order: Order = "oldest"
    limit: Limit = 50
    cursor: Cursor | None = None


class Ledger(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What the decisions about a range add up to. `ok`: no holes, doubles or strays.

    `instants` are those that were to be decided: as many as fired, were skipped or coalesced. Those that are due and
    not decided yet are `pending`. `tzdataChanged` names zone rules by which some were decided that would be others
    today. `failedRuns` are the runs of these jobs that were requested in the range and failed, timed out or died: the
    proof says nothing about whether runs succeed. What was decided before `forgottenBefore` is not kept any more, and
    nothing is said of that part; null where all of the range is.
    """

    from_: Stamp = msgspec.field(name="from")
    to: Stamp
    jobs: int
    instants: int
    fired: int
    skipped: int
    coalesced: int
    pending: int
    oldest_pending: Stamp | None
    holes: tuple[Breach, ...]
    doubles: tuple[Breach, ...]
    strays: tuple[Breach, ...]
    tzdata_changed: tuple[str, ...]
    failed_runs: int
    forgotten_before: Stamp | None
    ok: bool


class Explanations(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    items: list[Explanation]
    next_cursor: str | None


@get(
    "/v1/monitor/ledger/verify", spec=Spec(scope="query", query=LedgerQuery, answers={200: Ledger}, refuses=(404, 422))
)
async def verify_ledger(request: AnyRequest) -> Answer:
    """Prove that each instant of a range has one decision, and each decision its instant."""
    return await until_left(request, _verified(request))


async def _verified(request: AnyRequest) -> Answer:
    parts, of = dependencies_of(request), ranging(request, "fewer jobs by `jobId`")
    query = read_query(request, LedgerQuery)
    asked = _range(query.from_, query.to, parts.now_ms(), usual=_HOUR, longest=LONGEST_PROOF)
    kept_from = await events_kept_from(parts, of)
    jobs, verdict = await prove(parts, of, max(asked.from_ms, kept_from), asked.to_ms, query.job_id)
    found = msgspec.structs.asdict(verdict)
    found["failed_runs"] = await failed_runs(parts, of, asked.from_ms, asked.to_ms, query.job_id)
    found["forgotten_before"] = stamp(kept_from) if asked.from_ms < kept_from else None
    return answer(Ledger(from_=stamp(asked.from_ms), to=stamp(asked.to_ms), jobs=jobs, ok=verdict.ok, **found))


@get(
    "/v1/monitor/jobs/{job_id:str}/explain",
    spec=Spec(scope="query", query=ExplainQuery, answers={200: Explanations}, refuses=(404, 422)),
)
async def explain_job(request: AnyRequest, job_id: Id) -> Answer:
    """Say what became of each instant in a range and why, or of one moment; of deleted jobs, too."""
    return await until_left(request, _explained(request, job_id))


async def _explained(request: AnyRequest, job_id: str) -> Answer:
    parts, of = dependencies_of(request), ranging(request, "fewer at once by `limit`")
    query = read_query(request, ExplainQuery)
    try:
        if query.at is not None:
            told = await explained_moment(parts, of, job_id, _at(query.at, query))
            return answer(Explanations(items=list(told), next_cursor=None))
        asked = _range(query.from_, query.to, parts.now_ms(), usual=_DAY, longest=LONGEST_TOLD)
        if query.order == "newest":
            return await _newest(parts, of, job_id, query, asked)
        before = read_cursor(query.cursor, tuple[int])
        from_ms = asked.from_ms if before is None else max(asked.from_ms, before[0] + 1)
        told = await explained(parts, of, job_id, from_ms, asked.to_ms, query.limit + 1)
    except BadSchedule as error:
        raise Invalid(Flaw("", f"a definition of the job cannot be read: {error}")) from error
    page = list(told[: query.limit])
    more = cursor_of(millis(page[-1].instant)) if len(told) > len(page) else None
    return answer(Explanations(items=page, next_cursor=more))


async def _newest(parts: Dependencies, of: Reading, job_id: str, query: ExplainQuery, asked: _Range) -> Answer:
    before = read_cursor(query.cursor, tuple[int, Literal["newest"]])
    to_ms = asked.to_ms if before is None else min(asked.to_ms, before[0] - 1)
    told: Sequence[Explanation] = ()
    for back in _LOOKS_BACK if query.from_ is None else (None,):
        from_ms = asked.from_ms if back is None else max(0, to_ms - back)
        if from_ms <= to_ms:
            told = await explained(parts, of, job_id, from_ms, to_ms, query.limit + 1, newest=True)
        if len(told) > query.limit:
            break
    page = list(told[: query.limit])
    more = cursor_of(millis(page[-1].instant), "newest") if len(told) > len(page) else None
    return answer(Explanations(items=page, next_cursor=more))


class _Range(NamedTuple):
    from_ms: int
    to_ms: int


def _range(from_: str | None, to: str | None, now: int, *, usual: int, longest: int) -> _Range:
    """The range that is asked for: `usual` ms long and up to now, where it is not said.

    Raises:
        Invalid: no moments, none after the other, or more than `longest` ms apart.
    """
    flaws: list[Flaw] = []
    first, last = _moment("from", from_, flaws), _moment("to", to, flaws)
    refuse(flaws)
    if last is None:
        last = now if first is None or first <= now else min(first + usual, LATEST)
    if first is None:
        first = max(0, last - usual)
    if last < first:
        raise Invalid(Flaw("?to", "is before from"))
    if last - first > longest:
        raise Invalid(Flaw("?from", f"is more than {longest // _DAY} days before to: ask for parts of the range"))
    return _Range(first, last)


def _at(written: str, query: ExplainQuery) -> int:
    """
    Raises:
        Invalid: no moment, or given beside a range.
    """
    flaws: list[Flaw] = []
    if query.from_ is not None or query.to is not None or query.cursor is not None:
        flaws.append(Flaw("?at", "is one moment: leave out from, to and cursor"))
    at = _moment("at", written, flaws)
    refuse(flaws)
    assert at is not None
    return at


def _moment(name: str, written: str | None, flaws: list[Flaw]) -> int | None:
    if written is None:
        return None
    try:
        return query_moment_ms(written)
    except ValueError as error:
        flaws.append(Flaw(f"?{name}", str(error)))
        return None


HANDLERS = (verify_ledger, explain_job)
