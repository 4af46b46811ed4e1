"""What a job names: the instants of its schedule, from `startAt` to `endAt`.

    definition ──schedule_of──► Timetable ──within startAt, endAt──► instants
                                    └── `_parts`: in which parts of time instants are named

Whoever asks which instants a job has asks a timetable: the scheduler when it plans and settles, and each reader of
`instants.table`. What takes instants out of a schedule, as the bounds of the job do, has one place: `_parts`, and
`why_unnamed` gives its reason. Moments are milliseconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Literal

import msgspec

from waterclock.model.cron.parse import Dialect, is_seeded
from waterclock.model.cron.schedule import Schedule, described, local_time, parse
from waterclock.model.cron.zones import FIRST, LAST
from waterclock.model.definition import Definition
from waterclock.model.ids import JobId
from waterclock.model.instants.not_due import why_unnamed
from waterclock.model.timestamps import millis, stamp

BEGINNING, FOREVER = -(1 << 60), 1 << 60

_HOUR = 3_600_000
_LOOKS_BACK = tuple(_HOUR * hours for hours in (1, 24, 24 * 32, 24 * 366, 24 * 366 * 9, 24 * 366 * 100))


class Timetable(msgspec.Struct, frozen=True, kw_only=True):
    """The instants of a schedule from `start` through `end`; without a schedule there are none."""

    schedule: Schedule | None
    start: int = BEGINNING
    end: int = FOREVER

    def within(self, start: int | None, end: int | None) -> Timetable:
        """The same with bounds, where they are given."""
        if start is None and end is None:
            return self
        return Timetable(
            schedule=self.schedule,
            start=self.start if start is None else start,
            end=self.end if end is None else end,
        )

    def after(self, moment: int) -> int | None:
        """The first instant strictly after; None when nothing more is named."""
        for schedule, low, high in self._parts(moment, FOREVER):
            found = schedule.after(low)
            if found is None or found <= high:
                return found
        return None

    def following(self, moment: int) -> Iterator[int]:
        """All instants strictly after, one by one."""
        while (found := self.after(moment)) is not None:
            yield found
            moment = found

    def between(self, after: int, through: int, limit: int | None = None) -> list[int]:
        """The instants in (after, through], ascending, the first `limit` of them."""
        found: list[int] = []
        for schedule, low, high in self._parts(after, through):
            found += schedule.between(low, high, None if limit is None else limit - len(found))
            if len(found) == limit:
                break
        return found

    def count_between(self, after: int, through: int) -> int:
        """How many instants lie in (after, through], without listing them."""
        return sum([schedule.count_between(low, high) for schedule, low, high in self._parts(after, through)])

    def last_between(self, after: int, through: int, limit: int) -> list[int]:
        """The newest `limit` instants in (after, through], ascending."""
        return self.between(self.before_newest(after, through, limit), through)

    def before_newest(self, after: int, through: int, limit: int) -> int:
        """The moment from which on (after, through] holds only its newest `limit` instants; `after`, if no more."""
        parts = list(self._parts(after, through))
        while parts:
            schedule, low, high = parts.pop()
            found = schedule.before_newest(low, high, limit)
            if found > low:
                return found
            if parts:
                limit -= schedule.count_between(low, high)
        return after

    def last_before(self, moment: int) -> int | None:
        """The newest instant before the moment, sought for a century."""
        through = min(moment - 1, self.end)
        for back in _LOOKS_BACK:
            if found := self.last_between(through - back, through, 1):
                return found[0]
        return None

    def why_unnamed(self, moment: int) -> tuple[str, str]:
        """What keeps the moment from being an instant, as one word and as a clause; it must not be one."""
        schedule = self.schedule
        if schedule is None:
            return "noSchedule", "the job had no schedule and ran on demand only"
        if moment < self.start:
            return "startAt", f"the job has no scheduled time before its startAt, {stamp(self.start)}"
        if moment > self.end:
            return "endAt", f"the job has no scheduled time after its endAt, {stamp(self.end)}"
        if not FIRST <= moment // 1000 < LAST:
            return "outOfRange", "scheduled times are from 1900 to 9989"
        reason, why = why_unnamed(schedule, moment)
        return reason, f"the schedule is {described(schedule)}; at {local_time(schedule, moment)} {why}"

    def _parts(self, after: int, through: int) -> Iterable[tuple[Schedule, int, int]]:
        """The parts (low, high] of (after, through] in which instants are named, oldest first, and by what."""
        low, high = max(after, self.start - 1), min(through, self.end)
        return () if self.schedule is None or low >= high else ((self.schedule, low, high),)


def schedule_of(job_id: JobId, definition: Definition) -> Timetable | None:
    """What the job names but for its bounds, which `bounds_of` has; None for a job that runs on demand only.

    Equal ones share one object while it is cached, however many jobs there are.

    Raises:
        BadSchedule: it cannot be read.
    """
    expression = definition.cron_expression
    if expression is None:
        return None
    return _timetable(
        expression,
        definition.timezone,
        definition.cron_dialect,
        definition.dst_gap,
        definition.dst_fold,
        job_id if is_seeded(expression) else "",
    )


def bounds_of(definition: Definition) -> tuple[int | None, int | None]:
    """`startAt` and `endAt`, ms: the job names no instant before the first or after the second."""
    start = None if definition.start_at is None else millis(definition.start_at)
    end = None if definition.end_at is None else millis(definition.end_at)
    return start, end


def named_by(job_id: JobId, definition: Definition) -> Timetable:
    """All that the job names, enabled or not.

    Raises:
        BadSchedule: it cannot be read.
    """
    schedule = schedule_of(job_id, definition)
    return (schedule or Timetable(schedule=None)).within(*bounds_of(definition))


@lru_cache(maxsize=16_384)
def _timetable(
    expression: str,
    timezone: str,
    dialect: Dialect | None,
    gap: Literal["shift", "skip"],
    fold: Literal["first", "both"],
    seed: str,
) -> Timetable:
    return Timetable(schedule=parse(expression, timezone=timezone, dialect=dialect, gap=gap, fold=fold, seed=seed))
