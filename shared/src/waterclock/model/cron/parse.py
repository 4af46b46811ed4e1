"""Cron text as written → resolved text: columns told apart, no alias, no `H`, no zone. The columns stand here too."""

import hashlib
import re
from functools import lru_cache
from typing import Literal

import msgspec

Dialect = Literal["unix", "quartz"]

LONGEST = 256  # characters
LONGEST_PERIOD = 366 * 86_400  # seconds of @every

ALIASES = {
    "@HOURLY": "0 * * * *",
    "@DAILY": "0 0 * * *",
    "@MIDNIGHT": "0 0 * * *",
    "@WEEKLY": "0 0 * * SUN",
    "@MONTHLY": "0 0 1 * *",
    "@YEARLY": "0 0 1 1 *",
    "@ANNUALLY": "0 0 1 1 *",
}
_HALF_YEAR = {"JAN": 1, "FEB": 2, "MAR": 3, "APR": 4, "MAY": 5, "JUN": 6}
_MONTHS = _HALF_YEAR | {"JUL": 7, "AUG": 8, "SEP": 9, "OCT": 10, "NOV": 11, "DEC": 12}
_WEEKDAYS = {"SUN": 0, "MON": 1, "TUE": 2, "WED": 3, "THU": 4, "FRI": 5, "SAT": 6}
_UNITS = {"D": 86_400, "H": 3600, "M": 60, "S": 1}


class Unreadable(ValueError):
    """The text is not a schedule; the message says why, in words for its author."""


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One column of an expression."""

    word: str
    place: int  # in croniter's order: minute, hour, day, month, weekday, second, year
    low: int
    high: int
    hashed: tuple[int, int]  # from where `H` picks
    names: dict[str, int] = {}


SECOND = Field(word="second", place=5, low=0, high=59, hashed=(0, 59))
MINUTE = Field(word="minute", place=0, low=0, high=59, hashed=(0, 59))
HOUR = Field(word="hour", place=1, low=0, high=23, hashed=(0, 23))
DAY = Field(word="day of month", place=2, low=1, high=31, hashed=(1, 28))
MONTH = Field(
    word="month",
    place=3,
    low=1,
    high=12,
    hashed=(1, 12),
    names=_MONTHS,
)
WEEKDAY = Field(
    word="day of week",
    place=4,
    low=0,
    high=7,
    hashed=(0, 6),
    names=_WEEKDAYS,
)
YEAR = Field(word="year", place=6, low=1970, high=2099, hashed=(1970, 2099))

_COLUMNS = {
    5: (MINUTE, HOUR, DAY, MONTH, WEEKDAY),
    6: (SECOND, MINUTE, HOUR, DAY, MONTH, WEEKDAY),
    7: (SECOND, MINUTE, HOUR, DAY, MONTH, WEEKDAY, YEAR),
}
_HASHED = re.compile(r"H(?:\(([0-9]+)-([0-9]+)\))?(?:/([0-9]+))?")
_SEEDED = re.compile(r"(?<![A-Z])H(?![A-Z])")
_DURATION = re.compile(r"(?:[0-9]+[DHMS])+")
_ODD = re.compile(r"[^\S \t]|[\x00-\x08\x0b-\x1f\x7f\u200b-\u200f\u2060\ufeff]")
"""Blanks that are none of ours, and what is not seen at all."""
_ZONE = re.compile(r"(TZ|CRON_TZ|TIMEZONE)\s*=\s*([^\s]*)", re.IGNORECASE)


def split_zone(text: str) -> tuple[str | None, str]:
    """The zone of a `CRON_TZ=` prefix, and the rest.

    Raises:
        Unreadable: the text is empty or too long.
    """
    if len(text) > LONGEST:
        raise Unreadable(f"an expression has at most {LONGEST} characters; this one has {len(text)}")
    body = text.strip(" \t")
    if not body:
        raise Unreadable("the expression is empty")
    if (odd := _ODD.search(body)) is not None:
        raise Unreadable(_odd_said(odd.group()))
    if not body.startswith("CRON_TZ="):
        if (zone := _ZONE.match(body)) is not None:
            raise Unreadable(
                f"{zone[1]}= is not read: write CRON_TZ={zone[2] or 'Europe/Berlin'} before the fields, or set timezone"
            )
        return None, body
    zone, *rest = re.split(r"[ \t]+", body.removeprefix("CRON_TZ="), maxsplit=1)
    return zone, rest[0] if rest else ""


def names_zone(expression: str | None) -> bool:
    """Whether an expression has a `CRON_TZ=` prefix; false for what cannot be read."""
    return zone_in(expression) is not None


def zone_in(expression: str | None) -> str | None:
    """The zone of a `CRON_TZ=` prefix; None without one, and for what cannot be read."""
    try:
        return None if expression is None else split_zone(expression)[0]
    except Unreadable:
        return None


def _odd_said(sign: str) -> str:
    if sign in "\n\r\x0b\x0c\x85\u2028\u2029":
        return "holds a line break (in YAML a block, | or >, keeps one): an expression is a single line"
    kind = "an unusual space" if sign.isspace() else "an invisible character"
    return f"holds U+{ord(sign):04X}, {kind}, as copied text may: use plain spaces between the fields"


def resolve(body: str, seed: str) -> str:
    """The text without aliases, `H` and what depends on the job: upper case, columns one space apart.

    `@every` becomes `@EVERY <period>+<phase>`, in seconds.
    """
    text = body.upper()
    if text.startswith("@EVERY"):
        return _resolve_every(text, seed)
    if text.startswith("@") and text not in ALIASES:
        known = ", ".join(alias.lower() for alias in ALIASES)
        raise Unreadable(f"{body!r} is unknown; use {known} or @every 90s")
    parts = re.split(r"[ \t]+", ALIASES.get(text, text))
    columns = _COLUMNS.get(len(parts))
    if columns is None:
        raise Unreadable(
            f"an expression has 5 fields (minute hour day month weekday), 6 (second first) or 7 (second first, year "
            f"last); this one has {len(parts)}"
        )
    return " ".join(
        ",".join(_resolve_term(field, term, seed) for term in part.split(","))
        for field, part in zip(columns, parts, strict=True)
    )


@lru_cache(maxsize=16_384)
def is_seeded(body: str) -> bool:
    """Whether `resolve` would look at the seed."""
    text = body.upper()
    return "@EVERY" in text or ("H" in text and _SEEDED.search(text) is not None)


def columns_of(resolved: str) -> dict[str, str]:
    """The text of each column of a resolved expression, by the column's word; empty for `@every`."""
    if resolved.startswith("@"):
        return {}
    parts = resolved.split(" ")
    return {field.word: part for field, part in zip(_COLUMNS[len(parts)], parts, strict=True)}


