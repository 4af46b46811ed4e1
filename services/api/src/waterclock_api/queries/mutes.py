"""Mutes in the read models, and one as its event alone tells it."""

from __future__ import annotations

from typing import Any

from waterclock.model.events import NoticesMuted
from waterclock.model.positions import Position
from waterclock.model.timestamps import millis, stamp
from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement
from waterclock_api.limits.memory_budget import Hold
from waterclock_api.queries.cursors import cursor_of, read_cursor
from waterclock_api.queries.pages import rows_of
from waterclock_api.queries.read_models import PACKAGE
from waterclock_api.queries.rows import Row
from waterclock_api.schemas.mutes import Mute, Mutes, MutesQuery


async def mutes(connection: Connection, query: MutesQuery, now: int, hold: Hold | None = None) -> Mutes:
    """`now`: ms; which are in force is told by it."""
    after_at, after_id = read_cursor(query.cursor, tuple[int, str]) or (None, None)
    arguments = {
        "all": query.all_,
        "job_id": query.job_id,
        "now": now,
        "after_at": after_at,
        "after_id": after_id,
    }

    def after(row: Row) -> dict[str, Any]:
        return {"after_at": row[10], "after_id": row[0]}

    page, more = await rows_of(connection, "mutes", arguments, query.limit, after=after, large=(14, 16), hold=hold)
    following = cursor_of(*after(page[-1]).values()) if more else None
    return Mutes(items=[_mute(row, now) for row in page], next_cursor=following)


async def mute(connection: Connection, mute_id: str, now: int) -> Mute | None:
    row = await (await connection.execute(statement("mute", PACKAGE), {"mute_id": mute_id})).fetchone()
    return None if row is None else _mute(row, now)


def mute_of(event: NoticesMuted, position: Position, at: int, now: int) -> Mute:
    """The mute as it began, at `at`, ms: what has become of it, and of its job, is not known."""
    return Mute(
        id=event.mute_id,
        job_id=event.job_id,
        job_group=None,
        job_name=None,
        group=event.group,
        label=event.label,
        all_=event.all_,
        position=str(position),
        muted_at=stamp(at),
        until=event.until,
        ends_at=event.until,
        in_force=millis(event.until) > now,
        actor=event.actor,
        reason=event.reason,
        unmuted_by=None,
        unmuted_reason=None,
    )


def _mute(row: Row, now: int) -> Mute:
    mute_id, job_id, job_group, job_name, group, label, everything, partition, epoch, seq, *times = row
    muted_at, until, ends_at, actor, reason, unmuted_by, unmuted_reason = times
    return Mute(
        id=mute_id,
        job_id=job_id,
        job_group=job_group,
        job_name=job_name,
        group=group,
        label=label,
        all_=everything,
        position=str(Position(partition, epoch, seq)),
        muted_at=stamp(muted_at),
        until=stamp(until),
        ends_at=stamp(ends_at),
        in_force=ends_at > now,
        actor=actor,
        reason=reason,
        unmuted_by=unmuted_by,
        unmuted_reason=unmuted_reason,
    )
