"""What the scheduler's tests stand on: a log with jobs in it, its events, schedulers to be stopped or dropped."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from waterclock.kit.clock import SystemClock
from waterclock.kit.randomness import token
from waterclock.log import clock, tail
from waterclock.log.client import Log, LogSettings, Queue
from waterclock.log.commands import jobs
from waterclock.log.commands.idempotency import Command
from waterclock.log.commands.jobs import Appended, StoredJob
from waterclock.log.connection.errors import LogUnavailable
from waterclock.log.recovery.opening import initialise, open_partition
from waterclock.model.definition import Definition
from waterclock.model.events import (
    FireCoalesced,
    FireSkipped,
    JobChanged,
    JobCreated,
    JobDeleted,
    LeadershipTaken,
    RunRequested,
)
from waterclock.model.ids import JobId, created_job
from waterclock.model.positions import Position
from waterclock.model.timestamps import millis, stamp
from waterclock.wire.envelope import Entry
from waterclock_scheduler.scheduler import Scheduler

TTL_S = 0.9
PATIENCE_S = 20.0
_PROGRAM = "from waterclock_scheduler.main import scheduler; scheduler()"
Decision = RunRequested | FireSkipped | FireCoalesced


class Stage:
    """One log. Jobs run `demo.noop` and may overlap, unless told otherwise."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self._made = 0

    async def open(self, *, epoch: int) -> None:
        """As a projector does, on a server that may just have been started again."""
        for partition in range(self.log.partitions):
            while True:
                try:
                    await open_partition(self.log, partition, epoch=epoch, expect_tail=None)
                    break
                except LogUnavailable:  # connections to the process before
                    continue

    async def now(self) -> int:
        return await clock.now(self.log, 0)

    async def create(self, cron: str | None, *, mark: int | None = None, partition: int = 0, **more: Any) -> StoredJob:
        """A new job, decided through `mark` (ms; now, if not given), in that partition."""
        job_id = self._fresh_id(partition)
        through = await clock.now(self.log, partition) if mark is None else mark
        fields: dict[str, Any] = {
            "invoke_target": "demo.noop",
            "concurrent": "0",
            "job_name": job_id,
            "cron_expression": cron,
        } | more
        at = stamp(through)
        job = StoredJob(
            job_id=job_id, version=1, definition=Definition(**fields), created_at=at, updated_at=at, mark=through
        )
        event = JobCreated(job_id=job_id, version=1, definition=job.definition, actor="test", after=at, through=at)
        await self._define(job, version=0, through=through, event=event, stored=job)
        return job

    async def change(self, job: StoredJob, **fields: Any) -> StoredJob:
        """An edit that settles nothing: what the old definition owed is passed over."""
        now = await clock.now(self.log, self.log.partition_of(job.job_id))
        definition = msgspec.structs.replace(job.definition, **fields)
        changed = msgspec.structs.replace(job, version=job.version + 1, definition=definition, mark=now)
        event = JobChanged(job_id=job.job_id, version=changed.version, definition=definition, actor="test")
        await self._define(job, version=job.version, through=now, event=event, stored=changed)
        return changed

    async def delete(self, job: StoredJob) -> None:
        event = JobDeleted(job_id=job.job_id, version=job.version + 1, actor="test")
        await self._define(job, version=job.version, through=None, event=event, stored=None)

    async def entries(self, partition: int = 0) -> list[Entry]:
        """Everything that has happened in a partition."""
        found: list[Entry] = []
        while more := await tail.read(
            self.log, partition, found[-1].position if found else None, count=5000, block=None, archive=None
        ):
            found += more
        return found

    async def decisions(self, job: StoredJob) -> list[Decision]:
        return decisions_of(job, await self.entries(self.log.partition_of(job.job_id)))

    async def leaders(self, partition: int) -> list[str]:
        """Who took the partition, one after the other."""
        events = [entry.event for entry in await self.entries(partition)]
        return [event.scheduler for event in events if isinstance(event, LeadershipTaken)]

    async def until(self, wanted: Callable[[Entry], bool], *, partition: int = 0, count: int = 1) -> list[Entry]:
        """The first `count` entries that are wanted, from the start; waits for them."""
        found: list[Entry] = []
        reader = self.log.reader()
        after: Position | None = None
        try:
            async with asyncio.timeout(PATIENCE_S):
                while len(found) < count:
                    for entry in await tail.read(reader, partition, after, count=500, block=1.0, archive=None):
                        after = entry.position
                        if wanted(entry):
                            found.append(entry)
        finally:
            await reader.close()
        return found[:count]

    def _fresh_id(self, partition: int) -> JobId:
        while True:
            self._made += 1
            job_id = created_job(f"{self.log.keys.prefix} {self._made}")
            if self.log.partition_of(job_id) == partition:
                return job_id

    async def _define(
        self,
        job: StoredJob,
        *,
        version: int,
        through: int | None,
        event: JobCreated | JobChanged | JobDeleted,
        stored: StoredJob | None,
    ) -> None:
        defined = await jobs.define(
            self.log,
            job.job_id,
            command=Command(id=token()),
            expected_version=version,
            expected_mark=None,
            through=through,
            units=(),
            event=event,
            job=stored,
        )
        assert isinstance(defined, Appended), defined


