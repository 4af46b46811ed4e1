"""Notices as they are recorded, and the messages that are to carry them; and promises that were broken.

A notice is one rule's. A channel gets one message for all notices that say the same, whatever rules say it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from waterclock.model.ids import digest
from waterclock.model.notices.notice import ID_LENGTH, BrokenPromise, Notice, Trip
from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement

OLD = 3600.0  # s; what is older when it is judged goes into a digest

_encode = msgspec.json.Encoder().encode


class Message(NamedTuple):
    """`key`: the same for notices that say the same; `subject`: of which messages go out in their order."""

    channel: str
    key: str
    subject: str
    notice: Notice


def messages_of(notices: Iterable[Notice]) -> list[Message]:
    """The messages that carry notices, in their order."""
    found: dict[tuple[str, str], Message] = {}
    for notice in notices:
        key, subject = _key(notice), subject_of(notice)
        for channel in notice.channels:
            found.setdefault((channel, key), Message(channel, key, subject, notice))
    return list(found.values())


def subject_of(notice: Notice) -> str:
    return notice.job or notice.run or "installation"


async def record(connection: Connection, notices: Sequence[Notice], trips: Sequence[Trip]) -> None:
    """Record notices, and put their messages and the breaker's orders into the outbox, in the caller's transaction."""
    if notices:
        await connection.execute(statement("record_notices"), _columns(notices))
        await _put_out(connection, messages_of(notices))
    if trips:
        columns = {
            "ids": [trip.id for trip in trips],
            "jobs": [trip.job for trip in trips],
            "documents": [_encode(trip) for trip in trips],
        }
        await connection.execute(statement("put_trips"), columns)


async def record_told(
    connection: Connection, notices: Sequence[Notice], sent: Sequence[Message], unsent: Sequence[Message]
) -> None:
    """Record notices that were told before they could be stored, what was `sent` of them, and put out what was not."""
    if notices:
        await connection.execute(statement("record_notices"), _columns(notices))
    if sent:
        await connection.execute(statement("put_sent"), _named(sent))
    if unsent:
        await _put_out(connection, unsent)


async def _put_out(connection: Connection, messages: Sequence[Message]) -> None:
    arguments = _named(messages) | {
        "repeats": [one.notice.of if one.notice.reminder else None for one in messages],
        "ats": [one.notice.at for one in messages],
        "old": OLD,
    }
    await connection.execute(statement("put_out"), arguments)


def _named(messages: Sequence[Message]) -> dict[str, object]:
    return {
        "channels": [one.channel for one in messages],
        "messages": [one.key for one in messages],
        "subjects": [one.subject for one in messages],
        "notices": [one.notice.id for one in messages],
        "takes_back": [one.notice.of if one.notice.recovers else None for one in messages],
    }


async def record_broken(connection: Connection, broken: Sequence[BrokenPromise]) -> None:
    """Record promises that were broken, in the caller's transaction."""
    if not broken:
        return
    columns = {
        "ids": [one.id for one in broken],
        "kinds": [one.kind for one in broken],
        "jobs": [one.job for one in broken],
        "runs": [one.run for one in broken],
        "whats": [one.what for one in broken],
        "attempts": [one.attempt for one in broken],
        "instants": [one.instant for one in broken],
        "lasts": [one.last for one in broken],
        "dues": [one.due for one in broken],
        "ats": [one.at for one in broken],
        "positions": [one.position for one in broken],
    }
    await connection.execute(statement("record_broken_promises"), columns)


def _columns(notices: Sequence[Notice]) -> dict[str, object]:
    return {
        "ids": [one.id for one in notices],
        "ats": [one.at for one in notices],
        "kinds": [one.kind for one in notices],
        "rules": [one.rule for one in notices],
        "jobs": [one.job for one in notices],
        "runs": [one.run for one in notices],
        "documents": [_encode(one) for one in notices],
    }


def _key(notice: Notice) -> str:
    said = (notice.kind, notice.recovers, notice.reminder, notice.job, notice.run, notice.instant, notice.due)
    more = (notice.what, notice.attempt, notice.position, notice.reason)
    of = () if notice.incident is None else (notice.incident,)
    return digest("message " + "\0".join(map(str, (*said, *more, *of))), ID_LENGTH)