def checked_step(field: Field, term: str, step: int) -> int:
    """`step`, if the column has that many values."""
    size = 7 if field is WEEKDAY else field.high - field.low + 1
    if not 1 <= step <= size:
        raise Unreadable(f"{term!r}: a step in the {field.word} field is 1 to {size}")
    return step


def _resolve_every(text: str, seed: str) -> str:
    duration = text.removeprefix("@EVERY").strip(" \t")
    if not text.startswith(("@EVERY ", "@EVERY\t")) or _DURATION.fullmatch(duration) is None:
        raise Unreadable("@every takes a duration in d, h, m and s, such as @every 90s or @every 1h30m")
    period = sum(int(n) * _UNITS[unit] for n, unit in re.findall(r"([0-9]+)([DHMS])", duration))
    if not 1 <= period <= LONGEST_PERIOD:
        raise Unreadable(f"@every takes at least 1 s and at most 366 days; this is {period} s")
    return f"@EVERY {period}+{_chosen(seed, 0, 0, period - 1) if seed else 0}"


def _resolve_term(field: Field, term: str, seed: str) -> str:
    """The term with `H` replaced by a value; a weekday by its name, which reads the same in every dialect."""
    if not term:
        raise Unreadable(f"the {field.word} field has an empty item beside a comma")
    match = _HASHED.fullmatch(term)
    if match is None:
        return term
    if field is YEAR:
        raise Unreadable("H has no meaning in the year field")
    begin, end, step = match.groups()
    low, high = (int(begin), int(end)) if begin else field.hashed
    if not field.low <= low <= high <= field.high:
        raise Unreadable(f"{term!r}: H picks from a range within {field.low}-{field.high} in the {field.word} field")
    names = {} if begin else {value: name for name, value in field.names.items()}
    if step is None:
        value = _chosen(seed, field.place, low, high)
        return names.get(value, str(value))
    stride = checked_step(field, term, int(step))
    value = _chosen(seed, field.place, low, min(low + stride - 1, high))
    return ",".join(names.get(each, str(each)) for each in range(value, high + 1, stride))


def _chosen(seed: str, place: int, low: int, high: int) -> int:
    """A value in [low, high] that depends on seed and place only, for ever: stored schedules rest on it."""
    digest = hashlib.sha256(f"{seed}|{place}".encode()).digest()
    return low + int.from_bytes(digest[:8], "big") % (high - low + 1)
