"""Why a schedule does not name a moment: the fields of its expression that the local clock does not match."""

from __future__ import annotations

from datetime import UTC, datetime

from waterclock.model.cron.compile import compiled
from waterclock.model.cron.describe import words
from waterclock.model.cron.parse import columns_of
from waterclock.model.cron.schedule import Schedule

_FIELDS = ("year", "month", "day", "hour", "minute", "second")  # the widest miss first


def why_unnamed(schedule: Schedule, at_ms: int) -> tuple[str, str]:
    """What keeps the moment from being an instant, as one word and as a clause; it must not be one.

    It lies where instants are looked for: in [FIRST, LAST) of `cron_zone`.
    """
    if at_ms % 1000:
        return "millisecond", "schedules use whole seconds"
    texts = columns_of(schedule.expression)
    if not texts:
        return "period", f"the schedule is {words(schedule.expression, schedule.dialect)}"
    second = at_ms // 1000
    skipped = _left_out(schedule, second)
    if skipped is not None:
        return "dstGap", skipped
    local = second + schedule.zone.offset(second)
    shown = datetime.fromtimestamp(local, UTC)
    missed = [field for field in _FIELDS if not _matches(schedule, texts, field, local)]
    if not missed:
        return "dstFold", (
            f"the clock of {schedule.timezone} shows {shown:%H:%M:%S} twice that day, "
            "and dstFold first fires on the first pass only"
        )
    return missed[0], f"in {schedule.timezone} " + " and ".join(_miss(texts, field, shown) for field in missed)


def _left_out(schedule: Schedule, second: int) -> str | None:
    """That the moment would be named, had the local clock not gone forward just before it; None if it would not."""
    start, _, offset, before = schedule.zone.stretch(second)
    missing = second + before
    if second - start >= offset - before or schedule.local.at_or_after(missing) != missing:
        return None
    named, last, first = (_clock(local) for local in (missing, start + before, start + offset))
    went = f"the clock of {schedule.timezone} went from {last} to {first} and never showed {named}"
    if not schedule.local.fixed:
        return f"{went}, which is skipped because the schedule repeats by an interval"
    if schedule.gap == "skip":
        return f"{went}, and dstGap skip leaves out times in the gap"
    if schedule.after(start * 1000 - 1) == start * 1000:
        return f"{went}, so times in the gap move to {first}"
    return f"{went}: a change of calendar, in which nothing fires"


def _clock(local: int) -> str:
    return f"{datetime.fromtimestamp(local, UTC):%Y-%m-%d %H:%M:%S}"


def _matches(schedule: Schedule, texts: dict[str, str], field: str, local: int) -> bool:
    """Whether the expression names the local time as far as one field goes."""
    kept = ("day of month", "day of week") if field == "day" else (field,)
    columns = ("second", "minute", "hour", "day of month", "month", "day of week", "year")
    default = {"second": "0"} | texts
    alone = " ".join(default.get(column, "*") if column in kept else "*" for column in columns)
    return compiled(alone, schedule.dialect).at_or_after(local) == local


def _miss(texts: dict[str, str], field: str, shown: datetime) -> str:
    match field:
        case "day":
            said = f"day of month {texts['day of month']}, day of week {texts['day of week']}"
            return f"the day is {shown:%A} {shown.day}, not in {said}"
        case "second":
            return f"the second is {shown.second}, not in {texts.get('second', '0')}"
        case _:
            return f"the {field} is {getattr(shown, field)}, not in {texts[field]}"
