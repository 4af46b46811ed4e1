"""Jobs that stay silent since a clock was set back: they are decided through a time that is still to come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from waterclock.log.client import Log
from waterclock.log.clock import TOLERANCE_MS
from waterclock.log.commands.jobs import StoredJob, load_jobs, marks_of
from waterclock.log.connection.errors import Unreadable
from waterclock.model.cron.schedule import BadSchedule
from waterclock.model.ids import JobId
from waterclock.model.instants.timetable import named_by
from waterclock.model.timestamps import stamp

LOOKED_AT = 1000  # jobs of a partition
NAMED = 20


class Silent(NamedTuple):
    """`until`: ms; instants up to it are not decided again."""

    job_id: JobId
    name: str
    until: int


class Silence(NamedTuple):
    """Those whose schedules name an instant before they may fire again; `more`: so many were not looked at."""

    jobs: Sequence[Silent]
    more: int = 0


async def silent_jobs(log: Log, partition: int, *, now: int) -> Silence:
    """The jobs that are silent at `now`, ms, the partition's clock or what it would be set to.

    Raises:
        LogUnavailable: no answer.
    """
    since = now + TOLERANCE_MS  # what is decided meanwhile is none of it
    beyond = sorted([(mark, job_id) for job_id, mark in await marks_of(log, partition) if mark > since], reverse=True)
    looked = await load_jobs(log, [job_id for _, job_id in beyond[:LOOKED_AT]])
    found = [_silent(one, now) for one in looked if one is not None and not isinstance(one, Unreadable)]
    return Silence([one for one in found if one is not None], len(beyond[LOOKED_AT:]))


def named(silence: Silence) -> str:
    """Which they are, and until when: the first of them by name."""
    said = "; ".join(f"{one.name} ({one.job_id}) until {stamp(one.until)}" for one in silence.jobs[:NAMED])
    rest = len(silence.jobs[NAMED:]) + silence.more
    return f"{said}; and {rest} more" if rest else said


def _silent(stored: StoredJob, now: int) -> Silent | None:
    if not stored.definition.enabled:
        return None
    try:
        first = named_by(stored.job_id, stored.definition).after(now)
    except BadSchedule:  # its scheduler says so
        return None
    if first is None or first > stored.mark:
        return None
    name = f"{stored.definition.job_group}/{stored.definition.job_name}"
    return Silent(stored.job_id, name, stored.mark)
