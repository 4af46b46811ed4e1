"""A resolved cron expression in plain words. Where no short phrase is exact, the fields are told one by one."""

import re
from collections.abc import Callable

from waterclock.model.cron.parse import DAY, MONTH, WEEKDAY, YEAR, Dialect, Field, columns_of

_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_UNITS = ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
_EVERY_DAY = "every day"
_MOST = 6  # longer lists of times or minutes are told in another way
_RANGE = re.compile(r"([0-9]+)(?:-([0-9]+))?(?:/([0-9]+))?")
_STEP = re.compile(r"\*(?:/([0-9]+))?")


def words(resolved: str, dialect: Dialect) -> str:
    """When it fires, without the zone: "at 02:30 every day"."""
    if resolved.startswith("@EVERY"):
        period = int(resolved.removeprefix("@EVERY ").partition("+")[0])
        return f"every {_duration(period)}, counted from the epoch"
    texts = columns_of(resolved)
    time = _time(texts.get("second", "0"), texts["minute"], texts["hour"])
    year = texts.get("year", "*")
    date = _date(texts["day of month"], texts["month"], texts["day of week"])
    if date:
        return f"{time} on {date}{f' {year}' if year.isdecimal() else _years(year)}"
    days = _days(texts["day of month"], texts["day of week"], dialect)
    if not days and not time.startswith("every") and not time.endswith("every hour"):
        days = _EVERY_DAY
    return f"{time} {days}".rstrip() + _months(texts["month"]) + _years(year)


def _duration(seconds: int) -> str:
    size, unit = next((size, unit) for size, unit in _UNITS if seconds % size == 0)
    count = seconds // size
    return unit if count == 1 else f"{count} {unit}s"


# ------------------------------------------------------------------------------------------------------- times of a day


def _time(second: str, minute: str, hour: str) -> str:
    clock = _clock_times(second, minute, hour)
    if clock:
        return f"at {_joined(clock)}"
    step = _whole_step(second, 60)
    if step and minute == hour == "*":
        return f"every {_duration(step)}"
    if second == "0":
        found = _hourly(minute) if hour == "*" else _within_the_day(minute, hour)
        if found:
            return found
    parts = [f"{_part('minute', minute)} of {_part('hour', hour)}"]
    if second != "0":
        parts.insert(0, f"{_part('second', second)} of")
    return "at " + " ".join(parts)


def _clock_times(second: str, minute: str, hour: str) -> list[str]:
    """The times of day, if few and written one by one."""
    if not all(re.fullmatch(r"[0-9]+(,[0-9]+)*", text) for text in (second, minute, hour)):
        return []
    seconds, minutes, hours = ([int(value) for value in text.split(",")] for text in (second, minute, hour))
    if len(seconds) * len(minutes) * len(hours) > _MOST:
        return []
    times = sorted({(h, m, s) for h in hours for m in minutes for s in seconds})
    return [f"{h:02}:{m:02}" + (f":{s:02}" if second != "0" else "") for h, m, s in times]


def _whole_step(text: str, size: int) -> int | None:
    """The n of `*/n`, if it goes into `size`; of `*` it is 1."""
    match = _STEP.fullmatch(text)
    step = int(match[1] or 1) if match else 0
    return step if step and size % step == 0 else None


def _hourly(minute: str) -> str | None:
    """In every hour."""
    if step := _whole_step(minute, 60):
        return f"every {_duration(60 * step)}"
    if minute == "0":
        return "every hour"
    if re.fullmatch(r"[0-9]+(,[0-9]+)*", minute):
        minutes = sorted({int(value) for value in minute.split(",")})
        if len(minutes) <= _MOST:
            unit = "minute" if minutes == [1] else "minutes"
            return f"at {_joined([str(value) for value in minutes])} {unit} past every hour"
    return None


