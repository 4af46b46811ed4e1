"""The route that makes up for a past range: a run for each of its instants, after a dry run.

A backfill is appended whole by one call of the log, so its key is known from the moment that its runs are. What goes
beyond one call is left, and said.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import msgspec
from litestar import post

from waterclock.log.commands.backfill import Backfilled, requested_by
from waterclock.log.commands.backfill import backfill as log_backfill
from waterclock.log.commands.bodies import body_of
from waterclock.log.commands.idempotency import KeyReused as Reused
from waterclock.log.commands.idempotency import Replayed
from waterclock.log.commands.jobs import StoredJob, load_job
from waterclock.log.commands.requests import Blocked, NoJob, Request, StaleJob
from waterclock.model.cron.schedule import BadSchedule
from waterclock.model.errors import Flaw, Invalid, KeyReused, NotFound, RunBlocked, TryLater
from waterclock.model.events import RunRequested
from waterclock.model.ids import backfilled_run
from waterclock.model.instants.backfill import Backfill, plan, requested
from waterclock.model.instants.table import Fate
from waterclock.model.job import Job
from waterclock.model.positions import Position
from waterclock.model.timestamps import Stamp, millis, stamp
from waterclock.store.archive import ArchiveReader
from waterclock_api.access.principal import caller_id
from waterclock_api.commands import edit_job
from waterclock_api.commands.idempotency import REPLAYED, earlier_or_refuse
from waterclock_api.commands.outage_retry import PATIENCE, appended
from waterclock_api.commands.request_run import store_now
from waterclock_api.dependencies import Dependencies, dependencies_of
from waterclock_api.http.caller import Caller, caller_of
from waterclock_api.http.request_body import read_json, read_struct, refuse
from waterclock_api.http.request_query import NoQuery, read_query
from waterclock_api.http.response import Answer, answer
from waterclock_api.http.route import AnyRequest, Id, Spec
from waterclock_api.queries.executor_waits import executor_awaited
from waterclock_api.queries.explain import explained
from waterclock_api.queries.slow_reads import ranging, until_left
from waterclock_api.queries.sources import Reading
from waterclock_api.schemas.requests import BackfillWrite
from waterclock_api.schemas.responses import BackfillAnswer, BackfillItem
from waterclock_api.telemetry.tracing import apart_or_of, asked, created
from waterclock_api.validation.values import duration, instant

BYTES_MOST = 2 << 20
"""Of the bodies of one call: each run carries its parameters."""
LONGEST = 100 * 366 * 86_400_000  # ms

_UNSAID = "1970-01-01T00:00:00Z"


class _Wanted(NamedTuple):
    write: BackfillWrite
    from_ms: int
    to_ms: int
    pace_ms: int | None  # None: the job's


@post(
    "/v1/monitor/jobs/{job_id:str}/backfill",
    spec=Spec(
        scope="run",
        body=BackfillWrite,
        answers={200: BackfillAnswer, 202: BackfillAnswer},
        refuses=(404, 409, 413, 415, 422),
        keyed=True,
    ),
)
async def backfill_job(request: AnyRequest, job_id: Id) -> Answer:
    """Run a past range again: one run for each scheduled time. By default a dry run."""
    parts = dependencies_of(request)
    read_query(request, NoQuery)
    body = await read_json(request)
    caller, who = caller_of(request, body), caller_id(request.scope)
    with asked(caller, "backfill job"):
        given = await earlier_or_refuse(parts, caller, job_id)
        wanted = _wanted(body)
        if given is not None and given.position is not None:
            return await _again(parts, who, caller, job_id, wanted, given.position)
        if wanted.to_ms > await store_now(parts, job_id):
            raise Invalid(Flaw("/to", "is in the future: a backfill covers past scheduled times"))
        if wanted.write.dry_run:
            return await until_left(request, _foretold(parts, ranging(request), job_id, wanted))
        return await _requested(parts, who, caller, job_id, wanted)


def _wanted(body: Any) -> _Wanted:
    """
    Raises:
        Invalid: names every flaw.
    """
    flaws: list[Flaw] = []
    write = read_struct(BackfillWrite, body, flaws, stand_ins={"from_": _UNSAID, "to": _UNSAID})
    low, high = instant("from", write.from_, flaws), instant("to", write.to, flaws)
    pace = None if write.pace is None else duration("pace", write.pace, flaws)
    refuse(flaws)
    assert low is not None
    assert high is not None
    from_ms, to_ms = millis(low), millis(high)
    if to_ms < from_ms:
        raise Invalid(Flaw("/to", "is before from"))
    if to_ms - from_ms > LONGEST:
        raise Invalid(Flaw("/from", "is more than 100 years before to"))
    return _Wanted(write, from_ms, to_ms, None if pace is None else round(pace * 1000))


async def _foretold(parts: Dependencies, of: Reading, job_id: str, wanted: _Wanted) -> Answer:
    stored = await edit_job.load(parts, job_id)
    found = await parts.offload.run(of.who, _plan, stored, wanted)
    fates: dict[Stamp, Fate] = {}
    if found.instants:
        first, last = found.instants[0], found.instants[-1]
        told = await explained(parts, of, job_id, first, last, len(found.instants))
        fates = {one.instant: one.fate for one in told}
    now = await store_now(parts, job_id)
    items = [
        BackfillItem(
            instant=stamp(one),
            run_id=None,
            ready_at=_ready_at(stored, wanted, now, place),
            state=None,
            fate=fates.get(stamp(one)),
        )
        for place, one in enumerate(found.instants)
    ]
    return _answer(stored, wanted, found, items)


async def _requested(parts: Dependencies, who: str, caller: Caller, job_id: str, wanted: _Wanted) -> Answer:
    deadline = parts.clock.monotonic() + PATIENCE
    while parts.clock.monotonic() < deadline:
        stored = await edit_job.load(parts, job_id)
        found = await parts.offload.run(who, _plan, stored, wanted)
        if not found.instants:
            return _answer(stored, wanted, found, ())
        runs = _runs(await store_now(parts, job_id), caller, stored, wanted, found)
        match await _append(parts, caller, stored, [_request(stored, run) for run in runs]):
            case Backfilled(states=states):
                items = [_item(run, state) for run, state in zip(runs, states, strict=False)]
                for run in runs[: len(states)]:
                    created(run.run_id, run.queue, job=run.job_id)
                return _answer(stored, wanted, _cut(found, len(items)), items)
            case Replayed(answer=given):  # the first reply was lost on its way, or the same key came twice at once
                assert given.position is not None
                return await _again(parts, who, caller, job_id, wanted, given.position)
            case Blocked(run_id=run_id):
                raise RunBlocked(run_id, await executor_awaited(parts, run_id))
            case NoJob():
                raise NotFound("job", job_id)
            case StaleJob():
                continue
            case Reused():
                raise KeyReused
    raise TryLater("The job keeps changing.")


async def _append(
    parts: Dependencies, caller: Caller, stored: StoredJob, requests: list[Request]
) -> Backfilled | Blocked | Replayed | Reused | NoJob | StaleJob:
    call = functools.partial(log_backfill, command=caller.command, version=stored.version)
    return await appended(parts.clock, lambda: call(parts.log, stored.job_id, requests))


async def _again(parts: Dependencies, who: str, caller: Caller, job_id: str, wanted: _Wanted, last: Position) -> Answer:
    """What the first call requested, read back; what it left is said as it is today."""
    runs = await requested_by(parts.log, caller.command.id, last, archive=ArchiveReader(parts.lanes.own))
    if not runs:
        raise TryLater("The runs are not in the read models yet.")
    items = [_item(run, run.state) for run in runs]
    instants = tuple(millis(item.instant) for item in items)
    stored = await load_job(parts.log, job_id)
    rest = Backfill(instants=(), left=0, pending=0)
    if stored is not None:
        rest = await parts.offload.run(who, _plan, stored, wanted._replace(from_ms=instants[-1] + 1))
    found = Backfill(instants=instants, left=len(rest.instants) + rest.left, pending=rest.pending)
    return _answer(stored, wanted, found, items, replayed=True)


def _plan(stored: StoredJob, wanted: _Wanted) -> Backfill:
    """
    Raises:
        Invalid: the job's definition cannot be read.
    """
    job = Job(job_id=stored.job_id, version=stored.version, definition=stored.definition)
    size = len(body_of(requested(job, wanted.from_ms, ready_at=stamp(0), command_id="", actor="")))
    limit = min(wanted.write.limit, max(1, BYTES_MOST // size))
    try:
        return plan(job, from_ms=wanted.from_ms, to_ms=wanted.to_ms, mark=stored.mark, limit=limit)
    except BadSchedule as error:
        raise Invalid(Flaw("", f"the definition of the job cannot be read: {error}")) from error


def _runs(now: int, caller: Caller, stored: StoredJob, wanted: _Wanted, found: Backfill) -> list[RunRequested]:
    """`now`: by the clock of the job's partition, ms."""
    return [
        requested(
            stored,
            one,
            ready_at=_ready_at(stored, wanted, now, place),
            command_id=caller.command.id,
            actor=caller.actor,
            reason=wanted.write.reason,
            **apart_or_of(caller, backfilled_run(stored.job_id, caller.command.id, one))._asdict(),
        )
        for place, one in enumerate(found.instants)
    ]