@asynccontextmanager
async def staged(url: str, prefix: str, *, partitions: int = 1, opened: bool = True) -> AsyncGenerator[Stage]:
    settings = LogSettings(url=url, prefix=prefix)
    await initialise(settings, partitions=partitions, queues=[Queue(name="default", weight=1)])
    log = await Log.connect(settings, role="test")
    try:
        stage = Stage(log)
        if opened:
            await stage.open(epoch=1)
        yield stage
    finally:
        await log.close()


class Running:
    """A scheduler in a task of its own."""

    def __init__(self, scheduler: Scheduler, task: asyncio.Task[None], stop: asyncio.Event) -> None:
        self.scheduler = scheduler
        self._task = task
        self._stop = stop

    async def stop(self) -> None:
        """As SIGTERM: it hands over."""
        self._stop.set()
        await self._task

    async def drop(self) -> None:
        """As SIGKILL: it says nothing."""
        self._task.cancel()
        await asyncio.wait([self._task])


@asynccontextmanager
async def scheduling(log: Log, name: str = "first", *, ttl_s: float = TTL_S) -> AsyncGenerator[Running]:
    """A scheduler that hears no change feed but looks at it; it leads soon, or when another no longer does."""
    scheduler, stop = Scheduler(name, ttl_s=ttl_s, clock=SystemClock()), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        running = Running(scheduler, tasks.create_task(scheduler.run(log, stop), name=name), stop)
        try:
            yield running
        finally:
            stop.set()


def is_leadership(entry: Entry) -> bool:
    return isinstance(entry.event, LeadershipTaken)


def decisions_of(job: StoredJob, entries: Iterable[Entry]) -> list[Decision]:
    events = (entry.event for entry in entries)
    return [event for event in events if isinstance(event, Decision) and event.job_id == job.job_id]


def is_decision_of(job: StoredJob, entry: Entry) -> bool:
    return bool(decisions_of(job, (entry,)))


def lateness_ms(entry: Entry) -> int:
    """How long after its instant a run was requested."""
    assert isinstance(entry.event, RunRequested)
    assert entry.event.nominal_at is not None
    return entry.at - millis(entry.event.nominal_at)


def instants(decisions: Sequence[Decision]) -> Iterator[int]:
    """The instants that fired, ms."""
    for decision in decisions:
        if isinstance(decision, RunRequested):
            assert decision.nominal_at is not None
            yield millis(decision.nominal_at)


def assert_unbroken(job: StoredJob, decisions: Sequence[Decision]) -> None:
    """Each decision begins where the one before ended, from the job's first mark on; no instant is named twice."""
    through = stamp(job.mark)
    for decision in decisions:
        assert decision.after == through
        assert decision.through is not None
        assert through < decision.through
        through = decision.through
    fired = list(instants(decisions))
    assert len(fired) == len(set(fired))


class Process:
    """`waterclock scheduler` as a process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def ready(self) -> None:
        await self.says(" ready ")

    async def says(self, words: str) -> None:
        """Until it says so, on standard error."""
        assert self._process.stderr is not None
        async with asyncio.timeout(PATIENCE_S):
            while line := await self._process.stderr.readline():
                if words in line.decode():
                    return
        raise AssertionError(f"the process ended before it said {words!r}")

    async def end(self) -> tuple[int, str]:
        """Its exit code, and what it said on standard error."""
        async with asyncio.timeout(PATIENCE_S):
            _, said = await self._process.communicate()
        assert self._process.returncode is not None
        return self._process.returncode, said.decode()

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()


@asynccontextmanager
async def process(url: str, prefix: str, **settings: str) -> AsyncGenerator[Process]:
    environment = os.environ | {"WATERCLOCK_REDIS_URL": url, "WATERCLOCK_KEY_PREFIX": prefix} | settings
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _PROGRAM, env=environment, stderr=asyncio.subprocess.PIPE
    )
    running = Process(child)
    try:
        yield running
    finally:
        if child.returncode is None:
            child.terminate()
            await running.end()