def _within_the_day(minute: str, hour: str) -> str | None:
    """A rhythm through the day, or between two times of it."""
    if minute.isdecimal() and (step := _whole_step(hour, 24)):
        past = "" if int(minute) == 0 else f", at {int(minute)} minute{'s' * (int(minute) != 1)} past"
        return f"every {_duration(3600 * step)}{past}"
    span = _RANGE.fullmatch(hour)
    if span is None:
        return None
    first, last, stride = int(span[1]), int(span[2] or span[1]), int(span[3] or 1)
    if span[3] and not span[2]:
        last = 23
    if minute.isdecimal():
        last -= (last - first) % stride
        pace, low, high = 3600 * stride, int(minute), int(minute)
    else:
        step = _whole_step(minute, 60)
        if step is None or span[3]:
            return None
        pace, low, high = 60 * step, 0, 60 - step
    return f"every {_duration(pace)} from {first:02}:{low:02} to {last:02}:{high:02}"


def _part(unit: str, text: str) -> str:
    """A field told by itself."""
    terms = text.split(",")
    if all(term.isdecimal() for term in terms):
        values = sorted({int(term) for term in terms})
        return f"{unit}{'s' * (len(values) > 1)} {_joined([str(value) for value in values])}"
    return _joined([_term(unit, term) for term in terms])


def _term(unit: str, term: str) -> str:
    if match := _STEP.fullmatch(term):
        return f"every {unit}" if match[1] in (None, "1") else f"every {_nth(int(match[1]))} {unit} from 0"
    match = _RANGE.fullmatch(term)
    assert match is not None, term
    first, last, step = match.groups()
    if step == "1" and not last and int(first) == 0:
        return f"every {unit}"
    if step:
        until = f" to {int(last)}" if last else ""
        return f"{_every(int(step), unit)} from {int(first)}{until}"
    return f"{unit}s {int(first)} to {int(last)}" if last and int(last) > int(first) else f"{unit} {int(first)}"


def _every(step: int, unit: str) -> str:
    return f"every {unit}" if step == 1 else f"every {_nth(step)} {unit}"


# ----------------------------------------------------------------------------------------------------------------- days


def _date(day: str, month: str, weekday: str) -> str | None:
    """One day of the year."""
    if not day.isdecimal() or weekday not in ("*", "?") or "," in month:
        return None
    months = _values(MONTH, month)
    return f"{int(day)} {_MONTHS[months[0] - 1]}" if len(months) == 1 else None


def _days(day: str, weekday: str, dialect: Dialect) -> str:
    """Which days; nothing where it is every day."""
    by_day = "" if day in ("*", "?") else _month_days(day)
    by_weekday = "" if weekday in ("*", "?") else _weekdays(weekday, dialect)
    star = day.startswith("*") or weekday.startswith("*")
    known = {by_day, by_weekday} - {""}
    if _EVERY_DAY in known and not star:  # either is enough
        return ""
    known.discard(_EVERY_DAY)
    if len(known) < 2:
        return "".join(known)
    return f"{by_day}, but only {by_weekday}" if star else f"{by_day} and also {by_weekday}"


def _month_days(text: str) -> str:
    terms = _terms(text)
    if not re.search("[LW]", text) and len({value for term in terms for value in _values(DAY, term)}) == DAY.high:
        return _EVERY_DAY
    return f"on {_joined([_day(term) for term in terms])} of the month"


def _day(text: str) -> str:
    if text == "L":
        return "the last day"
    if text.startswith("L-"):
        before = int(text[2:])
        return "the last day" if before == 0 else f"the {_nth(before + 1)} to last day"
    if text in ("LW", "WL"):
        return "the last weekday (Monday to Friday)"
    if "W" in text:
        return f"the weekday (Monday to Friday) nearest the {_nth(int(text.strip('W')))}"
    if match := _STEP.fullmatch(text):
        return _EVERY_DAY if match[1] in (None, "1") else f"every {_nth(int(match[1]))} day from the 1st"
    match = _RANGE.fullmatch(text)
    assert match is not None, text
    first, last, step = match.groups()
    values = _values(DAY, text)
    if len(values) == 1:
        return f"the {_nth(values[0])}"
    if not step or (int(step) == 1 and last):
        return f"the {_nth(int(first))} to the {_nth(int(last))}"
    until = f" to the {_nth(int(last))}" if last else ""
    return f"{_every(int(step), 'day')} from the {_nth(int(first))}{until}"


