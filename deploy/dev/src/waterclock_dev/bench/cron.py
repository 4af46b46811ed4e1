"""The next instant of an expression that is cached: ours, beside croniter and cronsim where they are installed."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from waterclock.model.cron.schedule import parse

RARE = "0 0 29 2 *"
CASES = (
    ("*/5 * * * *", "UTC"),
    ("*/15 * * * *", "Europe/Berlin"),
    ("30 2 * * *", "Europe/Berlin"),
    ("0 9 * * MON-FRI", "America/New_York"),
    ("0 0 1 * *", "Asia/Tokyo"),
    (RARE, "UTC"),
)
_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


class Steps(NamedTuple):
    """µs for each next instant, the best of the rounds; None: not installed."""

    expression: str
    zone: str
    ours: float
    croniter: float | None
    cronsim: float | None


def measure(*, steps: int, rounds: int) -> list[Steps]:
    return [_measured(expression, zone, steps, rounds) for expression, zone in CASES]


def _measured(expression: str, zone: str, steps: int, rounds: int) -> Steps:
    if expression == RARE:
        steps = min(steps, 10)  # forty years
    return Steps(
        expression,
        zone,
        _best(lambda: _ours(expression, zone), steps, rounds),
        _peer("croniter", lambda: _croniter(expression, zone), steps, rounds),
        _peer("cronsim", lambda: _cronsim(expression, zone), steps, rounds),
    )


def _best(begin: Callable[[], Callable[[], object]], steps: int, rounds: int) -> float:
    """µs a step; each round begins anew, and reading the expression is no part of it."""
    found: list[float] = []
    for _ in range(rounds):
        step = begin()
        began = time.perf_counter()
        for _ in range(steps):
            step()
        found.append((time.perf_counter() - began) / steps * 1e6)
    return min(found)


def _peer(module: str, begin: Callable[[], Callable[[], object]], steps: int, rounds: int) -> float | None:
    try:
        importlib.import_module(module)
    except ImportError:
        return None
    return _best(begin, steps, rounds)


def _ours(expression: str, zone: str) -> Callable[[], object]:
    schedule = parse(expression, timezone=zone)
    at: int | None = round(_BEGIN.timestamp() * 1000)

    def step() -> None:
        nonlocal at
        assert at is not None
        at = schedule.after(at)

    return step


def _croniter(expression: str, zone: str) -> Callable[[], object]:
    walk: Any = importlib.import_module("croniter").croniter(expression, _BEGIN.astimezone(ZoneInfo(zone)))
    return lambda: walk.get_next(datetime)


def _cronsim(expression: str, zone: str) -> Callable[[], object]:
    walk: Any = importlib.import_module("cronsim").CronSim(expression, _BEGIN.astimezone(ZoneInfo(zone)))
    return lambda: next(walk)
