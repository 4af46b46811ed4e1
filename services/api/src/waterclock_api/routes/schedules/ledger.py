"""Routes of the ledger: the proof that every instant is accounted for, and what became of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, NamedTuple

import msgspec
from litestar import get

from waterclock.kit.text.members import said
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
from waterclock_api.schemas.responses import NextCursor

_HOUR = 3_600_000
_DAY = 24 * _HOUR
LONGEST_PROOF = 31 * _DAY  # ms: ten seconds and more for a job of each second
LONGEST_TOLD = 100 * 366 * _DAY  # ms: a schedule is walked through it, even where it names little
_LOOKS_BACK = (_DAY, 31 * _DAY, 366 * _DAY, LONGEST_TOLD)
"""How far the newest instants are sought, one after the other: where there are many, the first will do."""


class LedgerQuery(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Which scheduled times to verify."""

    from_: Annotated[Moment | None, said("Start of the range, inclusive. By default an hour before `to`.")] = (
        msgspec.field(default=None, name="from")
    )
    to: Annotated[Moment | None, said("End of the range, inclusive. By default now. At most 31 days after `from`.")] = (
        None
    )
    job_id: Annotated[tuple[str, ...], said("Only this job, by its id. Repeatable.")] = ()


class ExplainQuery(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Which scheduled times to explain: that of one moment, or those of a range."""

    at: Annotated[Moment | None, said("One moment, scheduled or not. Not together with `from` and `to`.")] = None
    from_: Annotated[
        Moment | None,
        said(
            "Start of the range, inclusive. By default a day before `to`; with `order=newest` as far back as it takes "
            "to fill the page."
        ),
    ] = msgspec.field(default=None, name="from")
    to: Annotated[Moment | None, said("End of the range, inclusive. By default now.")] = None
    order: Annotated[
        Order, said("Oldest or newest first. `newest` leaves out the time before the job was created.")
    ] = "oldest"
    limit: Limit = 50
    cursor: Cursor = None


class Ledger(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The outcomes recorded in a range, held against the scheduled times."""

    from_: Annotated[Stamp, said("Start of the range, inclusive.")] = msgspec.field(name="from")
    to: Annotated[Stamp, said("End of the range, inclusive.")]
    jobs: Annotated[int, said("Jobs that were verified, deleted ones included.")]
    instants: Annotated[int, said("Scheduled times with an outcome: `fired` + `skipped` + `coalesced`.")]
    fired: Annotated[int, said("Scheduled times with a run of their own.")]
    skipped: Annotated[int, said("Scheduled times that were skipped.")]
    coalesced: Annotated[int, said("Scheduled times that were merged into another run.")]
    pending: Annotated[int, said("Scheduled times that are due and not decided yet. No fault.")]
    oldest_pending: Annotated[Stamp | None, said("The oldest of them.")]
    holes: Annotated[tuple[Breach, ...], said("Scheduled times, or parts of the range, without an outcome.")]
    doubles: Annotated[tuple[Breach, ...], said("Parts of the range with more than one outcome.")]
    strays: Annotated[tuple[Breach, ...], said("Outcomes of what is no scheduled time.")]
    tzdata_changed: Annotated[
        tuple[str, ...], said("Versions of the time zone rules by which other times were scheduled than by today's.")
    ]
    failed_runs: Annotated[
        int, said("Runs of these jobs, requested in the range, that failed, timed out or died. `ok` ignores them.")
    ]
    forgotten_before: Annotated[
        Stamp | None, said("Retention deleted the events before this time, so they are not verified. Null: none.")
    ]
    ok: Annotated[bool, said("Whether there are no holes, doubles or strays.")]


class Explanations(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A page of explanations."""

    items: Annotated[list[Explanation], said("One for each scheduled time.")]
    next_cursor: NextCursor


@get(
    "/v1/monitor/ledger/verify", spec=Spec(scope="query", query=LedgerQuery, answers={200: Ledger}, refuses=(404, 422))
)
async def verify_ledger(request: AnyRequest) -> Answer:
    """Verify that each scheduled time of a range has exactly one outcome."""
    return await until_left(request, _verified(request))


async def _verified(request: AnyRequest) -> Answer:
    parts, of = dependencies_of(request), ranging(request, "filter by `jobId`")
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
    """Explain what became of each scheduled time, and why. Works for deleted jobs, too."""
    return await until_left(request, _explained(request, job_id))


async def _explained(request: AnyRequest, job_id: str) -> Answer:
    parts, of = dependencies_of(request), ranging(request, "lower `limit`")
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
        raise Invalid(Flaw("?from", f"is more than {longest // _DAY} days before to: split the range"))
    return _Range(first, last)


def _at(written: str, query: ExplainQuery) -> int:
    """
    Raises:
        Invalid: no moment, or given beside a range.
    """
    flaws: list[Flaw] = []
    if query.from_ is not None or query.to is not None or query.cursor is not None:
        flaws.append(Flaw("?at", "is a single time: leave out from, to and cursor"))
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
