"""What `waterclock doctor` says of runs that go on past their timeout: threads that nobody can end."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import cast

from waterclock.log.client import Log
from waterclock.model.definition import DEFAULT_TIMEOUT
from waterclock.model.events import RunRequested
from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement
from waterclock.wire.envelope import decode_document
from waterclock_api.operator.diagnostics.checks import Finding, ok, warning
from waterclock_api.validation.executors import executors_of_workers

CHECK = "timeouts"
OVERDUE_S = 10.0  # past the timeout: a child is killed by then, and what is asked for has been projected
MOST = 20  # runs that are named
_HELD_MOST = 10_000  # of a partition
_MEND = (
    "a thread cannot be ended: have it look at `ctx.cancelled`, or declare its executor with `subprocess=True`; until "
    "it returns it holds a slot of its worker, and a restart of that is rid of it (the run's log says more)"
)


async def of_runs(log: Log, connection: Connection) -> AsyncGenerator[Finding]:
    """Each run that workers hold for longer than its timeout."""
    timeouts = {
        name: spec.timeout for spec in await executors_of_workers(connection) for name in (spec.key, *spec.aliases)
    }
    found = 0
    for partition in range(log.partitions):
        wanted = {"run_ids": await _held(log, partition)}
        rows = await (await connection.execute(statement("running", "waterclock_api"), wanted)).fetchall()
        for run_id, target, worker, seconds, document in rows:
            limit = _limit(bytes(document), timeouts.get(target))
            if not limit or seconds <= limit + OVERDUE_S:
                continue
            found += 1
            if found <= MOST:
                past = f"{seconds - limit:.0f} s past its timeout of {limit:g} s"
                yield warning(CHECK, f"run {run_id} of {target} goes on in the worker {worker}, {past}", _MEND)
    if found > MOST:
        yield warning(CHECK, f"{found - MOST} more runs go on past their timeouts", _MEND)
    if not found:
        yield ok(CHECK, "no run goes on past its own")


async def _held(log: Log, partition: int) -> list[str]:
    """Runs that sessions hold there; a member is `session:run`."""
    key = log.keys.partition(partition, "held")
    members = cast(
        "list[bytes]", await log.execute(key, "ZRANGEBYLEX", key, "-", "+", "LIMIT", 0, _HELD_MOST, control=True)
    )
    return [member.decode().partition(":")[2] for member in members]


def _limit(document: bytes, executors: float | None) -> float:
    """Seconds that the run may take: its own word, else its executor's, else a worker's; 0: no limit."""
    request = decode_document(document)
    own = request.timeout if isinstance(request, RunRequested) else None
    return next(said for said in (own, executors, DEFAULT_TIMEOUT) if said is not None)
