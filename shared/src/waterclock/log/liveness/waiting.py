"""What waits for which executor: read from the log, not asked of a script, for the streams of queues hold only ids."""

from __future__ import annotations

import asyncio
import re
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple, cast

import msgspec

from waterclock.kit.clock import Clock
from waterclock.log.client import Log
from waterclock.log.clock import now
from waterclock.log.commands.aside import count_aside, executors_by_session, some_lie_aside
from waterclock.log.records import record_of
from waterclock.wire.keys import STREAMS

ENTRIES_MOST = 20_000
"""Of a queue, that are looked at in all partitions; in each at least a page."""
HEAD = 300
"""Of a queue in a partition, where only those are of interest that nobody can take: claims set aside what they meet."""
FRESH_FOR = 5.0  # s
_PAGE, _PAGE_FIRST, _PAGE_LEAST = 1_000, 100, 10
_PAGE_BYTES, _BYTES_MOST = 2 << 20, 32 << 20  # of requests: in a page about, and of a queue in a partition
_TARGET = re.compile(rb'"invokeTarget":("(?:[^"\\]|\\.)*")')


class Group(NamedTuple):
    """Runs of a queue that wait for one executor, in one partition. Since when, in ms; 0: there is none."""

    queued: int  # that could start now
    since: int
    aside: int  # set aside by workers that lack the executor
    aside_since: int


class Waiting(NamedTuple):
    """What waits in a partition, by queue and executor. `now`: its clock, ms."""

    now: int
    groups: dict[tuple[str, str], Group]
    beyond: frozenset[str]  # queues that hold more than was looked at
    paused: frozenset[str]
    executors: frozenset[str] | None  # of live sessions; None: one of them does not say what it can run

    def is_lacked(self, executor: str) -> bool:
        """Whether no live session of the partition has it."""
        return self.executors is not None and executor not in self.executors


class Demand(NamedTuple):
    """`waiting`: runs, those that lie aside among them. `oldest_ms`: for how long the first; None: none does."""

    waiting: int
    aside: int
    oldest_ms: int | None


_Subject = tuple[Callable[[Log, int], Awaitable[Waiting]], int]


