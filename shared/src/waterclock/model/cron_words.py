"""A resolved cron expression in plain words. Where no short phrase is exact, the field's own text stands."""

import re
from collections.abc import Callable

from waterclock.model.cron_text import Dialect, columns_of

_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_ORDINALS = ("last", "1st", "2nd", "3rd", "4th", "5th")
_UNITS = ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
_MOST_TIMES = 6  # longer lists of clock times are told by field


def words(resolved: str, dialect: Dialect) -> str:
    """When it fires, without the zone: "at 02:30 every day"."""
    if resolved.startswith("@EVERY"):
        period = int(resolved.removeprefix("@EVERY ").partition("+")[0])
        return f"every {_duration(period)}, counted from the epoch"
    texts = columns_of(resolved)
    time = _time(texts.get("second", "0"), texts["minute"], texts["hour"])
    days = _days(texts["day of month"], texts["day of week"], dialect)
    months = "" if texts["month"] == "*" else f" in {_listed(texts['month'], _month)}"
    years = "" if texts.get("year", "*") == "*" else f" in {_listed(texts['year'], str)}"
    if days == "every day" and time.startswith("every"):
        days = ""
    return f"{time} {days}".rstrip() + months + years


def _duration(seconds: int) -> str:
    size, unit = next((size, unit) for size, unit in _UNITS if seconds % size == 0)
    count = seconds // size
    return unit if count == 1 else f"{count} {unit}s"


def _time(second: str, minute: str, hour: str) -> str:
    clock = _clock_times(second, minute, hour)
    if clock:
        return f"at {_joined(clock)}"
    step = re.fullmatch(r"\*(?:/([0-9]+))?", minute)
    if second == "0" and hour == "*" and step and 60 % int(step[1] or 1) == 0:
        return f"every {_duration(60 * int(step[1] or 1))}"
    step = re.fullmatch(r"\*(?:/([0-9]+))?", second)
    if minute == hour == "*" and step and 60 % int(step[1] or 1) == 0:
        return f"every {_duration(int(step[1] or 1))}"
    if second == "0" and hour == "*" and minute == "0":
        return "every hour"
    parts = [f"{_part('minute', minute)} of {_part('hour', hour)}"]
    if second != "0":
        parts.insert(0, f"{_part('second', second)} of")
    return "at " + " ".join(parts)


def _clock_times(second: str, minute: str, hour: str) -> list[str]:
    """The times of day, if few and written one by one."""
    if not all(re.fullmatch(r"[0-9]+(,[0-9]+)*", text) for text in (second, minute, hour)):
        return []
    seconds, minutes, hours = ([int(value) for value in text.split(",")] for text in (second, minute, hour))
    if len(seconds) * len(minutes) * len(hours) > _MOST_TIMES:
        return []
    times = sorted({(h, m, s) for h in hours for m in minutes for s in seconds})
    return [f"{h:02}:{m:02}" + (f":{s:02}" if second != "0" else "") for h, m, s in times]


def _part(word: str, text: str) -> str:
    if text == "*":
        return f"every {word}"
    if text.isdecimal():
        return f"{word} {int(text)}"
    return f"{word}s {text}"


def _days(day: str, weekday: str, dialect: Dialect) -> str:
    by_day = "" if day in ("*", "?") else f"on {_listed(day, _day)} of the month"
    by_weekday = "" if weekday in ("*", "?") else f"on {_listed(weekday, lambda text: _weekday(text, dialect))}"
    if not by_day or not by_weekday:
        return by_day or by_weekday or "every day"
    star = day.startswith("*") or weekday.startswith("*")
    return f"{by_day}, when also {by_weekday}" if star else f"{by_day} and {by_weekday}"


def _day(text: str) -> str:
    if text == "L":
        return "the last day"
    if text.startswith("L-"):
        return f"{text[2:]} days before the last"
    if text == "LW":
        return "the last Monday to Friday"
    if "W" in text:
        return f"the weekday nearest to day {text.strip('W')}"
    return f"day {text}"


def _weekday(text: str, dialect: Dialect) -> str:
    if "#" in text:
        name, _, nth = text.partition("#")
        return f"the {_ORDINALS[int(nth)]} {_weekday(name, dialect)} of the month"
    if len(text) > 1 and (text.endswith("L") or text.startswith("L")):
        return f"the last {_weekday(text.strip('L'), dialect)} of the month"
    if text.isdecimal():
        return _DAYS[(int(text) - (1 if dialect == "quartz" else 0)) % 7]
    return next((day for day in _DAYS if day.upper().startswith(text)), text)


def _month(text: str) -> str:
    if text.isdecimal():
        return _MONTHS[int(text) - 1]
    return next((month for month in _MONTHS if month.upper().startswith(text)), text)


def _listed(text: str, word: Callable[[str], str]) -> str:
    """A field's terms, each value by `word`."""
    items: list[str] = []
    for term in text.split(","):
        low, dash, high = term.partition("-")
        if "/" in term or not dash or low == "L":
            items.append(word(term))
        else:
            items.append(f"{word(low)} to {word(high)}")
    return _joined(items)


def _joined(items: list[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"
