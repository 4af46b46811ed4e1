"""What `waterclock doctor` says of log and archive beside each other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Container

from waterclock.log.client import Log
from waterclock.store.connection.pool import Connection
from waterclock.store.partitioning import Partitioning, present
from waterclock_api.consistency.fit import misfit
from waterclock_api.consistency.lag import lags_of_all, told
from waterclock_api.operator.diagnostics.checks import Finding, ok, problem, warning

LAG_S, LAG_MOST_S = 5.0, 60.0
LOOK_APART = 2.0  # s between two looks at a lag, that tell whether it shrinks


async def of_both(log: Log, connection: Connection) -> AsyncGenerator[Finding]:
    """How log and archive fit."""
    ours, theirs = Partitioning(log.restored, log.partitions), await present(connection)
    if theirs is not None and ours != theirs:
        said = (
            f"the log has {ours.partitions} since epoch {ours.since}, the archive {theirs.partitions}, {theirs.since}"
        )
        yield problem("partitions", said, "one was rolled back to before a restore: run `waterclock restore --replace`")
        return
    fits: set[int] = set()
    for partition in range(log.partitions):
        found = await misfit(log, connection, partition, exact=True)
        if found is None:
            fits.add(partition)
        else:
            yield problem("log and archive", found.said, found.do)
    if fits:
        yield await _of_lag(log, connection, fits)


async def _of_lag(log: Log, connection: Connection, partitions: Container[int]) -> Finding:
    """How far reads are behind in partitions that fit; where that is far, whether it shrinks, by a second look."""

    async def look() -> tuple[float, str]:
        found = {one: lag for one, lag in (await lags_of_all(log, connection)).items() if one in partitions}
        return max((lag.seconds for lag in found.values()), default=0), told(found)

    longest, said = await look()
    if longest <= LAG_S:
        return ok("projection", said)
    await asyncio.sleep(LOOK_APART)
    then, said = await look()
    if then >= longest:
        do = "look for `projection stopped` in the projector's log; start more projectors for more partitions"
        return problem("projection", f"{said}, and the lag is not shrinking", do)
    wait = "wait: the lag was smaller a moment later"
    return problem("projection", said, wait) if then > LAG_MOST_S else warning("projection", said, wait)