class WaitingRuns:
    """What waits in each partition, read at most once in 5 s, whoever asks."""

    def __init__(self, log: Log, clock: Clock) -> None:
        self._log = log
        self._clock = clock
        self._turns: defaultdict[_Subject, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._found: dict[_Subject, tuple[float, Waiting]] = {}

    async def of(self, partition: int) -> Waiting:
        return await self._fresh((waiting_in, partition))

    async def head_of(self, partition: int) -> Waiting:
        """As `head_in`."""
        return await self._fresh((head_in, partition))

    async def _fresh(self, subject: _Subject) -> Waiting:
        async with self._turns[subject]:
            read_at, found = self._found.get(subject, (0.0, None))
            if found is None or self._clock.monotonic() - read_at >= FRESH_FOR:
                look, partition = subject
                found = await look(self._log, partition)
                self._found[subject] = self._clock.monotonic(), found
            return found


def demand_of(found: Sequence[Waiting], queue: str, wanted: Iterable[frozenset[str]]) -> Demand:
    """What waits in a queue for executors, each given by all its names.

    Where a queue holds more than was looked at, each of them counts at least 1.
    """
    waiting = aside = 0
    ages: list[int] = []
    beyond = any(queue in each.beyond for each in found)
    for names in set(wanted):
        groups = [
            (each.now, each.groups[queue, name]) for each in found for name in names if (queue, name) in each.groups
        ]
        own = sum(group.queued + group.aside for _, group in groups)
        waiting += max(own, 1) if beyond else own
        aside += sum(group.aside for _, group in groups)
        ages += [now - since for now, group in groups for since in (group.since, group.aside_since) if since]
    return Demand(waiting, aside, max(0, *ages) if ages else None)


async def waiting_in(log: Log, partition: int) -> Waiting:
    """Count what waits in a partition.

    What is set aside meanwhile is counted twice, not left out.
    """
    executors = await _executors(log, partition)
    look = _Look(log, partition, _PAGE, _BYTES_MOST)
    whole = await look.through_queues(max(_PAGE, ENTRIES_MOST // log.partitions))
    return await look.told(executors, whole=whole)


async def head_in(log: Log, partition: int) -> Waiting:
    """The same at little cost, for who asks what no live session can take.

    What lies aside is counted as a whole; of what no session has met yet, `HEAD` of each queue at most, and none where
    a session does not say what it can run, for it may be granted any.
    """
    executors = await _executors(log, partition)
    look = _Look(log, partition, HEAD, _PAGE_BYTES)
    whole = executors is None or await look.through_queues(HEAD)
    return await look.told(executors, whole=whole)


async def lacked_in(log: Log, partition: int) -> Mapping[str, int]:
    """How many runs lie aside for executors that no live session of the partition has; cheap where none does.

    None are told of paused queues, and none while a session lives that does not say what it can run.
    """
    if not await some_lie_aside(log, partition):
        return {}
    counted = await count_aside(log, partition)
    executors = await _executors(log, partition)
    if executors is None:
        return {}
    paused = await _paused(log, partition)
    lacked: Counter[str] = Counter()
    for one in counted.groups:
        if one.executor not in executors and one.queue not in paused:
            lacked[one.executor] += one.runs
    return lacked


async def _executors(log: Log, partition: int) -> frozenset[str] | None:
    said = set((await executors_by_session(log, partition)).values())
    return None if None in said else frozenset[str]().union(*(each for each in said if each is not None))


async def _paused(log: Log, partition: int) -> frozenset[str]:
    meta, queues = log.keys.partition(partition, "meta"), [queue.name for queue in log.queues]
    pauses = cast("list[bytes | None]", await log.execute(meta, "HMGET", meta, *(f"paused:{name}" for name in queues)))
    return frozenset(name for name, pause in zip(queues, pauses, strict=True) if pause)


class _Tally:
    def __init__(self) -> None:
        self.queued: dict[tuple[str, bytes], tuple[int, int]] = {}
        self.aside: dict[tuple[str, str], tuple[int, int]] = {}

    def count(self, queue: str, spec: bytes | None, since: int) -> None:
        target = _TARGET.search(spec) if spec is not None else None
        if target is not None:  # else the run is over, or anybody's
            count, first = self.queued.get((queue, target[1]), (0, since))
            self.queued[queue, target[1]] = count + 1, min(first, since)

    def groups(self) -> dict[tuple[str, str], Group]:
        queued = {
            (queue, cast("str", msgspec.json.decode(name))): found for (queue, name), found in self.queued.items()
        }
        return {
            group: Group(*queued.get(group, (0, 0)), *self.aside.get(group, (0, 0))) for group in queued | self.aside
        }


class _Look:
    """One look at what stands in the streams of a partition, in pages."""

    def __init__(self, log: Log, partition: int, late_most: int, bytes_most: int) -> None:
        """`bytes_most`: of the requests in a queue, about."""
        self._log = log
        self._partition = partition
        self._late_most = late_most
        self._bytes_most = bytes_most
        self._tally = _Tally()
        self._page = _PAGE_FIRST
        self._queues = [queue.name for queue in log.queues]
        self._beyond: set[str] = set()

    async def through_queues(self, most: int) -> bool:
        """Count what could start now, of each queue at most so many; whether what is late is counted as a whole."""
        asked_at = await now(self._log, self._partition)
        self._beyond = {queue for queue in self._queues if await self._through(queue, most)}
        return await self._through_late(asked_at)

    async def told(self, executors: frozenset[str] | None, *, whole: bool) -> Waiting:
        """What was found, beside what lies aside; not `whole`: any queue may hold more."""
        counted = await count_aside(self._log, self._partition)
        self._tally.aside = {(one.queue, one.executor): (one.runs, one.since) for one in counted.groups}
        return Waiting(
            now=counted.now,
            groups=self._tally.groups(),
            beyond=frozenset(self._beyond if whole and not counted.more else self._queues),
            paused=await _paused(self._log, self._partition),
            executors=executors,
        )

    async def _through(self, queue: str, most: int) -> bool:
        """Count what stands in a queue, at most so many; whether there is more."""
        left = self._bytes_most
        for stream in reversed(STREAMS):
            key, start = self._key(f"{stream}:{queue}"), "-"
            while entries := cast("list[tuple[bytes, list[bytes]]]", await self._page_of(key, start, most)):
                if most <= 0 or left <= 0:
                    return True
                left -= await self._count([(queue, int(entry.partition(b"-")[0]), pair[1]) for entry, pair in entries])
                most -= len(entries)
                start = f"({entries[-1][0].decode()}"
        return False

    async def _through_late(self, asked_at: int) -> bool:
        """Count the delayed whose time has come, as the depth of a queue does; whether these are all."""
        key, records, most = self._key("delayed"), self._key("runs"), self._late_most
        first = cast("list[bytes]", await self._log.execute(key, "ZRANGE", key, 0, 0, "WITHSCORES"))
        if not first or float(first[1]) > asked_at:
            return True
        scored = cast("list[bytes]", await self._log.execute(key, "ZRANGE", key, 0, most - 1, "WITHSCORES"))
        late = [run for run, at in zip(scored[::2], scored[1::2], strict=True) if float(at) <= asked_at]
        if not late:
            return True
        packed = cast("list[bytes | None]", await self._log.execute(records, "HMGET", records, *late))
        found: list[tuple[str, int, bytes]] = []
        for run, one in zip(late, packed, strict=True):
            try:
                record = record_of(one or b"")
            except msgspec.MsgspecError:  # which `claim` ends
                continue
            found.append((record.queue if record.queue in self._queues else self._queues[0], record.ready_at, run))
        while found:
            page, found = found[: self._page], found[self._page :]
            await self._count(page)
        return len(late) < most

    async def _page_of(self, key: str, start: str, most: int) -> object:
        return await self._log.execute(key, "XRANGE", key, start, "+", "COUNT", min(self._page, max(most, 1)))

    async def _count(self, found: Collection[tuple[str, int, bytes]]) -> int:
        """Count runs by queue, since when and id; how many bytes their requests were."""
        if not found:
            return 0
        key = self._key("specs")
        specs = cast("list[bytes | None]", await self._log.execute(key, "HMGET", key, *(run for _, _, run in found)))
        for (queue, since, _), spec in zip(found, specs, strict=True):
            self._tally.count(queue, spec, since)
        size = sum(len(spec) for spec in specs if spec is not None)
        self._page = min(_PAGE, max(_PAGE_LEAST, _PAGE_BYTES * len(found) // max(size, 1)))
        return size

    def _key(self, name: str) -> str:
        return self._log.keys.partition(self._partition, name)
