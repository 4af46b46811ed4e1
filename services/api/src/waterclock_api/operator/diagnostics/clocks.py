"""What `waterclock doctor` says of clocks, and of jobs that are silent since one was set back."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from waterclock.kit.clock import Clock
from waterclock.log.client import Log
from waterclock.log.clock import server_time
from waterclock_api.consistency.clocks import look, set_back
from waterclock_api.consistency.silent_jobs import named, silent_jobs
from waterclock_api.operator.diagnostics.checks import Finding, problem, skew, warning

_SILENT = "they fire again after that; until then, trigger them by hand (`waterclock job trigger`)"


async def of_clocks(log: Log, clock: Clock) -> AsyncGenerator[Finding]:
    """Of the log's servers and partitions."""
    found = await look(log, clock)
    for first, offset in found.offsets.items():
        more = f", partition {first}" if len(found.offsets) > 1 else ""
        yield skew(f"clock of the store{more}", offset)
    for said in set_back(found):
        yield problem(
            "partition clock", said, "nothing is due until then: set it back with `waterclock reconcile --clock`"
        )
    for partition in range(log.partitions):
        now = await server_time(log, log.keys.partition(partition, "meta")) + max(0, found.ahead[partition])
        silence = await silent_jobs(log, partition, now=now)
        if silence.jobs or silence.more:
            count = len(silence.jobs) + silence.more
            said = f"{count} job(s) of partition {partition} are decided up to a future time: {named(silence)}"
            yield warning("silent jobs", said, _SILENT)