def _request(stored: StoredJob, run: RunRequested) -> Request:
    """Runs of a job that may not overlap wait for one another, whatever becomes of its instants."""
    return Request(
        run_id=run.run_id,
        job_id=stored.job_id,
        queue=run.queue,
        overlap="allow" if stored.definition.concurrent == "0" else "buffer_all",
        ready_at=0 if run.ready_at is None else millis(run.ready_at),
        body=body_of(run),
    )


def _ready_at(stored: StoredJob, wanted: _Wanted, now: int, place: int) -> Stamp | None:
    """When the run in this place may start; None: at once."""
    pace = round(stored.definition.catchup_pace * 1000) if wanted.pace_ms is None else wanted.pace_ms
    return stamp(now + place * pace) if place * pace else None


def _item(run: RunRequested, state: str) -> BackfillItem:
    assert run.nominal_at is not None
    return BackfillItem(instant=run.nominal_at, run_id=run.run_id, ready_at=run.ready_at, state=state, fate=None)


def _cut(found: Backfill, requested_runs: int) -> Backfill:
    """The same where only the first runs were requested, because more would wait than may."""
    beyond = len(found.instants) - requested_runs
    return msgspec.structs.replace(found, instants=found.instants[:requested_runs], left=found.left + beyond)


def _answer(
    stored: StoredJob | None,
    wanted: _Wanted,
    found: Backfill,
    items: list[BackfillItem] | tuple[()],
    *,
    replayed: bool = False,
) -> Answer:
    told = BackfillAnswer(
        dry_run=wanted.write.dry_run,
        from_=stamp(wanted.from_ms),
        to=stamp(wanted.to_ms),
        instants=len(found.instants) + found.left,
        runs=len(found.instants),
        left=found.left,
        next_from=None if found.next_from is None else stamp(found.next_from),
        pending=found.pending,
        notes=() if stored is None else tuple(_notes(stored, found)),
        items=tuple(items),
    )
    if wanted.write.dry_run:
        return answer(told)
    return answer(told, status=202, headers=REPLAYED if replayed else {})


def _notes(stored: StoredJob, found: Backfill) -> list[str]:
    definition = stored.definition
    notes: list[str] = []
    if definition.cron_expression is None:
        notes.append("The job has no schedule, so it has no scheduled times.")
    if not definition.enabled:
        notes.append("The job is disabled: the backfill runs anyway.")
    if definition.concurrent == "1" and found.instants:
        notes.append(
            "The job may not overlap: the runs wait for one another, and scheduled times that come due before the "
            f"last run has ended find an unfinished run (overlapPolicy {definition.overlap})."
        )
    if found.pending:
        notes.append(f"{found.pending} scheduled times are due and not decided yet: they are left to the scheduler.")
    return notes


HANDLERS = (backfill_job,)
