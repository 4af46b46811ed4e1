"""What a definition may hold when it is written: told alike of a body and of a file of jobs.

What a job has `before`, of an earlier release, stays as it is, whatever it holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from waterclock.model.cron.schedule import BadSchedule, check_letters, parse
from waterclock.model.definition import Definition
from waterclock.model.errors import Flaw
from waterclock.model.ids import JobId
from waterclock.model.instants.timetable import FOREVER, bounds_of, named_by
from waterclock.model.names import LONGEST, name_flaw, normal
from waterclock.model.parameters.promise_bounds import promise_flaws, success_flaws
from waterclock.model.promise import Promise

TEXT_MOST = 1000  # characters of a remark or a reason
TARGET_MOST = 128  # characters
LABEL_MOST = 256  # characters of a value
COUNT_MOST = 1000  # of attempts, and of instants caught up with
PARAMS_LIMIT = 64 << 10  # bytes of JSON: they ride in the event of every run
LABELS_LIMIT = 32
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_./-]{0,62}[A-Za-z0-9])?")


class Range(NamedTuple):
    low: float
    high: float


_DAY, _YEAR = 86_400, 366 * 86_400
RANGES: Mapping[str, Range] = {
    "misfireThreshold": Range(0, 7 * _DAY),
    "catchupWindow": Range(0, _YEAR),
    "catchupPace": Range(0, 3600),
    "pace": Range(0, 3600),
    "jitter": Range(0, _DAY),
    "timeout": Range(0, 30 * _DAY),  # 0: none
    "delay": Range(0, _YEAR),
    "retry/initial": Range(0, _DAY),
    "retry/max": Range(0, 7 * _DAY),
    "promise/startWithin": Range(1, _YEAR),
    "promise/finishWithin": Range(1, _YEAR),
    "promise/runsAtMost": Range(1, _YEAR),
    "promise/successWithin": Range(1, _YEAR),
}
"""Seconds."""


def range_flaw(name: str, found: float) -> str | None:
    """Why so many seconds are not what a duration may hold; `name` may be a path such as retry/max."""
    low, high = RANGES[name]
    return None if low <= found <= high else f"must be from {low:.15g} to {high:.15g} seconds"


def params_flaw(params: Mapping[str, Any]) -> str | None:
    size = len(msgspec.json.encode(params))
    return None if size <= PARAMS_LIMIT else f"has {size} bytes as JSON; the maximum is {PARAMS_LIMIT}"


def named_flaw(written: str, *, before: str | None, slash: bool = True) -> str | None:
    """Why a name of a job or a group is none; None of the one that it has `before`."""
    if written == before:
        return None
    text = normal(written)
    said = name_flaw(text, slash=slash)
    if said is None and len(text) > LONGEST:
        said = f"has {len(text)} characters in NFC; the maximum is {LONGEST}"
    return said


def label_flaws(labels: Mapping[str, str], *, before: Mapping[str, str] | None = None) -> Iterator[Flaw]:
    """Names and values of labels; one that is there `before` with the same value stays as it is."""
    if len(labels) > LABELS_LIMIT:
        yield Flaw("/labels", f"has {len(labels)} labels; the maximum is {LABELS_LIMIT}")
        return
    said = "is not a label name: 1 to 64 letters, digits, - _ . /"
    kept = (before or {}).items()
    for name, value in labels.items():
        wrong = said if _LABEL.fullmatch(name) is None else name_flaw(value) if value else None
        if wrong is not None and (name, value) not in kept:
            yield Flaw(f"/labels/{_escaped(name)}", wrong)


def schedule_flaws(job_id: JobId, definition: Definition, now: int) -> Iterator[Flaw]:
    """Whether the schedule can be read, and names an instant after `now` (ms)."""
    try:
        if definition.cron_expression is None:
            parse("@daily", timezone=definition.timezone)
            return
        check_letters(definition.cron_expression)
        named = named_by(job_id, definition)
    except BadSchedule as error:
        yield Flaw(f"/{'timezone' if definition.cron_expression is None else error.field}", error.message)
        return
    if named.after(now) is not None:
        return
    if named.within(None, FOREVER).after(now) is None:
        yield Flaw("/cronExpression", "has no scheduled time in the future")
    else:
        yield Flaw("/endAt", "is before the first future time of the schedule")


def same_schedule(before: Definition, after: Definition) -> bool:
    names = ("cron_expression", "timezone", "cron_dialect", "dst_gap", "dst_fold", "start_at", "end_at")
    return all(getattr(before, name) == getattr(after, name) for name in names)


def promises_alike(before: Definition, after: Definition) -> bool:
    """Whether the promise is the same, and the schedule that has to keep it."""
    return before.promise == after.promise and same_schedule(before, after)


def bound_flaws(definition: Definition) -> Iterator[Flaw]:
    """What is too long, too large or out of its range, whatever the job was before."""
    lengths = (
        ("jobName", definition.job_name, 1, LONGEST),
        ("jobGroup", definition.job_group, 1, LONGEST),
        ("invokeTarget", definition.invoke_target, 1, TARGET_MOST),
        ("queue", definition.queue, 1, LONGEST),
        ("timezone", definition.timezone, 1, LONGEST),
        ("remark", definition.remark or "", 0, TEXT_MOST),
        *((f"labels/{_escaped(name)}", value, 0, LABEL_MOST) for name, value in definition.labels.items()),
    )
    for name, text, least, most in lengths:
        if not least <= len(text) <= most:
            yield Flaw(f"/{name}", "is empty" if not text else f"has {len(text)} characters; the maximum is {most}")
    promise = definition.promise or Promise()
    for name, count, least in (
        ("catchupLimit", definition.catchup_limit, 0),
        ("retry/maxAttempts", definition.retry.max_attempts, 1),
        ("promise/disableAfter", promise.disable_after, 1),
    ):
        if count is not None and not least <= count <= COUNT_MOST:
            yield Flaw(f"/{name}", f"must be from {least} to {COUNT_MOST}")
    durations = {
        "misfireThreshold": definition.misfire_threshold,
        "catchupWindow": definition.catchup_window,
        "catchupPace": definition.catchup_pace,
        "jitter": definition.jitter,
        "timeout": definition.timeout or 0,
        "retry/initial": definition.retry.initial,
        "retry/max": definition.retry.max,
        "promise/startWithin": promise.start_within,
        "promise/finishWithin": promise.finish_within,
        "promise/runsAtMost": promise.runs_at_most,
        "promise/successWithin": promise.success_within,
    }
    for name, found in durations.items():
        if found is not None and (said := range_flaw(name, found)) is not None:
            yield Flaw(f"/{name}", said)
    if (said := params_flaw(definition.invoke_params)) is not None:
        yield Flaw("/invokeParams", said)
    start, end = bounds_of(definition)
    if start is not None and end is not None and end < start:
        yield Flaw("/endAt", "is before startAt")
    yield from promise_flaws(definition)


def change_flaws(job_id: JobId, definition: Definition, before: Definition | None, *, now: int) -> Iterator[Flaw]:
    """What is newly written, and is not what its member may hold."""
    if (said := named_flaw(definition.job_name, before=before and before.job_name)) is not None:
        yield Flaw("/jobName", said)
    if (said := named_flaw(definition.job_group, before=before and before.job_group, slash=False)) is not None:
        yield Flaw("/jobGroup", said)
    yield from label_flaws(definition.labels, before=None if before is None else before.labels)
    if before is None or not same_schedule(before, definition):
        yield from schedule_flaws(job_id, definition, now)
    if before is None or not promises_alike(before, definition):
        yield from success_flaws(job_id, definition, now)


def _escaped(name: str) -> str:
    """As a JSON pointer has it."""
    return name.replace("~", "~0").replace("/", "~1")
