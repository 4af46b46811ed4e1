"""A log with runs in it, and workers on it: what every test of the worker stands on."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

from waterclock.executors.definition import AnyExecutor
from waterclock.kit.randomness import token
from waterclock.log.client import Log, LogSettings, Queue
from waterclock.log.commands.bodies import body_of, part
from waterclock.log.commands.idempotency import Command
from waterclock.log.commands.jobs import StoredJob, define
from waterclock.log.commands.requests import Request, Requested, request
from waterclock.log.commands.runs import Cancelled, cancel
from waterclock.log.connection.errors import LogUnavailable
from waterclock.log.reader import Reader
from waterclock.log.recovery.opening import initialise, open_partition
from waterclock.log.tail import read
from waterclock.model.definition import Definition
from waterclock.model.events import (
    JobCreated,
    JobDeleted,
    RunCancelled,
    RunCancelRequested,
    RunDied,
    RunFailed,
    RunRequested,
    RunSucceeded,
    RunTimedOut,
    StepLogged,
    StoredEvent,
)
from waterclock.model.ids import JobId, RunId
from waterclock.model.positions import Position
from waterclock.model.retry import RetryPolicy
from waterclock.model.timestamps import stamp
from waterclock.wire.envelope import UnknownEvent
from waterclock_dev.installation import DEMO_EXECUTORS
from waterclock_worker.execution.guarded_loop import AsyncioLoop, NewLoop
from waterclock_worker.registry import Registry
from waterclock_worker.settings import WorkerSettings
from waterclock_worker.worker import Worker

QUEUES = (Queue(name="critical", weight=6), Queue(name="default", weight=3), Queue(name="low", weight=1))
LEASE = 2.4  # s: an eighth of ours is still longer than a hiccup of a busy machine
PATIENCE = 40.0  # s: a process has taken more than 15 to start, on a machine that others kept busy
AT_ONCE = RetryPolicy(max_attempts=3, backoff="fixed", initial=0, max=0)
_ENDS = (RunSucceeded, RunFailed, RunTimedOut, RunCancelled, RunDied)
E = TypeVar("E", bound=StoredEvent)


class Shop:
    """A log, and what a test asks of it."""

    def __init__(self, log: Log, settings: LogSettings) -> None:
        self.log = log
        self.settings = settings
        self.events: dict[int, list[StoredEvent]] = {partition: [] for partition in range(log.partitions)}
        self._after: dict[int, Position | None] = dict.fromkeys(range(log.partitions))
        self._readers: dict[int, Reader] = {partition: log.reader() for partition in range(log.partitions)}

    def some_run_id(self, job: JobId | None = None) -> RunId:
        return RunId(f"{job or token(12)}-{token(6)}")

    async def run(
        self,
        target: str,
        params: dict[str, Any] | None = None,
        *,
        run_id: RunId | None = None,
        job: JobId | None = None,
        named: tuple[str, str] | None = None,
        retry: RetryPolicy = AT_ONCE,
        timeout: float | None = None,
        queue: str = "default",
        overlap: Any = "skip",
        delay_ms: int = 0,
        traceparent: str | None = None,
    ) -> RunId:
        """Request a run. `named`: the group and the name of its job."""
        ready_at = delay_ms and delay_ms + await self.now_ms()
        run_id = run_id or self.some_run_id(job)
        body = RunRequested(
            run_id=run_id,
            job_id=job,
            job_group=named and named[0],
            job_name=named and named[1],
            trigger="manual",
            invoke_target=target,
            params=params or {},
            queue=queue,
            timeout=timeout,
            retry=retry,
            ready_at=stamp(ready_at) if ready_at else None,
            traceparent=traceparent,
        )
        wanted = Request(run_id=run_id, job_id=job, queue=queue, overlap=overlap, ready_at=ready_at, body=body_of(body))
        answer = await request(self.log, wanted, command=Command(id=token()))
        assert isinstance(answer, Requested), answer
        return run_id

    async def job(self, target: str, params: dict[str, Any] | None = None) -> JobId:
        """A job whose runs must not overlap."""
        job_id = JobId(token(12))
        definition = Definition(job_name=job_id, invoke_target=target, invoke_params=params or {})
        at = stamp(await self.now_ms())
        stored = StoredJob(
            job_id=job_id, version=1, definition=definition, created_at=at, updated_at=at, mark=await self.now_ms()
        )
        await define(
            self.log,
            job_id,
            command=Command(id=token()),
            expected_version=0,
            expected_mark=None,
            through=stored.mark,
            units=(),
            event=JobCreated(job_id=job_id, version=1, definition=definition),
            job=stored,
        )
        return job_id

    async def delete(self, job_id: JobId) -> None:
        """A job as `job` made it."""
        await define(
            self.log,
            job_id,
            command=Command(id=token()),
            expected_version=1,
            expected_mark=None,
            through=None,
            units=(),
            event=JobDeleted(job_id=job_id, version=2),
            job=None,
        )

    async def cancel(self, run_id: RunId) -> None:
        answer = await cancel(
            self.log,
            run_id,
            command=Command(id=token()),
            body_requested=body_of(RunCancelRequested(run_id=run_id)),
            body_cancelled=part(RunCancelled, run_id=run_id),
        )
        assert isinstance(answer, Cancelled), answer

    async def now_ms(self) -> int:
        seconds, micros = cast("list[bytes]", await self.log.execute(self.log.keys.partition(0, "meta"), "TIME"))
        return int(seconds) * 1000 + int(micros) // 1000

    async def event(self, kind: type[E], run_id: RunId | None = None, *, count: int = 1, **fields: Any) -> E:
        """Wait for the `count`-th event of a kind, of a run if one is named, with these fields."""

        def fits(event: StoredEvent) -> bool:
            return (
                isinstance(event, kind)
                and (run_id is None or getattr(event, "run_id", None) == run_id)
                and all(getattr(event, name) == value for name, value in fields.items())
            )

        try:
            async with asyncio.timeout(PATIENCE):
                while len(found := [event for event in self.all() if fits(event)]) < count:
                    await self._read_on()
        except TimeoutError:
            story = "\n".join(repr(event)[:400] for event in (self.of(run_id) if run_id else self.all()))
            raise AssertionError(f"no {kind.__name__} of {run_id} {fields}; there are:\n{story}") from None
        return cast("E", found[count - 1])

    async def requested_at(self, run_id: RunId) -> int:
        """When a run was requested, ms."""
        entries = await read(self.log, self.log.partition_of(run_id), None, count=10_000, block=None, archive=None)
        [at] = [one.at for one in entries if isinstance(one.event, RunRequested) and one.event.run_id == run_id]
        return at

    async def settled(self, run_ids: Iterable[RunId]) -> None:
        """Wait until these runs have ended."""
        waiting = set(run_ids)
        async with asyncio.timeout(PATIENCE):
            while True:
                waiting -= {event.run_id for event in self.all() if isinstance(event, _ENDS)}
                if not waiting:
                    return
                await self._read_on()

    def all(self) -> list[StoredEvent]:
        return [event for events in self.events.values() for event in events]

    def of(self, run_id: RunId) -> list[StoredEvent]:
        return [event for event in self.all() if getattr(event, "run_id", None) == run_id]

    def story(self, run_id: RunId) -> list[str]:
        """The tags of a run's events, in order."""
        return [str(event.__struct_config__.tag) for event in self.of(run_id)]

    async def lines(self, run_id: RunId) -> list[str]:
        return [line.text for event in self.of(run_id) if isinstance(event, StepLogged) for line in event.lines]

    async def catch_up(self) -> None:
        """Read what is there."""
        while await self._read_on(block=None):
            pass

    async def _read_on(self, *, block: float | None = 0.05) -> int:
        count = 0
        for partition, events in self.events.items():
            try:
                entries = await read(
                    self._readers[partition], partition, self._after[partition], count=1000, block=block, archive=None
                )
            except LogUnavailable:  # a test has stopped the server
                await asyncio.sleep(0.02)
                continue
            for entry in entries:
                assert not isinstance(entry.event, UnknownEvent)
                events.append(entry.event)
                self._after[partition] = entry.position
            count += len(entries)
        return count

    async def close(self) -> None:
        for reader in self._readers.values():
            await reader.close()
        await self.log.close()

    @asynccontextmanager
    async def worker(
        self,
        *executors: AnyExecutor,
        exits: Callable[[int], None] | None = None,
        new_loop: NewLoop = AsyncioLoop,
        **settings: Any,
    ) -> AsyncGenerator[Worker]:
        """A worker in this process; drained at the end."""
        chosen: dict[str, Any] = {"worker_name": "w", "lease": LEASE, "drain_timeout": 0.3} | settings
        store = await Log.connect(self.settings, role="worker")
        made = Worker(
            store,
            self.settings,
            Registry(executors),
            WorkerSettings(**chosen),
            new_loop=new_loop,
            end_process=exits or _must_not_end,
        )
        try:
            async with asyncio.TaskGroup() as tasks:
                working = tasks.create_task(made.run(), name="worker")
                async with asyncio.timeout(PATIENCE):
                    await made.ready.wait()
                try:
                    yield made
                finally:
                    made.drain()
                    async with asyncio.timeout(PATIENCE):
                        await working
        finally:
            await store.close()


