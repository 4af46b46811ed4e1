"""What is due → units, in batches for one call each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from waterclock.kit.telemetry import traces
from waterclock.log.commands import fires
from waterclock.log.commands.requests import ITEMS_IN_A_CALL, Unit
from waterclock.model.instants.misfire import Policy, Settlement, settle
from waterclock_scheduler.agenda import Due, Planned

Batch = list[tuple[Planned, Unit]]


async def batches(dues: list[Due], now: int) -> AsyncGenerator[Batch]:
    """Units for all jobs that are due, in bounded calls; a unit is never split."""
    trace = traces.origin if traces.tracing() else None  # the decision, told once it is made, begins it
    batch: Batch = []
    items = 0
    for due in dues:
        settled: dict[tuple[Policy, int | None], Settlement] = {}
        for planned in due.jobs:
            owed = _settlement(due, planned, now, settled)
            unit = fires.unit(planned.job(), owed, mark=planned.mark, trace=trace)
            batch.append((planned, unit))
            items += len(unit.items)
            if items >= ITEMS_IN_A_CALL:
                yield batch
                batch, items = [], 0
        await asyncio.sleep(0)  # a long backlog takes its time: let the term be renewed
    if batch:
        yield batch


def _settlement(
    due: Due, planned: Planned, now: int, settled: dict[tuple[Policy, int | None], Settlement]
) -> Settlement:
    """Computed once for all jobs that owe the same instants under the same policy."""
    key = (planned.policy, planned.ceiling)
    found = settled.get(key)
    if found is None:
        found = settle(due.schedule, mark=due.floor, now=now, policy=planned.policy, end_at=planned.ceiling)
        settled[key] = found
    return found
