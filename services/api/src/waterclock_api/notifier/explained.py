"""The sentence of `waterclock explain` about a scheduled time, as it stands when a message of it is delivered."""

from __future__ import annotations

from waterclock.model.cron.schedule import BadSchedule
from waterclock.model.ids import JobId, RunId
from waterclock.model.instants.explain import explain_moment
from waterclock.model.instants.reasons import RunNow
from waterclock.model.notices.kinds import Kind
from waterclock.model.notices.notice import Notice
from waterclock.model.positions import Position
from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement
from waterclock.wire.envelope import Entry, read_document

KINDS: frozenset[Kind] = frozenset({"skipped", "missing", "late"})
"""What an event alone does not explain."""
ENTRIES_MOST = 2_000
BEFORE_MS = 86_400_000
"""Decisions are looked for from a day before the scheduled time on: a clock may have been set back since."""
_PACKAGE = "waterclock_api"


async def explained(connection: Connection, notice: Notice) -> str:
    """Empty where there is nothing to explain, or nothing is known of it any more."""
    if notice.job is None or notice.instant is None or notice.kind not in KINDS:
        return ""
    entries = await _entries(connection, notice.job, notice.instant)
    runs = await _run(connection, notice.run)
    try:
        found = explain_moment(entries, at_ms=notice.instant, now_ms=notice.at, runs=runs)
    except BadSchedule:  # the message goes out without it
        return ""
    return "" if found is None else found.text


async def _entries(connection: Connection, job_id: JobId, instant: int) -> list[Entry]:
    """What defines the job, and what was decided about that time."""
    wanted = {
        "job_ids": [job_id],
        "epochs": [0],
        "seqs": [0],
        "decided_from": instant - BEFORE_MS,
        "limit": ENTRIES_MOST,
    }
    async with connection.transaction():
        await connection.execute(statement("prefer_order", _PACKAGE))
        rows = await (await connection.execute(statement("ledger_entries", _PACKAGE), wanted)).fetchall()
    return [
        read_document(Position(partition, epoch, seq), prev, at, bytes(document))
        for _, partition, epoch, seq, prev, at, document in rows
    ]


async def _run(connection: Connection, run_id: RunId | None) -> dict[RunId, RunNow] | None:
    if run_id is None:
        return None
    row = await (await connection.execute(statement("notice_run_status", _PACKAGE), {"run": run_id})).fetchone()
    return None if row is None else {run_id: RunNow(row[0])}
