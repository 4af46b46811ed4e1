"""How late delayed runs start, and how soon a run starts that waited for another of its job to end."""

import asyncio
import time
from itertools import pairwise

from waterclock.log import tail
from waterclock.model.events import RunSucceeded
from waterclock.model.ids import JobId, RunId
from waterclock_dev.bench.latency import Latency, summed
from waterclock_dev.bench.stage import Stage, staged

LEAD_MS = 1_500  # from the first request until the first run is due
APART_MS = 7  # between two delayed runs: one that divides nothing a timer might be rounded to
OVER = 60.0  # s; all runs have ended by then
JOB = JobId("benchjob")


async def measure(*, samples: int, slots: int) -> tuple[Latency, Latency]:
    """From when a run is ready until its executor starts; from the end of a run until the next of its job does."""
    async with staged() as stage, stage.worker(slots=slots, executors=["waterclock_dev.bench.executors"]):
        return await _lateness(stage, samples), await _turns(stage, samples)


async def _lateness(stage: Stage, samples: int) -> Latency:
    wall = time.time_ns() - time.monotonic_ns()
    first = time.time_ns() // 1_000_000 + LEAD_MS + samples // 4
    ready: dict[RunId, int] = {}
    for number in range(samples):
        at = first + number * APART_MS
        ready[await stage.request("bench.mark", f"delayed-{number}", ready_at=at)] = at
    started = await _started(stage, set(ready))
    return summed([(started[run] + wall) / 1e6 - at for run, at in ready.items()])


async def _turns(stage: Stage, samples: int) -> Latency:
    """The executor ends where it starts, so the time from mark to mark is that from an end to the next start."""
    await stage.job(JOB, "bench.mark")
    runs = [await stage.request("bench.mark", f"turn-{number}", job_id=JOB) for number in range(samples)]
    started = await _started(stage, set(runs))
    marks = sorted(started.values())
    return summed([(late - early) / 1e6 for early, late in pairwise(marks)])


async def _started(stage: Stage, runs: set[RunId]) -> dict[RunId, int]:
    """When each began, by the monotonic clock, in ns."""
    found: dict[RunId, int] = {}
    reader = stage.log.reader()
    place = None
    try:
        async with asyncio.timeout(OVER):
            while len(found) < len(runs):
                for entry in await tail.read(reader, 0, place, count=1_000, block=1, archive=None):
                    place = entry.position
                    if isinstance(entry.event, RunSucceeded) and entry.event.run_id in runs:
                        found[entry.event.run_id] = int(entry.event.result)
    finally:
        await reader.close()
    return found