def _weekdays(text: str, dialect: Dialect) -> str:
    """Mondays, from Monday to Friday, the 2nd Friday of the month."""
    shift = 1 if dialect == "quartz" else 0
    single: list[str] = []
    ranges: list[str] = []
    of_month: list[str] = []
    for term in _terms(text):
        if "#" in term:
            name, _, nth = term.partition("#")
            of_month.append(f"the {_nth(int(nth))} {_DAYS[_weekday(name, shift)]}")
            continue
        if len(term) > 1 and (term.endswith("L") or term.startswith("L")):
            of_month.append(f"the last {_DAYS[_weekday(term.strip('L'), shift)]}")
            continue
        days = [(value - shift) % 7 for value in _values(WEEKDAY, term, first=shift)]
        if len(set(days)) == 7:
            return _EVERY_DAY
        if "-" in term and "/" not in term and len(days) > 1:
            ranges.append(f"from {_DAYS[days[0]]} to {_DAYS[days[-1]]}")
        else:
            single += [f"{_DAYS[value]}s" for value in days]
    found = list(ranges)
    if single:
        found.append(f"on {_joined(list(dict.fromkeys(single)))}")
    if of_month:
        found.append(f"on {_joined(of_month)} of the month")
    return _joined(found)


def _weekday(text: str, shift: int) -> int:
    return WEEKDAY.names[text] if text in WEEKDAY.names else (int(text) - shift) % 7


# ----------------------------------------------------------------------------------------------------- months and years


def _months(text: str) -> str:
    return "" if text == "*" else _calendar(MONTH, text, lambda value: _MONTHS[value - 1])


def _years(text: str) -> str:
    return "" if text == "*" else _calendar(YEAR, text, str)


def _calendar(field: Field, text: str, name: Callable[[int], str]) -> str:
    terms = _terms(text)
    values = sorted({value for term in terms for value in _values(field, term)})
    if len(values) == field.high - field.low + 1:
        return ""
    if len(terms) == 1 and "/" not in text and len(values) > 1:
        return f" from {name(values[0])} to {name(values[-1])}"
    if len(values) > 2 * _MOST:  # of years: there are not more months
        return f" in {_joined([_span(field, term) for term in terms])}"
    return f" in {_joined([name(value) for value in values])}"


def _span(field: Field, term: str) -> str:
    """A term of many years."""
    body, _, step = term.partition("/")
    first, last = body.partition("-")[::2]
    first = str(field.low) if first == "*" else first
    if step:
        return f"{_every(int(step), field.word)} from {first}{f' to {last}' if last else ''}"
    return f"{first} to {last}" if last else first


def _terms(text: str) -> list[str]:
    return list(dict.fromkeys(text.split(",")))


def _values(field: Field, term: str, *, first: int | None = None) -> list[int]:
    """The values of a plain term, ascending. `first`: where a star begins, if it is not the lowest of the field."""
    body, _, step = term.partition("/")
    low, dash, high = body.partition("-")
    start = field.low if first is None else first
    end = start + 6 if field is WEEKDAY else field.high
    if low == "*":
        bottom, top = start, end
    else:
        bottom = _number(field, low) + (start if low in field.names and field is WEEKDAY else 0)
        top = _number(field, high) if dash else (max(end, bottom) if step else bottom)
        if high in field.names and field is WEEKDAY:
            top += start
    if field is WEEKDAY and high == "SUN" and top < bottom:
        top += 7
    return list(range(bottom, top + 1, int(step or 1)))


def _number(field: Field, text: str) -> int:
    return field.names[text] if text in field.names else int(text)


def _nth(number: int) -> str:
    """1st, 2nd, 3rd, 4th, 11th, 21st."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _joined(items: list[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"
