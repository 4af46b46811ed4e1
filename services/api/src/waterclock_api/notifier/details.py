"""What a message tells of a notice, read when it is delivered: runs may be forgotten by then, and lines cleared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from waterclock.model.definition import Definition
from waterclock.model.notices.kinds import Kind
from waterclock.model.notices.notice import Notice
from waterclock.model.positions import parse_position
from waterclock.model.promise import Promise
from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement
from waterclock_api.notifier.delivery.notice_details import DigestDetails, NoticeDetails, PositionRange, details_of
from waterclock_api.notifier.explained import explained

_PACKAGE = "waterclock_api"
_LINES = 8
_definition: msgspec.json.Decoder[Definition] = msgspec.json.Decoder(Definition)


async def told_of(connection: Connection, notice: Notice) -> NoticeDetails:
    zone, limit = await _job(connection, notice)
    sentence = await explained(connection, notice)
    if notice.run is not None:
        asked = {"run": notice.run, "limit": _LINES}
        row = await (await connection.execute(statement("notice_run", _PACKAGE), asked)).fetchone()
        lines = await (await connection.execute(statement("notice_lines", _PACKAGE), asked)).fetchall()
        if row is not None:
            executor, attempts, error_type, error_message = row
            return details_of(
                notice,
                zone=zone,
                limit_s=limit,
                executor=executor,
                attempts=attempts,
                error_type=error_type,
                error_message=error_message,
                explain=sentence,
                log_lines=tuple(line for (line,) in lines),
            )
    return details_of(notice, zone=zone, limit_s=limit, explain=sentence)


def digest_of(notices: Sequence[Notice], message: str, *, muted: int = 0) -> DigestDetails:
    """Many notices as one: how many, and where they are found. `muted`: how many more there are, which are muted."""
    ranges: dict[int, list[str]] = {}
    for notice in notices:
        if notice.position is not None:
            ranges.setdefault(parse_position(notice.position).partition, []).append(notice.position)
    counts: Mapping[Kind, int] = Counter(notice.kind for notice in notices)
    return DigestDetails(
        id=message,
        from_ms=min(notice.at for notice in notices),
        to_ms=max(notice.at for notice in notices),
        counts=counts,
        muted=muted,
        positions=tuple(
            PositionRange(first=min(found, key=parse_position), last=max(found, key=parse_position))
            for _, found in sorted(ranges.items())
        ),
    )


async def _job(connection: Connection, notice: Notice) -> tuple[str, float | None]:
    """The job's zone, and the time that what has happened was given."""
    if notice.job is None:
        return "UTC", None
    row = await (await connection.execute(statement("notice_job", _PACKAGE), {"job": notice.job})).fetchone()
    if row is None:
        return "UTC", None
    job = _definition.decode(row[0])
    promise = job.promise or Promise()
    limits = {"timedOut": job.timeout, "tooLong": promise.runs_at_most, "silent": promise.success_within}
    return job.schedule_zone, limits.get(notice.kind)
