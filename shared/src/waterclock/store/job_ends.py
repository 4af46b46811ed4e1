"""How the runs of each job have ended: counted once, in the transaction that archives their ends, and kept for good.

    archived events ──count, from where it was counted last──► job_ends ──monitored──► metrics of jobs

It is no read model: retention takes away what a rebuild would need to count anew. It is counted from the archive and
not from a batch, so what a projector of an earlier release has archived meanwhile is counted, too.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement

AT_ONCE = 50_000  # events; more than a projector writes in one transaction


class JobEnds(NamedTuple):
    """A job that carries the label `monitor`, whatever its value. Times in ms; None: never.

    `definition`: JSON, without the parameters.
    """

    job_id: str
    job_group: str
    job_name: str
    version: int
    mark: int
    definition: str
    last_end: int | None
    last_success: int | None
    last_failure: int | None
    succeeded: int
    failed: int
    timed_out: int
    cancelled: int
    died: int


async def count(connection: Connection, partition: int) -> None:
    """Count what was archived, in the transaction that has moved the position there; a bounded part of it."""
    await connection.execute(statement("count_ends"), {"partition": partition, "limit": AT_ONCE})


async def catch_up(connection: Connection, partition: int) -> None:
    """Count all that is archived and was not counted: the projector before was of an earlier release."""
    looked_at = AT_ONCE
    while looked_at == AT_ONCE:
        async with connection.transaction():
            await connection.execute(statement("hold_position"), {"partition": partition})
            arguments = {"partition": partition, "limit": AT_ONCE}
            row = await (await connection.execute(statement("count_ends"), arguments)).fetchone()
            assert row is not None
            (looked_at,) = row


async def monitored(connection: Connection, partitions: Collection[int], most: int) -> tuple[list[JobEnds], int]:
    """Those jobs of these partitions that are among the first `most` monitored ones of all; how many more there are."""
    asked = {"partitions": list(partitions), "most": most}
    found = [JobEnds(*row) for row in await (await connection.execute(statement("monitored_jobs"), asked)).fetchall()]
    row = await (await connection.execute(statement("unmonitored_jobs"), asked)).fetchone()
    assert row is not None
    return found, row[0]
