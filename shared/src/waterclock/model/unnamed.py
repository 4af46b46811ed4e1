"""Why a schedule does not name a moment: the fields of its expression that the local clock does not match."""

from __future__ import annotations

from datetime import UTC, datetime

from waterclock.model.cron import Schedule
from waterclock.model.cron_compile import compiled
from waterclock.model.cron_text import columns_of
from waterclock.model.cron_words import words

_FIELDS = ("year", "month", "day", "hour", "minute", "second")  # the widest miss first


def why_unnamed(schedule: Schedule, at_ms: int) -> tuple[str, str]:
    """What keeps the moment from being an instant, as one word and as a clause; it must not be one."""
    if at_ms % 1000:
        return "millisecond", "schedules name whole seconds"
    texts = columns_of(schedule.expression)
    if not texts:
        return "period", f"the schedule is {words(schedule.expression, schedule.dialect)}"
    second = at_ms // 1000
    local = second + schedule.zone.offset(second)
    shown = datetime.fromtimestamp(local, UTC)
    missed = [field for field in _FIELDS if not _matches(schedule, texts, field, local)]
    if not missed:
        return "dstFold", (
            f"the clock of {schedule.timezone} shows {shown:%H:%M:%S} twice that day, "
            "and dstFold first fires on the first pass only"
        )
    return missed[0], f"in {schedule.timezone} " + " and ".join(_miss(texts, field, shown) for field in missed)


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
