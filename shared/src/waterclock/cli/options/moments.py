"""Moments as people write and read them, in the reader's zone.

Read are `1h` and `8h ago`, `yesterday`, `2026-11-28`, `2026-11-28 03:00`, `03:00` and RFC 3339. Shown is RFC 3339 with
the offset of the zone, so that each says its zone and can be given back.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from datetime import time as time_of_day
from zoneinfo import ZoneInfo

import click

from waterclock.kit.clock import SystemClock
from waterclock.model.cron.zones import UnknownZone
from waterclock.model.cron.zones import zone as zone_of_database
from waterclock.model.durations import LATEST, query_moment_ms
from waterclock.model.timestamps import Stamp, stamp

_ZONE = "waterclock.zone"
"""Where the context of a command keeps the reader's zone."""
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_UNIT = r"(?:s|sec|seconds?|m|min|minutes?|h|hours?|d|days?|w|weeks?)"
_PART = re.compile(rf"(\d+(?:\.\d+)?) ?({_UNIT})(?![a-z])")
_SPAN = re.compile(rf"(?P<sign>[+-]?)(?P<parts>(?:\d+(?:\.\d+)? ?{_UNIT} ?)+)(?P<ago>ago)?")
_LOCAL = re.compile(
    r"(?:(?P<day>today|yesterday|tomorrow|\d{4}-\d\d-\d\d)(?:[ t]|$))?(?P<time>\d{1,2}:\d\d(?::\d\d(?:\.\d{1,3})?)?)?"
)
_DAYS = {"yesterday": -1, "today": 0, "tomorrow": 1}
_STAMPS = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{3})?Z")
_LONGEST = 64  # characters
WAYS = "1h, yesterday, 2026-11-28, '2026-11-28 03:00', 03:00 or 2026-11-28T03:00:00+01:00"


def use_zone(ctx: click.Context, zone: tzinfo) -> None:
    """Read and show moments of this command in `zone`.

    Raises:
        ValueError: it was given another already.
    """
    if _ZONE in ctx.meta:
        raise ValueError("--utc and --zone cannot be combined: give one of them")
    ctx.meta[_ZONE] = zone


def zone_named(name: str) -> tzinfo:
    """
    Raises:
        ValueError: there is no such zone; the message says which is like it.
    """
    try:
        zone_of_database(name)
    except UnknownZone as error:
        raise ValueError(str(error)) from None
    return UTC if name == "UTC" else ZoneInfo(name)


def readers_zone() -> tzinfo | None:
    """The zone that the command was given, or `TZ` names; None: what the machine is set to."""
    ctx = click.get_current_context(silent=True)
    found: tzinfo | None = None if ctx is None else ctx.meta.get(_ZONE)
    named = os.environ.get("TZ", "").removeprefix(":")
    if found is None and named:
        try:
            found = zone_named(named)
        except ValueError:  # a rule such as CET-1CEST, which the machine reads
            return None
    return found


def shown(at: str | None, *, exact: bool | None = None) -> str | None:
    """A moment of the API in the reader's zone, with its milliseconds where it has any; `exact`: always, or never.

    What is no moment stays as it is.
    """
    if at is None:
        return None
    if exact is None:
        exact = "." in at and ".000" not in at
    try:
        local = datetime.fromisoformat(at).astimezone(readers_zone())
    except (ValueError, OverflowError, OSError):
        return at
    return local.isoformat(timespec="milliseconds" if exact else "seconds").replace("+00:00", "Z")


def retold(text: str) -> str:
    """A sentence of the API with its moments in the reader's zone."""
    return _STAMPS.sub(lambda found: shown(found[0]) or found[0], text)


def moment(text: str, *, end: bool = False, ahead: bool = False, now_ms: int | None = None) -> str:
    """What a person has written, as RFC 3339; what is that already stays as it is.

    `end`: a day means its last millisecond, and an hour that comes twice the second. `ahead`: a span without a sign,
    and a time of day, lie in the future.

    Raises:
        ValueError: it is no moment; the message goes on from a name for it.
    """
    wanted = " ".join(text.split()).lower()
    now = SystemClock().now_ms() if now_ms is None else now_ms
    if wanted == "now":
        return stamp(now)
    if len(wanted) > _LONGEST:
        raise ValueError(f"is not a time: write {WAYS}")
    if (span := _SPAN.fullmatch(wanted)) and not (span["ago"] and span["sign"]):
        forward = span["sign"] == "+" or (ahead and not span["sign"] and not span["ago"])
        return _stamped(now + round(_seconds(span["parts"]) * 1000) * (1 if forward else -1))
    if wanted and (found := _LOCAL.fullmatch(wanted)):
        return _local(found["day"], found["time"], end=end, ahead=ahead, now=now)
    try:
        query_moment_ms(text)
    except ValueError as error:
        why = "" if "RFC 3339 time" in str(error) else f": it {error}"
        raise ValueError(f"is not a time{why}: write {WAYS}") from None
    return text


def seconds(text: str) -> float | None:
    """A span such as `1h30m`, in seconds; None: it is none."""
    span = _SPAN.fullmatch(text.strip().lower()) if len(text) <= _LONGEST else None
    return None if span is None or span["sign"] or span["ago"] else _seconds(span["parts"])


def _seconds(parts: str) -> float:
    return sum(float(number) * _UNITS[unit[0]] for number, unit in _PART.findall(parts))


def _local(day: str | None, time: str | None, *, end: bool, ahead: bool, now: int) -> Stamp:
    zone = readers_zone()
    today = datetime.fromtimestamp(now // 1000, UTC).astimezone(zone).date()
    try:
        which = today + timedelta(days=_DAYS[day]) if day in _DAYS else date.fromisoformat(day or today.isoformat())
        clock = None if time is None else time_of_day.fromisoformat(time if time[1] != ":" else f"0{time}")
        after = which + timedelta(days=1)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"is not a time ({error}): write {WAYS}") from None
    if clock is None:
        return _stamped(_at(after, time_of_day.min, zone) - 1 if end else _at(which, time_of_day.min, zone))
    at = _at(which, clock, zone, late=end)
    return _stamped(_at(after, clock, zone) if day is None and ahead and at < now else at)


def _at(day: date, clock: time_of_day, zone: tzinfo | None, *, late: bool = False) -> int:
    """
    Raises:
        ValueError: no clock of the zone shows that.
    """
    bare = datetime.combine(day, clock).replace(fold=int(late))
    meant = bare.astimezone() if zone is None else bare.replace(tzinfo=zone)
    utc = meant.astimezone(UTC)
    if clock != time_of_day.min and utc.astimezone(zone).replace(tzinfo=None, fold=0) != bare.replace(fold=0):
        raise ValueError(f"does not exist: the clock went forward past {bare:%H:%M} on {day}")
    return round(utc.timestamp() * 1000)


def _stamped(ms: int) -> Stamp:
    """
    Raises:
        ValueError: the API knows no such moment.
    """
    if not 0 <= ms <= LATEST:
        raise ValueError("is out of range: 1970 to 9999")
    return stamp(ms)
