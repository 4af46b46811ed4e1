"""The changes of a batch of events, merged to one for each row."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET

from waterclock.model.readmodels.change_types import (
    AttemptChange,
    AttemptsEnded,
    Change,
    DecisionInsert,
    ExecutorChange,
    JobChange,
    LineInsert,
    LinesCleared,
    MuteChange,
    RowChange,
    RunChange,
    ServerChange,
    StepChange,
    StepsEnded,
    WorkerChange,
)

Row = TypeVar("Row", bound=RowChange)


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """The changes of consecutive events of one partition: at most one for each row.

    `ended`, `all_ended` and `cleared` are for rows that were there before the batch, and come first.
    """

    jobs: tuple[JobChange, ...]
    runs: tuple[RunChange, ...]
    attempts: tuple[AttemptChange, ...]
    steps: tuple[StepChange, ...]
    workers: tuple[WorkerChange, ...]
    executors: tuple[ExecutorChange, ...]
    mutes: tuple[MuteChange, ...]
    decisions: tuple[DecisionInsert, ...]
    lines: tuple[LineInsert, ...]
    ended: tuple[StepsEnded, ...]
    all_ended: tuple[AttemptsEnded, ...]
    cleared: tuple[LinesCleared, ...]
    server: str | None


def fold(changes: Iterable[Change]) -> Batch:
    """Merge changes, in the order of their events, to one for each row."""
    rows: dict[type[RowChange], dict[object, Any]] = {kind: {} for kind in _KEYS}
    steps: dict[tuple[str, int], list[object]] = {}  # keys of an attempt's steps
    lines: list[LineInsert] = []
    ended: list[StepsEnded] = []
    all_ended: list[AttemptsEnded] = []
    cleared: dict[str, LinesCleared] = {}
    server: str | None = None
    for change in changes:
        match change:
            case LineInsert():
                lines.append(change)
            case StepsEnded(run_id=run_id, attempt=attempt):
                begun = rows[AttemptChange].get((run_id, attempt))
                if begun is None or not makes_row(begun):  # else all its steps are in this batch
                    ended.append(change)
                _end(rows[StepChange], steps.get((run_id, attempt), ()), change)
            case AttemptsEnded():
                all_ended.append(change)
                _end_all(rows, change)
            case LinesCleared(job_id=job_id):
                cleared[job_id] = change
                lines = [line for line in lines if line.job_id != job_id]
            case ServerChange():
                server = change.server
            case _:
                key = _merge(rows[type(change)], change)
                if isinstance(change, StepChange):
                    steps.setdefault((change.run_id, change.attempt), []).append(key)
    return Batch(
        jobs=tuple(rows[JobChange].values()),
        runs=tuple(rows[RunChange].values()),
        attempts=tuple(rows[AttemptChange].values()),
        steps=tuple(rows[StepChange].values()),
        workers=tuple(rows[WorkerChange].values()),
        executors=tuple(rows[ExecutorChange].values()),
        mutes=tuple(rows[MuteChange].values()),
        decisions=tuple(rows[DecisionInsert].values()),
        lines=tuple(lines),
        ended=tuple(ended),
        all_ended=tuple(all_ended),
        cleared=tuple(cleared.values()),
        server=server,
    )


def _merge(rows: dict[object, Any], change: RowChange) -> object:
    key = _KEYS[type(change)](change)
    old = rows.get(key)
    rows[key] = change if old is None or makes_row(change) else _merged(old, change)
    return key


def makes_row(change: RowChange) -> bool:
    return getattr(change, change.MAKES) is not UNSET


def _merged(old: Row, new: Row) -> Row:
    given = {name: value for name, value in msgspec.structs.asdict(new).items() if value is not UNSET}
    if isinstance(old, JobChange) and old.mark is not UNSET and "mark" in given:
        given["mark"] = max(old.mark, given["mark"])  # it never goes back
    return msgspec.structs.replace(old, **given)


def _end(steps: dict[object, Any], keys: Iterable[object], ended: StepsEnded) -> None:
    for key in keys:
        step: StepChange = steps[key]
        if step.status == "running":
            steps[key] = msgspec.structs.replace(step, status=ended.status, finished_at=ended.finished_at)


def _end_all(rows: dict[type[RowChange], dict[object, Any]], ended: AttemptsEnded) -> None:
    """The same of attempts that began in this batch, and of their steps; it is rare, so all are looked through."""
    for key, attempt in rows[AttemptChange].items():
        if attempt.run_id == ended.run_id and attempt.finished_at is UNSET and makes_row(attempt):
            rows[AttemptChange][key] = msgspec.structs.replace(
                attempt, finished_at=ended.finished_at, outcome=ended.outcome
            )
    of_run = [key for key, step in rows[StepChange].items() if step.run_id == ended.run_id]
    _end(
        rows[StepChange],
        of_run,
        StepsEnded(run_id=ended.run_id, attempt=0, status=ended.status, finished_at=ended.finished_at),
    )


_KEYS: dict[type[RowChange], Callable[[Any], object]] = {
    kind: attrgetter(*kind.KEY) for kind in RowChange.__subclasses__()
}
