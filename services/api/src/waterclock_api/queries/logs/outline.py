"""The outline of a run's log: what it has, and where, without a word of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast, get_args

from waterclock.kit.text.log_gaps import PATTERN, read_gap
from waterclock.model.events import Level
from waterclock.model.timestamps import stamp
from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement
from waterclock_api.queries.logs.lines import END, Floor, cleared_before, floor_of
from waterclock_api.queries.read_models import PACKAGE
from waterclock_api.queries.rows import Row
from waterclock_api.schemas.responses import LogGap, LogMinute, LogOutline, LogPart, LogStepPart

MINUTES = 1_500
MARKS = 1_000  # errors, and gaps
PARTS = 10_000  # attempts and steps
_LEVELS: tuple[Level, ...] = cast("tuple[Level, ...]", get_args(Level))  # as the statement has them, from the mildest
_BY_LEVEL, _BY_MINUTE, _BY_ATTEMPT, _BY_STEP = 0b1101, 0b1110, 0b0111, 0b0011  # bits of `grouping`: what it is not by


async def outline_of(connection: Connection, run_id: str) -> LogOutline:
    """Reads all lines of the run three times, about 0.2 s for 100 000 of them."""
    floor = await floor_of(connection, run_id) or Floor(*END[:2])
    cleared = await cleared_before(connection, run_id, floor)
    about = {"run_id": run_id, **floor._asdict(), "cleared": cleared}
    limit = len(_LEVELS) + MINUTES + PARTS + 1
    counts = await _rows(connection, "outline_counts", {**about, "minutes": MINUTES, "limit": limit})
    errors = await _rows(connection, "outline_errors", {**about, "limit": MARKS + 1})
    gaps = await _rows(connection, "outline_gaps", {**about, "pattern": PATTERN, "limit": MARKS})
    levels: dict[str, int] = {_level(row[3]): row[5] for row in counts if row[0] == _BY_LEVEL}
    minutes = [row for row in counts if row[0] == _BY_MINUTE]
    parts = [row for row in counts if row[0] in (_BY_ATTEMPT, _BY_STEP)]
    return LogOutline(
        lines=sum(levels.values()),
        levels=levels,
        attempts=[
            LogPart(attempt=row[1], lines=row[5], first=row[6], last=row[7]) for row in parts if row[0] == _BY_ATTEMPT
        ],
        steps=[
            LogStepPart(attempt=row[1], step=row[2], lines=row[5], first=row[6], last=row[7])
            for row in parts
            if row[0] == _BY_STEP
        ],
        minute_ms=minutes[0][9] if minutes else 60_000,
        minutes=[LogMinute(at=stamp(row[4]), lines=row[5], worst=_level(row[8])) for row in minutes],
        errors=[row[0] for row in errors[:MARKS]],
        gaps=[*([LogGap(after=0, lines=cleared, reason="cleared")] if cleared else ()), *_gaps(gaps)],
        complete=len(counts) < limit and len(errors) <= MARKS and len(gaps) < MARKS,
    )


def _gaps(rows: Sequence[Row]) -> list[LogGap]:
    """What each attempt has lost: what it says at last, or, where it did not come to that, what it has said so far."""
    found: list[LogGap] = []
    so_far: dict[int, LogGap] = {}
    for number, attempt, text in rows:
        if (said := read_gap(text)) is None:
            continue
        gap = LogGap(after=number, lines=said.lines, reason=said.reason)
        if said.final:
            so_far.pop(attempt, None)
            found.append(gap)
        else:
            so_far[attempt] = gap
    return sorted((*found, *so_far.values()), key=lambda gap: gap.after)


def _level(place: int) -> Level:
    return _LEVELS[place - 1]


async def _rows(connection: Connection, name: str, arguments: dict[str, object]) -> Sequence[Row]:
    return await (await connection.execute(statement(name, PACKAGE), arguments)).fetchall()
