"""Durations and moments as people write them."""

from __future__ import annotations

import math
import re

from waterclock.model.timestamps import Stamp, parse_moment, stamp

_DURATION = re.compile(
    r"P(?:(?P<weeks>\d+(?:\.\d+)?)W)?(?:(?P<days>\d+(?:\.\d+)?)D)?"
    r"(?:T(?=\d)(?:(?P<hours>\d+(?:\.\d+)?)H)?(?:(?P<minutes>\d+(?:\.\d+)?)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)
_SHORT = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|[smhdw]))+")
_SHORT_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdw])")
_SHORT_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_LONGEST = 64  # characters
_TIME_AT = len("2026-01-01T")  # before it a blank may stand for the T
_YEAR_10000 = 253_402_300_800_000  # ms
LATEST = _YEAR_10000 - 1
"""The last moment that can be written, ms."""
_SECONDS = {"weeks": 604_800, "days": 86_400, "hours": 3_600, "minutes": 60, "seconds": 1}


def seconds(written: float | str) -> float:
    """Read a number of seconds, or an ISO 8601 duration of weeks, days, hours, minutes and seconds.

    Raises:
        ValueError: neither.
    """
    if not isinstance(written, str):
        try:
            finite = math.isfinite(written)
        except OverflowError:  # a whole number beyond all floats
            finite = False
        if not finite:
            raise ValueError("must be finite")
        return written
    match = _DURATION.fullmatch(written.upper()) if written.isascii() and len(written) <= _LONGEST else None
    parts = {name: text for name, text in match.groupdict().items() if text is not None} if match else {}
    if not parts:
        raise ValueError("is neither a number of seconds nor an ISO 8601 duration such as PT1M30S")
    return sum(float(text) * _SECONDS[name] for name, text in parts.items())


def short_seconds(written: float | str) -> float:
    """As `seconds`; besides `30s`, `4h` or `1h30m`.

    Raises:
        ValueError: none of these.
    """
    if not isinstance(written, str):
        return seconds(written)
    if len(written) <= _LONGEST and _SHORT.fullmatch(written):
        return sum(float(count) * _SHORT_UNITS[unit] for count, unit in _SHORT_PART.findall(written))
    try:
        return seconds(written)
    except ValueError:
        raise ValueError("is no duration: write 4h, 90s, PT1M30S or a number of seconds") from None


def moment(written: str) -> Stamp:
    """Read an RFC 3339 moment.

    Raises:
        ValueError: it is none; the message says why.
    """
    return stamp(moment_ms(written))


def moment_ms(written: str) -> int:
    """As `moment`, in milliseconds since the epoch."""
    if not len("2026-01-01T00:00Z") <= len(written) <= _LONGEST or written[10:11] not in "Tt ":
        raise ValueError("is not an RFC 3339 time such as 2026-03-29T01:00:00Z")
    try:
        at = parse_moment(written.upper())
    except OverflowError as error:
        raise ValueError("is out of range: 1970 to 9999") from error
    except ValueError as error:
        if "has no offset" in str(error):
            raise ValueError("has no offset: write it in UTC with Z, or with an offset such as +02:00") from error
        if "offset" in str(error):
            raise ValueError("has an offset of 24 hours or more: it is from -23:59 to +23:59") from error
        raise ValueError("is not an RFC 3339 time such as 2026-03-29T01:00:00Z") from error
    if not 0 <= at < _YEAR_10000:
        raise ValueError("is out of range: 1970 to 9999")
    return at


def query_moment_ms(written: str) -> int:
    """As `moment_ms`, from a query, in which an unescaped + of an offset is a blank."""
    return moment_ms(written[:_TIME_AT] + written[_TIME_AT:].replace(" ", "+"))
