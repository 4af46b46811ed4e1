"""What is kept for a time only: ended runs with all that belongs to them, and the archive's events.

What is to go is noted first, in `forgotten`, and then goes, in bounded transactions: whoever is stopped in between
leaves the rest to the next, and a rebuild knows what it must not bring back. A run goes at the latest when events of
its time do, so that each run that is there has all its events. Months of events are dropped, not deleted; what is
needed of them for longer (`drop_archive_month`) stays in the default table.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, get_args

import msgspec
import psycopg

from waterclock.model.outcomes import RunStatus
from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement

EVENTS = "events"
ENDED: tuple[RunStatus, ...] = tuple(
    status for status in get_args(RunStatus) if status in {"succeeded", "failed", "timedOut", "cancelled", "died"}
)
AT_ONCE = 500  # runs in one transaction
PAGES = 128  # of a table, 1 MiB, whose rows go in one transaction
LOCK_WAIT = 2_000  # ms, for all who archive or read events: dropping a month takes the archive's lock for a moment
_EPOCH = datetime.fromtimestamp(0, UTC)
_OF_REBUILT = ("runs", "attempts", "steps", "jobs", "decisions")


class Keep(msgspec.Struct, frozen=True, kw_only=True):
    """For how long; None, or a status that is not named: for ever. `by_store`: runs are kept as the store says."""

    events: timedelta | None = None
    runs: Mapping[RunStatus, timedelta] = {}
    by_store: bool = False


class EndedRuns(NamedTuple):
    """How many there are, the bytes of them and all that belongs to them, how many ended in the last day."""

    ended: int
    bytes: int
    lately: int


async def age_of_runs(connection: Connection) -> str | None:
    """For how long this store keeps ended runs where no setting says, written as the setting is; None: for ever."""
    row = await (await connection.execute(statement("retention"))).fetchone()
    return None if row is None else row[0]


async def ended_runs(connection: Connection) -> EndedRuns:
    row = await (await connection.execute(statement("ended_runs"))).fetchone()
    assert row is not None
    return EndedRuns(*map(int, row))


async def take(connection: Connection) -> bool:
    """Be the only one who forgets, until the session ends or gives it back; False: another is."""
    row = await (await connection.execute(statement("take_retention"))).fetchone()
    return row is not None and row[0]


async def give(connection: Connection) -> None:
    await connection.execute(statement("give_retention"))


async def forgotten(connection: Connection) -> dict[str, int]:
    """What is forgotten: events, or the runs of a status; and before when, ms."""
    return dict(await (await connection.execute(statement("forgotten"))).fetchall())


async def forget(connection: Connection, keep: Keep, now_ms: int) -> None:
    """Let go what is older than it is to be kept; the caller is the only one (`take`)."""
    before = horizons(keep, now_ms)
    if before:
        noted = {"whats": list(before), "befores": list(before.values())}
        await connection.execute(statement("note_forgotten"), noted)
    await settle(connection)


async def settle(connection: Connection) -> None:
    """Let go what is noted, to the end; `take` first."""
    if not await forgotten(connection):
        return
    await _forget_runs(connection)
    await _sweep(connection, "decisions", "forget_decisions")
    await _sweep(connection, "quarantine", "forget_quarantined")
    await _sweep(connection, "dropped", "forget_dropped")
    await _drop_months(connection)
    await _sweep(connection, "events_default", "sweep_default")
    await connection.execute(statement("prune_chain"))


async def forget_rebuilt(connection: Connection) -> None:
    """Let rebuilt tables forget the same, in the transaction that finds them by their names."""
    for table in _OF_REBUILT:
        await connection.execute(statement(f"forget_rebuilt_{table}"))


def horizons(keep: Keep, now_ms: int) -> dict[str, int]:
    """Before when what is not kept, ms. Events go by months (UTC), and no run outlives the events of its time."""
    now = _EPOCH + timedelta(milliseconds=now_ms)
    found = {status: _ms(now - age) for status, age in keep.runs.items()}
    if keep.events is not None:
        month = (now - keep.events).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        found = {status: max(_ms(month), found.get(status, 0)) for status in ENDED}
        found[EVENTS] = _ms(month)
    return dict(found)


async def _forget_runs(connection: Connection) -> None:
    after: tuple[int, str] = (-(10**16), "")
    while True:
        page = {"after_at": after[0], "after_id": after[1], "limit": AT_ONCE}
        rows = await (await connection.execute(statement("old_runs"), page)).fetchall()
        if gone := [run_id for _, run_id, is_gone in rows if is_gone]:
            async with connection.transaction():
                await connection.execute(statement("prefer_lookups"))
                await connection.execute(statement("hold_positions"))
                await connection.execute(statement("forget_runs"), {"run_ids": gone})
        if len(rows) < AT_ONCE:
            return
        after = rows[-1][:2]


async def _sweep(connection: Connection, table: str, name: str) -> None:
    """Delete by a statement that looks at some pages of a table, from its first to its last: each is read once."""
    row = await (await connection.execute(statement("pages"), {"table": table})).fetchone()
    assert row is not None
    for first in range(0, row[0], PAGES):
        await connection.execute(statement(name), {"first": f"({first},0)", "end": f"({first + PAGES},0)"})


async def _drop_months(connection: Connection) -> None:
    """Drop whole months; one that is in use stays until the next time."""
    months = await (await connection.execute(statement("old_months"))).fetchall()
    for month, ends in months:
        try:
            async with connection.transaction():
                await connection.execute(statement("await_locks"), {"ms": LOCK_WAIT})
                await connection.execute(statement("prefer_lookups"))
                await connection.execute(statement("drop_month"), {"month": month, "ends": ends})
        except psycopg.errors.LockNotAvailable:
            return


def _ms(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)
