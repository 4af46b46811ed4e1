"""How long after its request an idle worker starts a run, and how long a bare blocked process needs to hear a push."""

import asyncio
import statistics
import time

import msgspec

from waterclock.log import tail
from waterclock.log.reader import Reader
from waterclock.log.tail import tail_of
from waterclock.model.events import RunSucceeded
from waterclock.model.positions import Position
from waterclock_dev.bench.bare import Blocked
from waterclock_dev.bench.stage import staged

IDLE = 0.02  # s between two requests
WARM = 20  # requests before those that count
ANSWER = 10.0  # s


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds."""

    p50: float
    p99: float


def summed(samples: list[float]) -> Latency:
    hundredths = statistics.quantiles(samples, n=100, method="inclusive")
    return Latency(p50=hundredths[49], p99=hundredths[98])


async def measure(*, samples: int, slots: int) -> tuple[Latency, Latency]:
    """Of the worker, and of the bare loop."""
    async with staged() as stage:
        async with stage.worker(slots=slots, executors=["waterclock_dev.bench.executors"]):
            ours: list[float] = []
            reader = stage.log.reader()
            after = await tail_of(stage.log, 0)
            assert after is not None
            for number in range(WARM + samples):
                await asyncio.sleep(IDLE)
                sent = time.monotonic_ns()
                run_id = await stage.request("bench.mark", f"latency-{number}")
                started, after = await _result(reader, run_id, after)
                ours.append((started - sent) / 1e6)
            await reader.close()
        alone = await asyncio.to_thread(_bare, stage.url, samples)
        return summed(ours[WARM:]), summed(alone)


async def _result(reader: Reader, run_id: str, after: Position) -> tuple[int, Position]:
    async with asyncio.timeout(ANSWER):
        while True:
            for entry in await tail.read(reader, 0, after, count=100, block=1, archive=None):
                after = entry.position
                if isinstance(entry.event, RunSucceeded) and entry.event.run_id == run_id:
                    return int(entry.event.result), after


def _bare(url: str, samples: int) -> list[float]:
    blocked = Blocked(url)
    found: list[float] = []
    try:
        for _ in range(WARM + samples):
            time.sleep(IDLE)
            found.append(blocked.push())
    finally:
        blocked.close()
    return found[WARM:]
