"""How many no-op runs a second one worker process drains, and a bare loop that makes the same script calls."""

import asyncio
import statistics
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from typing import Any, cast

import msgspec

from waterclock.log.commands.idempotency import Command
from waterclock.log.commands.queues import set_paused
from waterclock.log.reader import entry_of
from waterclock.log.tail import tail_of
from waterclock.model.events import QueuePaused, QueueResumed
from waterclock_dev.bench import bare
from waterclock_dev.bench.stage import QUEUE, Stage, staged

SENDERS = 16  # as many as the log's client has connections
LOOK = 0.02  # s
LONGEST = 120.0  # s
OWN = "waterclock_dev.bench.noop"


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """Runs a second; `batch` is the worker's mean, with which the bare loop was run."""

    worker: float
    bare: float
    batch: int
    events: float  # durable events of each run

    @property
    def ratio(self) -> float:
        return self.worker / self.bare


def middle(rounds: list[Round]) -> Round:
    """The round whose ratio is the median."""
    found = statistics.median_low(each.ratio for each in rounds)
    return next(each for each in rounds if each.ratio == found)


async def measure(*, runs: int, slots: int, replicas: int = 0) -> Round:
    """One round: both drain `runs` runs that were requested before, on one server, one after the other."""
    async with staged(replicas=replicas) as stage:
        await _request_all(stage, runs, name="worker")
        first = await tail_of(stage.log, 0)
        assert first is not None
        await _reset(stage)
        async with stage.worker(slots=slots), asyncio.timeout(LONGEST):
            await _emptied(stage)
        calls = await _calls(stage)
        took, events = await _span(stage, first.seq, runs)
        batch = min(slots, max(1, round(2 * runs / calls)))
        await _request_all(stage, runs, name="bare")
        alone = await asyncio.to_thread(bare.drain, stage.url, batch=batch)
        return Round(worker=runs / took, bare=runs / alone, batch=batch, events=events + 1)


class Mixed(msgspec.Struct, frozen=True, kw_only=True):
    """Runs a second of two worker processes, half of them for an executor of the bench's own."""

    alike: float  # both have it
    mixed: float  # one lacks it


async def measure_mixed(*, runs: int, slots: int) -> Mixed:
    """One round: two processes drain runs of two executors; in the second half of it one of them has but one."""
    return Mixed(
        alike=await _drained(runs, slots, ((OWN,), (OWN,))),
        mixed=await _drained(runs, slots, ((OWN,), ())),
    )


async def _drained(runs: int, slots: int, fleet: Sequence[Sequence[str]]) -> float:
    async with staged() as stage:
        await _request_all(stage, runs, name="mixed", targets=("demo.noop", "bench.noop"))
        first = await tail_of(stage.log, 0)
        assert first is not None
        await _tell(stage, QueuePaused)
        async with AsyncExitStack() as working, asyncio.timeout(LONGEST):
            for number, executors in enumerate(fleet):
                named = {"WATERCLOCK_WORKER_NAME": f"bench-{number}"}
                await working.enter_async_context(stage.worker(slots=slots, executors=executors, env=named))
            await _tell(stage, QueueResumed)
            await _emptied(stage)
        took, _ = await _span(stage, first.seq, runs)
        return runs / took


async def _tell(stage: Stage, word: type[QueuePaused | QueueResumed]) -> None:
    command = Command(id=word.__name__)
    await set_paused(stage.log, command=command, event=word(queue=QUEUE.name, command_id=command.id))


async def _request_all(stage: Stage, runs: int, *, name: str, targets: Sequence[str] = ("demo.noop",)) -> None:
    numbers = iter(range(runs))

    async def send(numbers: Iterator[int]) -> None:
        for number in numbers:
            await stage.request(targets[number % len(targets)], f"{name}-{number}")

    async with asyncio.TaskGroup() as tasks:
        for sender in range(SENDERS):
            tasks.create_task(send(numbers), name=f"request {sender}")


async def _emptied(stage: Stage) -> None:
    key = stage.log.keys.partition(0, "runs")
    while await stage.log.execute(key, "HLEN", key):  # noqa: ASYNC110  another process drains it
        await asyncio.sleep(LOOK)


async def _span(stage: Stage, after: int, runs: int) -> tuple[float, float]:
    """Seconds by the log's clock from the first start to the last end, and how many events each run had between."""
    key = stage.log.keys.partition(0, "events")
    low, high = f"(1-{after}", "+"
    first = await _moment(stage, b"run.started", "XRANGE", key, low, high, "COUNT", 100)
    last = await _moment(stage, b"run.succeeded", "XREVRANGE", key, high, low, "COUNT", 100)
    tail = await tail_of(stage.log, 0)
    assert tail is not None
    return (last - first) / 1000, (tail.seq - after) / runs


async def _moment(stage: Stage, tag: bytes, *words: str | int) -> int:
    rows = cast("list[Any]", await stage.log.execute(str(words[1]), *words))
    entries = [fields for _, fields in map(entry_of, rows)]
    return next(int(fields[b"t"]) for fields in entries if b'"' + tag + b'"' in fields[b"b"])


async def _reset(stage: Stage) -> None:
    key = stage.log.keys.partition(0, "meta")
    await stage.log.execute(key, "CONFIG", "RESETSTAT")


async def _calls(stage: Stage) -> int:
    key = stage.log.keys.partition(0, "meta")
    text = cast("bytes", await stage.log.execute(key, "INFO", "commandstats")).decode()
    line = next(line for line in text.splitlines() if line.startswith("cmdstat_evalsha:"))
    return int(line.partition("calls=")[2].partition(",")[0])
