"""Rows of the read models → what clients read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import msgspec

from waterclock.log.commands.jobs import StoredJob
from waterclock.model.cron.schedule import BadSchedule
from waterclock.model.definition import Definition
from waterclock.model.events import ExecutorSpec
from waterclock.model.ids import JobId
from waterclock.model.instants.timetable import named_by
from waterclock.model.outcomes import Error, Unreadable
from waterclock.model.parameters.authority import held_by
from waterclock.model.places import PlaceSpec
from waterclock.model.positions import Position
from waterclock.model.timestamps import Stamp, stamp
from waterclock.wire.nesting import shallow
from waterclock_api.schemas.responses import (
    Attempt,
    BriefRun,
    Executor,
    Job,
    LastRun,
    LogLine,
    Note,
    Place,
    Progress,
    Run,
    Step,
)
from waterclock_api.validation.announced_places import Announced, Target, places_of
from waterclock_api.validation.notes import of_unfit

Row = Sequence[Any]
ERROR_LINE = 200
"""Characters of an error in a list."""


def job_of(row: Row, now: int) -> Job:
    """`now`: ms, for the next instant; one through which the job is decided already does not come."""
    job_id, version, definition, created_at, updated_at, is_running, mark, flaws, last_success_at, *last = row
    return _job(
        job_id,
        version,
        msgspec.convert(definition, Definition),
        created_at=stamp(created_at),
        updated_at=stamp(updated_at),
        is_running=is_running,
        last_run=_last_run(last) if last[0] is not None else None,
        last_success_at=_stamp(last_success_at),
        since=max(now, mark),
        notes=of_unfit(flaws or ()),
    )


def job_of_log(stored: StoredJob, now: int, *, fresh: bool = False) -> Job:
    """The job as its partition holds it; what only the read models know is null, unless it is `fresh`: never ran."""
    return _job(
        stored.job_id,
        stored.version,
        stored.definition,
        created_at=stored.created_at,
        updated_at=stored.updated_at,
        is_running=False if fresh else None,
        last_run=None,
        since=max(now, stored.mark),
    )


def next_fires(job_id: str, definition: Definition, now: int, count: int) -> list[Stamp]:
    """The next instants after `now` (ms), at most `count`; none for a job that is disabled or runs on demand."""
    if not definition.enabled:
        return []
    try:
        named = named_by(JobId(job_id), definition)
    except BadSchedule:  # accepted by another release, whose rules or zones were others
        return []
    return [stamp(instant) for instant in islice(named.following(now), count)]


def run_of(row: Row, attempts: Sequence[Attempt] = (), steps: Sequence[Step] = ()) -> Run:
    started_at, finished_at = row[12], row[13]
    return Run(
        id=row[0],
        job_id=row[1],
        job_name=row[2],
        job_group=row[3],
        invoke_target=row[4],
        params=row[5],
        queue=row[6],
        trigger=row[7],
        status=row[8],
        nominal_at=_stamp(row[9]),
        requested_at=stamp(row[10]),
        ready_at=_stamp(row[11]),
        started_at=_stamp(started_at),
        finished_at=_stamp(finished_at),
        duration_ms=_lasted(started_at, finished_at),
        attempt=row[14],
        max_attempts=row[15],
        worker=row[16],
        result=_result(row[17]),
        error=_error(row[18]),
        waiting_on=row[19],
        cancel_requested_at=_stamp(row[20]),
        retry_of=row[21],
        reason=row[22],
        labels=row[23],
        folded=row[24],
        folded_first=_stamp(row[25]),
        trace_id=row[26],
        cancel_reason=row[27],
        unreadable=None if row[28] is None else msgspec.convert(row[28], Unreadable),
        attempts=list(attempts),
        steps=list(steps),
    )


def brief_run_of(row: Row) -> BriefRun:
    """Of a row that was read briefly."""
    started_at, finished_at = row[12], row[13]
    return BriefRun(
        id=row[0],
        job_id=row[1],
        job_name=row[2],
        job_group=row[3],
        invoke_target=row[4],
        queue=row[6],
        trigger=row[7],
        status=row[8],
        nominal_at=_stamp(row[9]),
        requested_at=stamp(row[10]),
        ready_at=_stamp(row[11]),
        started_at=_stamp(started_at),
        finished_at=_stamp(finished_at),
        duration_ms=_lasted(started_at, finished_at),
        attempt=row[14],
        max_attempts=row[15],
        worker=row[16],
        error_line=error_line(row[18]),
        waiting_on=row[19],
        cancel_requested_at=_stamp(row[20]),
        labels=row[23],
        retry_of=row[21],
    )


def error_line(error: Mapping[str, str] | None) -> str | None:
    """Type and first line of an error, in `ERROR_LINE` characters at most."""
    if error is None:
        return None
    first = error["message"].strip().partition("\n")[0].rstrip()
    line = f"{error['type']}: {first}" if first else error["type"]
    return line if len(line) <= ERROR_LINE else line[: ERROR_LINE - 1] + "…"


def line_of(row: Row) -> LogLine:
    partition, epoch, seq, _, at, run_id, attempt, step, level, text, *number = row
    return LogLine(
        position=str(Position(partition, epoch, seq)),
        at=stamp(at),
        run_id=run_id,
        attempt=attempt,
        step=step,
        level=level,
        text=text,
        number=number[0] if number else None,
    )


def executor_of(row: Row, announced: Sequence[Announced]) -> Executor:
    key, spec, workers = row
    read = msgspec.convert(spec, ExecutorSpec)
    placed = held_by(key, read) == "places"
    return Executor(
        key=key,
        description=read.description,
        params_schema=read.params_schema,
        result_schema=read.result_schema,
        timeout=read.timeout,
        aliases=read.aliases,
        workers=workers,
        placed=placed,
        places=[_place(one) for one in places_of(announced, Target(name=key, spec=read))] if placed else [],
    )


def _place(spec: PlaceSpec) -> Place:
    """Without the digests and references of it: nobody can read them."""
    return Place(
        name=spec.name,
        databases=spec.databases,
        prefix=spec.prefix,
        retention_days=spec.retention_days,
        keep_last=spec.keep_last,
        free=spec.free,
        adhoc=spec.adhoc,
        drills=spec.drills,
    )


def _job(
    job_id: str,
    version: int,
    definition: Definition,
    *,
    created_at: Stamp,
    updated_at: Stamp,
    is_running: bool | None,
    last_run: LastRun | None,
    since: int,
    last_success_at: Stamp | None = None,
    notes: tuple[Note, ...] = (),
) -> Job:
    fires = next_fires(job_id, definition, since, 1)
    return Job(
        **members_of(definition),
        id=job_id,
        version=version,
        next_fire_at=fires[0] if fires else None,
        is_running=is_running,
        last_run=last_run,
        last_success_at=last_success_at,
        created_at=created_at,
        updated_at=updated_at,
        notes=notes,
    )


def members_of(definition: Definition) -> dict[str, Any]:
    """Those of a job in answers, by their names in Python."""
    return msgspec.structs.asdict(definition) | {"promise": definition.promise or None}


def _result(text: str | None) -> msgspec.Raw | None:
    """As JSON: what an earlier release let in may be nested too deeply to be read, by us and by clients."""
    return None if text is None else msgspec.Raw(shallow(text.encode()))


def _last_run(row: Row) -> LastRun:
    run_id, status, trigger, nominal_at, requested_at, started_at, finished_at = row
    return LastRun(
        id=run_id,
        status=status,
        trigger=trigger,
        nominal_at=_stamp(nominal_at),
        requested_at=stamp(requested_at),
        started_at=_stamp(started_at),
        finished_at=_stamp(finished_at),
        duration_ms=_lasted(started_at, finished_at),
    )


def attempt_of(row: Row) -> Attempt:
    _, number, fence, worker, started_at, finished_at, outcome, error = row
    return Attempt(
        number=number,
        fence=fence,
        worker=worker,
        started_at=stamp(started_at),
        finished_at=_stamp(finished_at),
        outcome=outcome,
        error=_error(error),
    )


def step_of(row: Row) -> Step:
    _, number, attempt, name, status, started_at, finished_at, done, total, error = row
    return Step(
        number=number,
        attempt=attempt,
        name=name,
        status=status,
        started_at=stamp(started_at),
        finished_at=_stamp(finished_at),
        progress=None if done is None else Progress(done=done, total=total),
        error=_error(error),
    )


def _stamp(at: int | None) -> Stamp | None:
    return None if at is None else stamp(at)


def _lasted(started_at: int | None, finished_at: int | None) -> int | None:
    return None if started_at is None or finished_at is None else max(0, finished_at - started_at)


def _error(found: Any) -> Error | None:
    return None if found is None else msgspec.convert(found, Error)
