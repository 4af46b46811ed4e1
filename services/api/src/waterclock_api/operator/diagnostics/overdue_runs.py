"""What `waterclock doctor` says of runs that go on past their timeout: threads that nobody can end."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import cast

from waterclock.log.client import Log
from waterclock.store.connection.pool import Connection
from waterclock_api.operator.diagnostics.checks import Finding, ok, warning
from waterclock_api.queries.stuck_runs import overdue_of
from waterclock_api.validation.executors import executors_of_workers

CHECK = "timeouts"
MOST = 20  # runs that are named
_HELD_MOST = 10_000  # of a partition
_MEND = (
    "a thread cannot be stopped: check `ctx.cancelled` in the code, or declare the executor with "
    "`subprocess=True`; until it returns it holds a slot of its worker, and a restart of the worker ends "
    "it (see the run's log)"
)


async def of_runs(log: Log, connection: Connection) -> AsyncGenerator[Finding]:
    """Each run that workers hold for longer than its timeout."""
    executors = {name: spec for spec in await executors_of_workers(connection) for name in (spec.key, *spec.aliases)}
    found = 0
    for partition in range(log.partitions):
        for run in await overdue_of(connection, await _held(log, partition), executors):
            found += 1
            if found <= MOST:
                past = f"{run.past:.0f} s past its timeout of {run.limit:g} s"
                said = f"run {run.run_id} of {run.executor} is still executing on worker {run.worker}, {past}"
                yield warning(CHECK, said, _MEND)
    if found > MOST:
        yield warning(CHECK, f"{found - MOST} more runs execute past their timeouts", _MEND)
    if not found:
        yield ok(CHECK, "no run executes past its timeout")


async def _held(log: Log, partition: int) -> list[str]:
    """Runs that sessions hold there; a member is `session:run`."""
    key = log.keys.partition(partition, "held")
    members = cast(
        "list[bytes]", await log.execute(key, "ZRANGEBYLEX", key, "-", "+", "LIMIT", 0, _HELD_MOST, control=True)
    )
    return [member.decode().partition(":")[2] for member in members]
