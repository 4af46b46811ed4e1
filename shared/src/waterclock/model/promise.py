"""What the owner of a job promises about its runs, and when each promise falls due.

    startWithin    so long after the scheduled time, the run has started
    finishWithin   so long after the scheduled time, the run has ended
    finishBy       the same, at a time of day in the zone of the schedule

The others have no due moment of their own: one depends on each attempt, the next on the last success.
"""

from __future__ import annotations

import re
from typing import Annotated

import msgspec

from waterclock.model.cron.calendar import reached
from waterclock.model.cron.zones import DAY, LAST, UnknownZone, zone

TIME_OF_DAY = "^([01][0-9]|2[0-3]):([0-5][0-9])$"
"""The form of `finishBy`, also for those who read our schemas."""
_time_of_day = re.compile(TIME_OF_DAY)
_SECONDS_MOST = 1e10  # three centuries; what may be written is far less


def _said(description: str, example: object) -> msgspec.Meta:
    return msgspec.Meta(description=description, examples=[example])


class Promise(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What may be expected of the runs of a job. Durations are seconds."""

    start_within: Annotated[
        float | None, _said("A scheduled run starts within this time after its scheduled time. In seconds.", 300)
    ] = None
    finish_within: Annotated[
        float | None, _said("A scheduled run ends within this time after its scheduled time. In seconds.", 3600)
    ] = None
    finish_by: Annotated[
        str | None,
        _said(
            "A scheduled run ends by this time of day, in the zone of the schedule. It is the first such time after "
            "the scheduled time. If the local clock leaves it out, the end of the gap counts; if it shows it twice, "
            "the first pass.",
            "06:30",
        ),
    ] = None
    runs_at_most: Annotated[float | None, _said("An attempt takes at most this time. In seconds.", 900)] = None
    success_within: Annotated[
        float | None, _said("The job succeeds at least once in each span of this length. In seconds.", 93600)
    ] = None
    disable_after: Annotated[
        int | None, _said("The job is disabled after so many scheduled runs in a row have failed.", 5)
    ] = None


def start_due(promise: Promise, nominal_ms: int) -> int | None:
    """When a run of that scheduled time has to start at the latest, ms; None if nothing is promised."""
    return None if promise.start_within is None else nominal_ms + _ms(promise.start_within)


def finish_due(promise: Promise, nominal_ms: int, timezone: str) -> int | None:
    """When a run of that scheduled time has to end at the latest, ms: the earlier moment, if two are promised.

    `timezone` is that of the schedule. One that is unknown by now has no time of day, and its jobs are never due.
    """
    within = None if promise.finish_within is None else nominal_ms + _ms(promise.finish_within)
    by = None if promise.finish_by is None else _first_after(promise.finish_by, nominal_ms, timezone)
    return min((due for due in (within, by) if due is not None), default=None)


def is_sound(promise: Promise) -> bool:
    """Whether due moments follow from it: strangers may write anything into the log."""
    durations = (promise.start_within, promise.finish_within, promise.runs_at_most, promise.success_within)
    return (
        all(one is None or 0 < one <= _SECONDS_MOST for one in durations)
        and (promise.finish_by is None or time_of_day(promise.finish_by) is not None)
        and (promise.disable_after is None or promise.disable_after > 0)
    )


def time_of_day(written: str) -> int | None:
    """Seconds from midnight that `HH:MM` names, from 00:00 to 23:59; None if it is none."""
    match = _time_of_day.fullmatch(written)
    return None if match is None else int(match[1]) * 3600 + int(match[2]) * 60


def _first_after(by: str, nominal_ms: int, timezone: str) -> int | None:
    """The first moment after `nominal_ms` at which the local clock reaches `by` of some day; None after the year 9990.

    Each local day has one such moment, so a time that the clock repeats counts on its first pass alone.
    """
    time, second = time_of_day(by), nominal_ms // 1000
    assert time is not None, by  # `is_sound` where it is read, and checked where it is written
    try:
        rules = zone(timezone)
    except UnknownZone:
        return None
    day = (second + rules.offset(second)) // DAY
    while (day + 1) * DAY < LAST:
        found = reached(rules, day * DAY + time) * 1000
        if found > nominal_ms:
            return found
        day += 1
    return None


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
