"""Notices as they were recorded, each with the messages that carry it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from waterclock.model.notices.notice import Notice as Recorded
from waterclock.model.timestamps import Stamp, stamp
from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement
from waterclock.store.notices.outbox import Message, messages_of
from waterclock_api.limits.memory_budget import Hold
from waterclock_api.queries.cursors import cursor_of, read_cursor
from waterclock_api.queries.pages import rows_of
from waterclock_api.queries.read_models import PACKAGE, query_moment
from waterclock_api.queries.rows import Row
from waterclock_api.schemas.notices import DeliveryState, Notice, NoticeDelivery, Notices, NoticesQuery, RehearsedNotice

_TRIED: frozenset[DeliveryState] = frozenset({"delivered", "givenUp"})
"""States that the last try has led to, beside those that failed before it."""
_decode = msgspec.json.Decoder(Recorded).decode


async def notices(connection: Connection, query: NoticesQuery, hold: Hold | None = None) -> Notices:
    """
    Raises:
        BadRequest: a moment is none, or the cursor is of another list.
    """
    before_at, before_id = read_cursor(query.cursor, tuple[int, str]) or (None, None)
    arguments = {
        "job_ids": list(query.job_id),
        "run_ids": list(query.run_id),
        "kinds": list(query.kind),
        "rules": list(query.rule),
        "from": query_moment("from", query.from_),
        "to": query_moment("to", query.to),
        "before_at": before_at,
        "before_id": before_id,
    }

    def after(row: Row) -> dict[str, Any]:
        return {"before_at": row[0], "before_id": row[1]}

    page, more = await rows_of(connection, "notices", arguments, query.limit, after=after, large=(2,), hold=hold)
    found = [_decode(bytes(document)) for _, _, document in page]
    deliveries = await _deliveries(connection, found)
    items = [notice_of(one, deliveries.get(one.id, [])) for one in found]
    return Notices(items=items, next_cursor=cursor_of(*page[-1][:2]) if more else None)


def notice_of(one: Recorded, deliveries: list[NoticeDelivery]) -> Notice:
    return Notice(**_members(one), deliveries=deliveries)


def rehearsed_notice_of(one: Recorded) -> RehearsedNotice:
    return RehearsedNotice(**_members(one), channels=one.channels)


def _members(one: Recorded) -> dict[str, Any]:
    return {
        "id": one.id,
        "kind": one.kind,
        "rule": one.rule,
        "at": stamp(one.at),
        "since": stamp(one.since),
        "count": one.count,
        "job_id": one.job,
        "job_group": one.group,
        "job_name": one.name,
        "run_id": one.run,
        "instant": _stamp(one.instant),
        "last": _stamp(one.last),
        "due": _stamp(one.due),
        "what": one.what,
        "attempt": one.attempt,
        "position": one.position,
        "reason": one.reason,
        "reminder": one.reminder,
        "recovers": one.recovers,
        "of": one.of,
    }


async def _deliveries(connection: Connection, notices: Sequence[Recorded]) -> dict[str, list[NoticeDelivery]]:
    """Of each notice by its id. A message is recorded with the first notice that it carries, and found by its key."""
    carried = [(one.id, message) for one in notices for message in messages_of((one,))]
    arguments = {
        "channels": [message.channel for _, message in carried],
        "messages": [message.key for _, message in carried],
    }
    rows = await (await connection.execute(statement("notice_messages", PACKAGE), arguments)).fetchall()
    told = {(channel, key): _delivery(channel, *row) for channel, key, *row in rows}
    found: dict[str, list[NoticeDelivery]] = {}
    for notice, message in carried:
        delivery = told.get(_key(message))
        if delivery is not None:
            found.setdefault(notice, []).append(delivery)
    return found


def _key(message: Message) -> tuple[str, str]:
    return message.channel, message.key


def _delivery(
    channel: str, state: DeliveryState, failures: int, due_at: int, settled_at: int | None, said: str | None
) -> NoticeDelivery:
    return NoticeDelivery(
        channel=channel,
        state=state,
        at=_stamp(settled_at),
        tries=failures + (state in _TRIED),
        next_try_at=stamp(due_at) if state == "waiting" else None,
        error=None if state == "muted" else said,
        mute=said if state == "muted" else None,
    )


def _stamp(at: int | None) -> Stamp | None:
    return None if at is None else stamp(at)
