"""Cron expressions with what they mean and when they fire, as the library has it; all counted from a fixed time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from waterclock.model.cron.parse import ALIASES, LONGEST
from waterclock.model.cron.schedule import BadSchedule, Schedule, described, local_time, parse, shift_note
from waterclock.model.durations import moment_ms

FROM = "2026-01-01T00:00:00Z"  # a Thursday
JOB = "11vfgjg4rore22hm"
COUNT = 3


class Example(NamedTuple):
    expression: str
    options: Mapping[str, Any] = {}


EXAMPLES: Mapping[str, tuple[Example, ...]] = {
    "fields": (
        Example("30 2 * * *"),
        Example("30 2 * * * *"),
        Example("0 30 2 1 1 ? 2027-2030"),
    ),
    "values": (
        Example("*/15 * * * *"),
        Example("5/15 * * * *"),
        Example("0 9-17/2 * * MON-FRI"),
        Example("0 6,18 * * *"),
        Example("0 0 1 JAN,JUL *"),
        Example("0 0 * * SAT-SUN"),
        Example("0 0 * * 7"),
    ),
    "days": (
        Example("0 0 L * *"),
        Example("0 0 L-3 * *"),
        Example("0 0 15W * *"),
        Example("0 0 LW * *"),
        Example("0 0 * * FRI#2"),
        Example("0 0 * * FRIL"),
        Example("0 0 1,L * *"),
        Example("0 0 ? * MON"),
    ),
    "both": (
        Example("0 0 13 * FRI"),
        Example("0 0 */2 * FRI"),
        Example("0 0 ? * FRI"),
    ),
    "hash": (
        Example("H H * * *"),
        Example("H/15 * * * *"),
        Example("H(0-29) 3 * * *"),
        Example("0 H H * * SUN"),
    ),
    "every": (
        Example("@every 90s"),
        Example("@every 1d12h"),
        Example("@every 7d"),
    ),
    "zone": (
        Example("CRON_TZ=Asia/Tokyo 0 9 * * *"),
        Example("0 9 * * *", {"timezone": "Asia/Tokyo"}),
    ),
}
DIALECTS = (
    Example("0 0 * * 1"),
    Example("0 0 * * 1", {"dialect": "quartz"}),
    Example("0 0 0 * * 1"),
    Example("0 0 0 * * 1", {"dialect": "unix"}),
    Example("0 0 0 ? * 1", {"dialect": "quartz"}),
    Example("0 0 0 ? * MON"),
)
REFUSED = (
    Example("* * * *"),
    Example("60 * * * *"),
    Example("50-10 * * * *"),
    Example("0 0 * * FRI-MON"),
    Example("*/61 * * * *"),
    Example("1, * * * *"),
    Example("? * * * *"),
    Example("0 0 * FUN *"),
    Example("0 0 * * FUN"),
    Example("0 0 * * L"),
    Example("0 0 * * FRI#6"),
    Example("0 0 32W * *"),
    Example("0 0 30 2 *"),
    Example("0 0 0 * * 1"),
    Example("H(5-70) * * * *"),
    Example("0 0 0 1 1 ? H"),
    Example("0 0 0 1 1 ? 2100"),
    Example("@reboot"),
    Example("@every 90"),
    Example("@every 999d"),
    Example("TZ=Europe/Berlin 0 9 * * *"),
    Example("CRON_TZ=Asia/Tokyo 0 9 * * *", {"timezone": "Europe/Berlin"}),
    Example("0 9 * * *", {"timezone": "Berlin"}),
)
_BERLIN = {"timezone": "Europe/Berlin"}
CHANGES: Mapping[str, tuple[str, str, tuple[Example, ...]]] = {
    "gap": (
        "2026-03-28T22:30:00Z",
        "2026-03-29T02:30:00Z",
        (
            Example("30 2 * * *", _BERLIN),
            Example("30 2 * * *", _BERLIN | {"gap": "skip"}),
            Example("15,45 2 * * *", _BERLIN),
            Example("30 * * * *", _BERLIN),
            Example("*/30 2 * * *", _BERLIN),
        ),
    ),
    "fold": (
        "2026-10-24T23:00:00Z",
        "2026-10-25T02:00:00Z",
        (
            Example("30 2 * * *", _BERLIN),
            Example("30 2 * * *", _BERLIN | {"fold": "both"}),
            Example("30 * * * *", _BERLIN),
            Example("*/30 2 * * *", _BERLIN),
        ),
    ),
}


def text(kind: str) -> str:
    if kind == "aliases":
        rows = [(f"`{alias.lower()}`", f"`{stands_for}`") for alias, stands_for in ALIASES.items()]
        return _table(("word", "stands for"), rows)
    if kind == "dialects":
        rows = [(f"`{one.expression}`", _named(one, "dialect", "none"), _meaning(one)) for one in DIALECTS]
        return _table(("expression", "`cronDialect`", "meaning"), rows)
    if kind == "refused":
        rows = [(f"`{one.expression}`{_zone(one)}", _refusal(one)) for one in REFUSED]
        rows.append((f"more than {LONGEST} characters", _refusal(Example("0" * (LONGEST + 1)))))
        return _table(("expression", "message"), rows)
    if kind in CHANGES:
        return _changes(kind)
    rows = [(f"`{one.expression}`", described(_read(one)), _fires(_read(one))) for one in EXAMPLES[kind]]
    return _table(("expression", "meaning", "next"), rows)


def _changes(kind: str) -> str:
    after, through, examples = CHANGES[kind]
    usual = {"gap": "shift", "fold": "first"}[kind]
    rows: list[tuple[str, ...]] = []
    for one in examples:
        schedule = _read(one)
        found = schedule.between(moment_ms(after), moment_ms(through))
        times = "<br>".join(f"{local_time(schedule, at)[11:]} {_note(schedule, at)}".rstrip() for at in found)
        rows.append((f"`{one.expression}`", _named(one, kind, usual), times or "none"))
    return _table(("expression", f"`dst{kind.capitalize()}`", "runs at"), rows)


def _read(one: Example) -> Schedule:
    return parse(one.expression, seed=JOB, **one.options)


def _fires(schedule: Schedule) -> str:
    at, found = moment_ms(FROM), list[str]()
    while len(found) < COUNT and (following := schedule.after(at)) is not None:
        found.append(_shown(local_time(schedule, following)))
        at = following
    return "<br>".join(found)


def _shown(local: str) -> str:
    """Without seconds, and the offset of UTC, where there are none."""
    day, time, offset = local[:10], local[11:19].removesuffix(":00"), local[19:].replace("+00:00", "")
    return f"{day} {time} {offset}".rstrip()


def _note(schedule: Schedule, at: int) -> str:
    said = shift_note(schedule, at)
    return f"({said})" if said else ""


def _meaning(one: Example) -> str:
    try:
        return described(_read(one))
    except BadSchedule as error:
        return f"refused: `{error.message}`"


def _refusal(one: Example) -> str:
    try:
        schedule = _read(one)
    except BadSchedule as error:
        return f"`{error.message}`"
    raise AssertionError(f"{schedule.expression} is no refusal")


def _named(one: Example, option: str, usual: str) -> str:
    return f"`{one.options.get(option, usual)}`" if option in one.options or usual != "none" else usual


def _zone(one: Example) -> str:
    return f" with timezone `{one.options['timezone']}`" if "timezone" in one.options else ""


def _table(head: tuple[str, ...], rows: list[Any]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])
