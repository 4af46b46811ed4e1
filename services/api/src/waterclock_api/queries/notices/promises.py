"""What is promised and what is broken, as notifiers have judged it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from waterclock.model.definition import Definition
from waterclock.model.events import JobChanged, JobCreated
from waterclock.model.ids import RunId
from waterclock.model.instants.promises import Broken
from waterclock.model.notices.facts import Break, OpenRun, Silence, Trouble
from waterclock.model.notices.known import decode
from waterclock.model.notices.rule_book import PROMISED
from waterclock.model.promise import Promise, finish_due, start_due
from waterclock.model.timestamps import Stamp, millis, stamp
from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement
from waterclock.wire.envelope import decode_document
from waterclock_api.limits.memory_budget import Hold
from waterclock_api.queries.cursors import cursor_of, read_jobs_cursor
from waterclock_api.queries.pages import rows_of
from waterclock_api.queries.read_models import PACKAGE
from waterclock_api.queries.rows import Row, next_fires
from waterclock_api.schemas.notices import JobPromise, Promises, PromisesQuery
from waterclock_api.schemas.promises import BrokenPromise, OpenBreak, PromiseStanding
from waterclock_api.schemas.responses import Job, Run

BROKEN_MOST = 5_000
"""Broken promises of the scheduled times that are told at once."""
_definition = msgspec.json.Decoder(Definition).decode


async def promises(connection: Connection, query: PromisesQuery, now: int, hold: Hold | None = None) -> Promises:
    """
    Raises:
        BadRequest: the cursor is of another list.
    """
    after_at, after_id = read_jobs_cursor(query.cursor) or (None, None)
    arguments = _of(query.job_id) | {
        "job_groups": list(query.job_group),
        "states": list(query.state),
        "after_at": after_at,
        "after_id": after_id,
    }

    def after(row: Row) -> dict[str, Any]:
        return {"after_at": row[1], "after_id": row[0]}

    page, more = await rows_of(connection, "promises", arguments, query.limit, after=after, large=(4,), hold=hold)
    following = cursor_of(page[-1][1], page[-1][0]) if more else None
    return Promises(items=[_promise(row, now) for row in page], next_cursor=following)


async def with_standing(connection: Connection, job: Job, now: int) -> Job:
    """The job with how its promise is kept, if it has one."""
    if job.promise is None:
        return job
    nothing: dict[str, Any] = {"job_groups": [], "states": [], "after_at": None, "after_id": None, "limit": 1}
    row = await (await connection.execute(statement("promises", PACKAGE), _of((job.id,)) | nothing)).fetchone()
    return job if row is None else replace(job, promise_standing=_standing(row, now))


async def with_broken(connection: Connection, run: Run) -> Run:
    """The run with what was promised of it when it was requested, and what of that it has broken."""
    if run.job_id is None:
        return run
    promise = await _promise_of(connection, run.id)
    broken = await _rows(connection, "broken_by_run", {"run_id": run.id, "limit": BROKEN_MOST})
    return replace(run, promise=promise, broken=[_broken(row) for row in broken])


async def broken_between(connection: Connection, job_id: str, first: int, last: int) -> list[Broken]:
    """The promises that scheduled times of a job have broken, in the order in which that was known."""
    arguments = {"job_id": job_id, "from": first, "to": last, "limit": BROKEN_MOST}
    rows = await _rows(connection, "broken_by_instants", arguments)
    return [
        Broken(
            kind=kind,
            what=what,
            attempt=attempt,
            run_id=None if run_id is None else RunId(run_id),
            first=first_at,
            last=last_at,
            due=due,
            at=at,
            began=began,
            ended=ended,
        )
        for kind, what, attempt, due, at, _, run_id, first_at, last_at, began, ended in rows
    ]


async def broken_in_bins(
    connection: Connection, job_ids: Sequence[str], edges: Sequence[int]
) -> Mapping[str, Sequence[tuple[int, int, int]]]:
    """Of each job, in which bins, from the first to the last, how many were broken; bins are numbered from 0."""
    found: dict[str, list[tuple[int, int, int]]] = {}
    rows = await _rows(connection, "broken_in_bins", {"job_ids": list(job_ids), "edges": list(edges)})
    for job_id, first, last, count in rows:
        place = max(0, first - 1), min(len(edges) - 2, last - 1), count
        found.setdefault(job_id, []).append(place)
    return found


async def broken_since(connection: Connection) -> Mapping[str, int]:
    """Since when promises of jobs are broken that are broken now, ms."""
    return dict(await _rows(connection, "jobs_broken", {"rule": PROMISED.name}))


async def latest_broken(connection: Connection) -> int:
    """Grows with each promise that is broken."""
    [(number,)] = await _rows(connection, "latest_broken", {})
    return number


def _of(job_ids: Sequence[str]) -> dict[str, Any]:
    return {"job_ids": list(job_ids), "rule": PROMISED.name, "trouble_of": "trouble ", "job_of": "job "}


def _promise(row: Row, now: int) -> JobPromise:
    definition = _definition(row[4])
    standing = _standing(row, now)
    return JobPromise(
        job_id=row[0],
        job_group=row[2],
        job_name=row[3],
        promise=definition.promise or Promise(),
        state=standing.state,
        broken=standing.broken,
        next_due_at=standing.next_due_at,
    )


def _standing(row: Row, now: int) -> PromiseStanding:
    job_id, _, _, _, text, mark, state, trouble, open_ = row
    dues = [due for due in (_due(open_), _coming(job_id, _definition(text), max(now, mark))) if due is not None]
    return PromiseStanding(
        state=state,
        broken=[_open(one) for one in _breaks(trouble)],
        next_due_at=_stamp(min(dues, default=None)),
    )


def _breaks(trouble: bytes | None) -> list[Break]:
    fact = None if trouble is None else decode(bytes(trouble))
    return [one for one in fact.breaks if one.rule == PROMISED.name] if isinstance(fact, Trouble) else []


def _due(open_: bytes | None) -> int | None:
    fact = None if open_ is None else decode(bytes(open_))
    return fact.due if isinstance(fact, OpenRun | Silence) else None


def _coming(job_id: str, definition: Definition, since: int) -> int | None:
    """When the run of the next scheduled time has to have started, or ended."""
    fires, promise = next_fires(job_id, definition, since, 1), definition.promise or None
    if not fires or promise is None:
        return None
    nominal = millis(fires[0])
    dues = start_due(promise, nominal), finish_due(promise, nominal, definition.schedule_zone)
    return min((due for due in dues if due is not None), default=None)


def _open(one: Break) -> OpenBreak:
    return OpenBreak(
        kind=one.kind,
        since=stamp(one.since),
        count=one.count,
        run_id=one.run,
        instant=_stamp(one.instant),
        due=_stamp(one.due),
    )


async def _promise_of(connection: Connection, run_id: str) -> Promise | None:
    """What was promised of a run when it was requested: the archive is asked only where its job was ever changed."""
    now = await (await connection.execute(statement("run_promise_now", PACKAGE), {"run_id": run_id})).fetchone()
    if now is not None:
        return _definition(now[0]).promise or None
    then = await (await connection.execute(statement("run_promise", PACKAGE), {"run_id": run_id})).fetchone()
    return None if then is None else _promised(then[0])


def _promised(document: bytes) -> Promise | None:
    event = decode_document(bytes(document))
    return (event.definition.promise or None) if isinstance(event, JobCreated | JobChanged) else None


def _broken(row: Row) -> BrokenPromise:
    kind, what, attempt, due, at, position = row
    return BrokenPromise(kind=kind, what=what, attempt=attempt, due=_stamp(due), at=stamp(at), position=position)


async def _rows(connection: Connection, name: str, arguments: Mapping[str, Any]) -> list[Any]:
    return await (await connection.execute(statement(name, PACKAGE), arguments)).fetchall()


def _stamp(at: int | None) -> Stamp | None:
    return None if at is None else stamp(at)
