"""What `waterclock doctor` says of runs that were answered 202 and are in no store: an API remembered them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import cast

from waterclock.log.client import Log
from waterclock.log.recovery.lost_runs import lost_runs
from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement
from waterclock_api.operator.diagnostics.checks import Finding, ok, problem

CHECK = "acknowledged runs"
NAMED = 40
_MEND = (
    "their requests were lost with Redis (`log.truncated`), and they may have been executed: repeat "
    "those that matter, with the same Idempotency-Key if there was one. This finding stays for a week"
)


async def of_runs(log: Log, connection: Connection) -> AsyncGenerator[Finding]:
    """All of them, in one finding."""
    gone: list[str] = []
    for partition in range(log.partitions):
        named = await lost_runs(log, partition)
        if named:
            gone += await _in_no_store(log, connection, partition, named)
    if not gone:
        yield ok(CHECK, "no accepted request is lost, as far as the APIs remember")
        return
    more = f", and {len(gone) - NAMED} more" if len(gone) > NAMED else ""
    said = f"{len(gone)} were accepted (202) and are in no store: {', '.join(gone[:NAMED])}{more}"
    yield problem(CHECK, said, _MEND)


async def _in_no_store(log: Log, connection: Connection, partition: int, runs: Sequence[str]) -> list[str]:
    rows = await (await connection.execute(statement("unknown_runs", "waterclock_api"), {"run_ids": runs})).fetchall()
    unknown: list[str] = [row[0] for row in rows]
    for name in ("runs", "ended0", "ended1"):
        if unknown:
            key = log.keys.partition(partition, name)
            found = cast("list[bytes | None]", await log.execute(key, "HMGET", key, *unknown))
            unknown = [run for run, there in zip(unknown, found, strict=True) if there is None]
    return unknown
