"""Mixed load in which a fifth of the runs misbehave, in every way of the table in docs/explanation/isolation.md."""

from __future__ import annotations

import itertools
import random  # noqa: TID251 - a seed of its own
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.worker.shop import Process, Shop
from tests.support import misbehaving_loops as loops
from tests.support import misbehaving_states as states
from waterclock.model.events import (
    RunCancelled,
    RunFailed,
    RunLost,
    RunRetryScheduled,
    RunSucceeded,
    RunTimedOut,
    StoredEvent,
    WorkerJoined,
)
from waterclock.model.ids import RunId
from waterclock.model.retry import RetryPolicy

ONCE = RetryPolicy(max_attempts=1)
AT_ONCE = 12  # runs
Way = loops.Way | states.Way
WAYS: tuple[Way, ...] = (*loops.WAYS, *states.WAYS)
_ENDS = (RunSucceeded, RunFailed, RunTimedOut, RunCancelled)


class Load:
    """Runs under way and what became of them."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._seen = 0
        self.going: dict[RunId, Way | None] = {}
        self.innocents = 0
        self.handed_back = 0
        self.untold: Counter[str] = Counter()
        self.told: Counter[str] = Counter()

    async def start(self, way: Way | None, number: int) -> None:
        await self.until(AT_ONCE - 1)
        while way is not None and any(one is not None and _of(one) == _of(way) for one in self.going.values()):
            await self.until(len(self.going) - 1)  # of two that did the same at once one has changed nothing
        target = ("states.works", "states.async.works")[number % 2] if way is None else way.executor.key
        self.going[await self._shop.run(target, retry=ONCE)] = way

    async def until(self, most: int) -> None:
        """Wait until no more than so many are under way."""
        while len(self.going) > most:
            event = self._next()
            if event is None:
                await self._shop._read_on()  # pyright: ignore[reportPrivateUsage]
            elif isinstance(event, RunRetryScheduled):
                raise AssertionError(f"an attempt was used up: {event}")
            elif isinstance(event, _ENDS) and event.run_id in self.going:
                await self._judge(event)

    def _next(self) -> StoredEvent | None:
        events = self._shop.events[0]
        if self._seen == len(events):
            return None
        self._seen += 1
        return events[self._seen - 1]

    async def _judge(self, event: RunSucceeded | RunFailed | RunTimedOut | RunCancelled) -> None:
        way = self.going.pop(event.run_id)
        lines = await self._shop.lines(event.run_id)
        if way is None:
            assert isinstance(event, RunSucceeded), (event, lines)
            own = [line for line in lines if line in states.LINES]  # beside them it may be told of what blocks its loop
            assert own[-3:] == states.LINES, (event, lines)
            self.innocents += 1
            self.handed_back += any(isinstance(one, RunLost) for one in self._shop.of(event.run_id))
            return
        key = way.executor.key
        error = None if isinstance(event, RunSucceeded | RunCancelled) else event.error.type
        assert error == way.error, (key, event, lines)
        if way.told is not None and not (isinstance(event, RunSucceeded) and event.result == loops.NOTHING):
            told = any(way.told in line for line in lines)
            (self.told if told else self.untold)[key] += 1


def _of(way: Way) -> str | None:
    """What it changes, if it is told: the environment by whatever variable, `logging` by whatever logger."""
    if way.told is not None:
        for part, whole in (
            ("environ", "environment"),
            ("time zone", "environment"),
            ("logg", "logging"),
            ("handler", "logging"),
        ):
            if part in way.told:
                return whole
    return way.told


def chosen(seconds: int) -> Iterator[tuple[Way, ...]]:
    """Rounds of ways: all, in an order of its own each; in a slice one round of some, of each column."""
    chance = random.Random(seconds)
    if seconds > 60:
        while True:
            yield tuple(chance.sample(WAYS, len(WAYS)))
    by_column: dict[str, list[Way]] = {}
    for way in WAYS:
        by_column.setdefault(way.column, []).append(way)
    long = by_column.pop("handed back")  # it blocks for seconds, in which the others come to their ends
    some = [way for ways in by_column.values() for way in chance.sample(ways, min(len(ways), 4))]
    yield (*long, *chance.sample(some, len(some)))


@pytest.mark.parametrize("seconds", [10, pytest.param(3600, marks=[pytest.mark.soak, pytest.mark.timeout(5400)])])
async def test_a_fifth_of_the_load_misbehaves_and_harms_no_other_run(shop: Shop, seconds: int) -> None:
    files = [str(Path(module.__file__ or "")) for module in (loops, states)]
    process = await Process.start(shop, "--slots", "16", *itertools.chain(*(("--executors", file) for file in files)))
    try:
        await process.says("ready")
        load, begun_at, early = Load(shop), time.monotonic(), 0
        for number, way in enumerate(itertools.chain.from_iterable(chosen(seconds))):
            passed = time.monotonic() - begun_at
            if passed > seconds > 60:
                break
            early = memory_of(process) if not early and passed > 600 else early
            for place in range(4):
                await load.start(None, number + place)
            await load.start(way, number)
        await load.until(0)
        joined = [event for event in shop.all() if isinstance(event, WorkerJoined)]
        assert len(joined) == 1  # the process has not been restarted, nor lost its session
        assert process.is_running
        assert load.innocents > 50
        assert load.handed_back
        # Two that changed the same at once are told as one; what nobody saw may be found too late for its run's log.
        assert load.told.total() > 3 * load.untold.total(), load.untold
        told = {way.column for way in WAYS if load.told[way.executor.key]}
        assert told >= {"undone and told", "only told"}
        if early:
            assert not load.untold.keys() - load.told.keys()
            assert memory_of(process) <= 1.05 * early
    finally:
        await process.kill()


def memory_of(process: Process) -> int:
    """Pages that are resident."""
    return int(Path(f"/proc/{process.pid}/statm").read_text(encoding="ascii").split()[1])
