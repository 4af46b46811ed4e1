"""Whether what a job promises can be kept by its schedule: told alike of a body and of a file of jobs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from waterclock.model.cron.schedule import BadSchedule
from waterclock.model.definition import Definition
from waterclock.model.errors import Flaw
from waterclock.model.ids import JobId
from waterclock.model.instants.reasons import length
from waterclock.model.instants.timetable import Timetable, named_by
from waterclock.model.promise import time_of_day
from waterclock.model.timestamps import stamp

_YEAR = 366 * 86_400_000  # ms
LISTED = 20_000
"""Scheduled times that are looked at: of one each minute those of two weeks."""


class Intervals(NamedTuple):
    """Between the scheduled times of the next year, ms; the longest one begins at `begins`."""

    shortest: int
    longest: int
    begins: int


def promise_flaws(definition: Definition) -> Iterator[Flaw]:
    """What no schedule could keep; whether each number is in its range is asked elsewhere."""
    promise = definition.promise
    if not promise:
        return
    if promise.finish_by is not None and time_of_day(promise.finish_by) is None:
        yield Flaw("/promise/finishBy", "is not a time of day from 00:00 to 23:59, such as 06:30")
    start, finish = promise.start_within, promise.finish_within
    if start is not None and finish is not None and start > finish:
        yield Flaw("/promise/startWithin", "is longer than finishWithin")
    if definition.cron_expression is not None:
        return
    of_schedule = {
        "startWithin": start,
        "finishWithin": finish,
        "finishBy": promise.finish_by,
        "disableAfter": promise.disable_after,
    }
    for name, value in of_schedule.items():
        if value is not None:
            yield Flaw(f"/promise/{name}", "is about scheduled runs, and the job has no cronExpression")


def success_flaws(job_id: JobId, definition: Definition, now: int) -> Iterator[Flaw]:
    """Whether the job is due often enough after `now` (ms) for the successes that it promises."""
    within = _success_within(definition)
    found = None if within is None else intervals(job_id, definition, now)
    if within is not None and found is not None and within < found.shortest:
        said = f"is shorter than every interval of the schedule: the shortest one is {length(found.shortest)}"
        yield Flaw("/promise/successWithin", said)


def promise_notes(job_id: JobId, definition: Definition, now: int) -> Iterator[Flaw]:
    """What of the promise will be broken now and then, though every run succeeds."""
    promise = definition.promise
    if not promise:
        return
    for name, within in (("startWithin", promise.start_within), ("finishWithin", promise.finish_within)):
        if within is not None and within <= definition.jitter:
            said = f"is not longer than jitter ({definition.jitter:g} s), which delays runs: it will be broken at times"
            yield Flaw(f"/promise/{name}", said)
    within = _success_within(definition)
    found = None if within is None else intervals(job_id, definition, now)
    if within is not None and found is not None and found.shortest <= within <= found.longest:
        said = (
            f"is not longer than the longest interval of the schedule in the next year, {length(found.longest)} from "
            f"{stamp(found.begins)}: it will be broken then, though every run succeeds"
        )
        yield Flaw("/promise/successWithin", said)


def intervals(job_id: JobId, definition: Definition, now: int) -> Intervals | None:
    """None where fewer than two scheduled times follow, or the schedule cannot be read.

    Where the year has more than `LISTED` of them, these are looked at.
    """
    try:
        listed = _listed(named_by(job_id, definition), now)
    except BadSchedule:
        return None
    spans = [(later - earlier, earlier) for earlier, later in pairwise(listed)]
    return Intervals(min(spans)[0], *max(spans, key=lambda one: one[0])) if spans else None


def _listed(named: Timetable, now: int) -> list[int]:
    """The scheduled times of a year, and the one after them."""
    found = named.between(now, now + _YEAR, LISTED) or [first for first in [named.after(now)] if first is not None]
    following = named.after(found[-1]) if found else None
    return found if following is None else [*found, following]


def _success_within(definition: Definition) -> float | None:
    """ms"""
    promise = definition.promise
    return promise.success_within * 1000 if promise and promise.success_within is not None else None