def _must_not_end(code: int) -> None:
    raise AssertionError(f"the worker wanted to end its process with {code}")


class Process:
    """A worker as a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.output: list[str] = []

    @classmethod
    async def start(cls, shop: Shop, *arguments: str, **environment: str) -> Process:
        return cls(
            await asyncio.create_subprocess_exec(
                sys.executable, "-m", "waterclock.cli", "worker", *arguments,
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
                env=os.environ
                | {
                    "WATERCLOCK_REDIS_URL": shop.settings.url,
                    "WATERCLOCK_KEY_PREFIX": shop.settings.prefix,
                    "WATERCLOCK_LEASE": str(LEASE),
                    "WATERCLOCK_WORKER_NAME": "p",
                    "WATERCLOCK_EXECUTORS": DEMO_EXECUTORS,
                }
                | environment,
            )
        )  # fmt: skip

    async def says(self, word: str) -> str:
        """Wait for a line of its output."""
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(PATIENCE):
                while line := (await self._process.stdout.readline()).decode():
                    self.output.append(line)
                    if word in line:
                        return line
        except TimeoutError:
            pass
        raise AssertionError(f"the worker never said {word!r}:\n{''.join(self.output)}")

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process.returncode is None

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    async def ended(self) -> int:
        """Wait for its end; its exit code."""
        assert self._process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            self.output.append((await self._process.stdout.read()).decode())
            return await self._process.wait()

    async def kill(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
            await self.ended()


@asynccontextmanager
async def opened(url: str, prefix: str, *, partitions: int = 1) -> AsyncGenerator[Shop]:
    settings = LogSettings(url=url, prefix=prefix, control_timeout=0.3)
    await initialise(settings, partitions=partitions, queues=QUEUES)
    log = await Log.connect(settings, role="test")
    for partition in range(partitions):
        await open_partition(log, partition, epoch=1, expect_tail=None)
    shop = Shop(log, settings)
    try:
        yield shop
    finally:
        await shop.close()


SAMPLES = Path(__file__).with_name("samples.py")
"""A module of executors for workers that are processes."""


def is_alive(pid: int) -> bool:
    """Not gone, and not a zombie whose foster parent is slow."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
