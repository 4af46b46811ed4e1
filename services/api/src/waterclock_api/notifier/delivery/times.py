"""Moments and spans as people read them at night."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from waterclock.model.cron.zones import FIRST, LAST, UnknownZone, zone

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
_SPLIT = 2  # units at most: `1 d 3 h`


def moment(at_ms: int, zone_name: str = "UTC") -> str:
    """`Sun 29 Nov 2026, 03:00 Europe/Berlin (02:00 UTC)`; seconds where there are some."""
    utc, ahead = _utc(at_ms), _ahead(at_ms, zone_name)
    if ahead is None or zone_name == "UTC":
        return f"{_day(utc)}, {_clock(utc)} UTC"
    local = utc + ahead
    there = "" if local.date() == utc.date() else f"{_day(utc)}, "
    return f"{_day(local)}, {_clock(local)} {zone_name} ({there}{_clock(utc)} UTC)"


def clock_time(at_ms: int, zone_name: str) -> str:
    """`06:30`, in the zone, for a line that has no room for more."""
    return _clock(_utc(at_ms) + (_ahead(at_ms, zone_name) or timedelta()))


def span(seconds: float) -> str:
    """`1 h 30 min`, `45 s`, `0.5 s`."""
    if seconds < 1:
        return f"{seconds:.3g} s"
    rest, parts = round(seconds), list[str]()
    for size, unit in _UNITS:
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:_SPLIT])


def _utc(at_ms: int) -> datetime:
    return datetime.fromtimestamp(min(max(at_ms // 1000, FIRST), LAST - 1), UTC)


def _ahead(at_ms: int, zone_name: str) -> timedelta | None:
    """None: there is no such zone here (any more)."""
    try:
        return timedelta(seconds=zone(zone_name).offset(min(max(at_ms // 1000, FIRST), LAST - 1)))
    except UnknownZone:
        return None


def _day(at: datetime) -> str:
    return f"{_WEEKDAYS[at.weekday()]} {at.day} {_MONTHS[at.month - 1]} {at.year}"


def _clock(at: datetime) -> str:
    return f"{at:%H:%M:%S}" if at.second else f"{at:%H:%M}"
