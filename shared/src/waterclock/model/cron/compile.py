"""Resolved cron text → the local times it names.

`croniter` reads names, lists, ranges and steps. What it has no word for (L-3, FRI#2 beside other days, 15W in a list)
is taken out first, and what it would read as something else (`5-5` as every value, `NOV-FEB` as a range that wraps, `R`
as chance) is rewritten or refused.
"""

import re
from functools import lru_cache

from waterclock.model.cron.days import DayRule, calendar
from waterclock.model.cron.local_times import Beat, Local, Pattern, Times
from waterclock.model.cron.parse import (
    DAY,
    HOUR,
    MINUTE,
    MONTH,
    SECOND,
    WEEKDAY,
    YEAR,
    Dialect,
    Field,
    Unreadable,
    checked_step,
    columns_of,
)

_TERM = re.compile(r"(\*|[0-9]+|[A-Z]+)(?:-([0-9]+|[A-Z]+))?(?:/([0-9]+))?")
_FROM_END = re.compile(r"L(?:-([0-9]+))?")
_NEAREST = re.compile(r"([0-9]+|L)W|W([0-9]+)")
_NTH = re.compile(r"([0-9]+|[A-Z]+)#([0-9]+)")
_LAST = re.compile(r"([0-9]|[A-Z]{3})L|L([0-9]|[A-Z]{3})")


@lru_cache(maxsize=16_384)
def compiled(resolved: str, dialect: Dialect | None) -> Local:
    """The local times a resolved expression names.

    Raises:
        Unreadable: a field says nothing, nothing we read, or two things at once; or no day ever matches.
    """
    if resolved.startswith("@EVERY"):
        period, _, phase = resolved.removeprefix("@EVERY ").partition("+")
        return Beat(int(period), int(phase))
    texts = columns_of(resolved)
    if dialect is None and len(texts) == 5:
        dialect = "unix"
    rule = _day_rule(texts, dialect)
    days = calendar(rule)
    if days.at_or_after(0) is None:
        raise Unreadable("no day of any year matches, so it would never fire")
    times = Times(
        _values(HOUR, texts["hour"]), _values(MINUTE, texts["minute"]), _values(SECOND, texts.get("second", "0"))
    )
    starred = texts["minute"].startswith("*") or texts["hour"].startswith("*")
    return Pattern(days, times, fixed=not starred)


def _day_rule(texts: dict[str, str], dialect: Dialect | None) -> DayRule:
    """Sort the terms of both day fields into plain values, for croniter, and the forms it does not know."""
    day_text, weekday_text = texts["day of month"], texts["day of week"]
    days: list[str] = []
    from_end: set[int] = set()
    nearest: set[int] = set()
    for term in day_text.split(","):
        if match := _FROM_END.fullmatch(term):
            from_end.add(_within(term, int(match[1] or 0), 0, 30))
        elif match := _NEAREST.fullmatch(term):
            found = match[1] or match[2]
            nearest.add(0 if found == "L" else _within(term, int(found), 1, 31))
        else:
            days.append(term)
    weekdays: list[str] = []
    nth: set[tuple[int, int]] = set()
    for term in weekday_text.split(","):
        if match := _NTH.fullmatch(term):
            nth.add((_weekday(match[1], dialect) % 7, _within(term, int(match[2]), 1, 5)))
        elif (match := _LAST.fullmatch(term)) and (match[1] or match[2]):
            nth.add((_weekday(match[1] or match[2], dialect) % 7, 0))
        else:
            weekdays.append(_plain_weekday(term, dialect))
    return DayRule(
        days=frozenset(_values(DAY, _every_day(day_text, days))),
        from_end=frozenset(from_end),
        nearest=frozenset(nearest),
        weekdays=frozenset(_values(WEEKDAY, _every_day(weekday_text, weekdays))),
        nth=frozenset(nth),
        both=day_text.startswith(("*", "?")) or weekday_text.startswith(("*", "?")),
        months=frozenset(_values(MONTH, texts["month"])),
        years=None if texts.get("year", "*") == "*" else _values(YEAR, texts["year"]),
    )


def _every_day(text: str, plain: list[str]) -> str:
    return "*" if text == "?" else ",".join(plain)


def _within(term: str, value: int, low: int, high: int) -> int:
    if not low <= value <= high:
        raise Unreadable(f"{term!r}: the number is {low} to {high}")
    return value


def _weekday(text: str, dialect: Dialect | None) -> int:
    """Sunday = 0 (in unix also 7), from a name or from a number in the dialect.

    Raises:
        Unreadable: not a weekday, or a number of which nobody can say what it means.
    """
    if text in WEEKDAY.names:
        return WEEKDAY.names[text]
    if not text.isdecimal():
        raise Unreadable(f"{text!r} is not a day of the week; there are {', '.join(WEEKDAY.names)}")
    if dialect is None:
        raise Unreadable(
            f"day of week {text} is Sunday = 0 to some and Sunday = 1 to others when seconds are given: "
            f'set cronDialect to "unix" or "quartz", or write a name such as MON'
        )
    low = 1 if dialect == "quartz" else 0
    return _within(text, int(text), low, 7) - low


def _plain_weekday(term: str, dialect: Dialect | None) -> str:
    """A value, range or step of weekdays in croniter's numbers."""
    if term == "L":
        raise Unreadable("L in the day of week field follows a day, as in FRIL")
    match = _TERM.fullmatch(term)
    if match is None or match[1] == "*":
        return term
    low = _weekday(match[1], dialect)
    text = str(low)
    if match[2]:
        high = _weekday(match[2], dialect)
        if match[2] == "SUN" and low:
            high = 7  # Sunday is also the end of a week: SAT-SUN
        if low > high:
            raise _backward(WEEKDAY, term)
        text += f"-{high}"
    return text + (f"/{match[3]}" if match[3] else "")


def _values(field: Field, text: str) -> tuple[int, ...]:
    """What a field of plain terms names, ascending; nothing if it is empty."""
    if not text:
        return ()
    plain = ",".join(_guarded(field, term) for term in text.split(","))
    try:
        found = _expanded(field.place, plain)
    except ValueError as error:
        raise _not_a_value(field, text) from error
    return found or tuple(range(field.low, 7 if field is WEEKDAY else field.high + 1))


@lru_cache(maxsize=4096)
def _expanded(place: int, plain: str) -> tuple[int, ...]:
    """What croniter reads in the column at `place`, ascending; nothing stands for all. It takes about 0.1 ms."""
    columns = ["*"] * 7
    columns[place] = plain
    from croniter import croniter  # noqa: PLC0415 - a twentieth of a start, for who reads expressions

    expanded, _ = croniter.expand(" ".join(columns))
    return () if expanded[place] == ["*"] else tuple(sorted(int(value) for value in expanded[place]))


def _guarded(field: Field, term: str) -> str:
    """The term, if croniter reads it as it is meant."""
    match = _TERM.fullmatch(term)
    if match is None or (match[1] == "*" and match[2]):
        raise _not_a_value(field, term)
    first, last, step = match.groups()
    if step:
        checked_step(field, term, int(step))
    if first == "*":
        return term
    low = _number(field, term, first)
    if last is None:
        return f"{low}/{step}" if step and low < field.high else str(low)
    high = _number(field, term, last)
    if low > high:
        raise _backward(field, term)
    return str(low) if low == high else f"{low}-{high}" + (f"/{step}" if step else "")


def _number(field: Field, term: str, text: str) -> int:
    value = int(text) if text.isdecimal() else field.names.get(text)
    if value is None or not field.low <= value <= field.high:
        raise _not_a_value(field, term)
    return value


def _backward(field: Field, term: str) -> Unreadable:
    return Unreadable(f"{term!r}: a range in the {field.word} field runs forward; write two ranges to wrap")


def _not_a_value(field: Field, text: str) -> Unreadable:
    names = f" or {', '.join(field.names)}" if field.names else ""
    return Unreadable(f"{text!r} in the {field.word} field is invalid: use {field.low}-{field.high}{names}")
