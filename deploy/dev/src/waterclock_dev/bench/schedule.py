"""How late decisions are: of many jobs due at one second, and among a million jobs of thousands of schedules."""

import asyncio
import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import msgspec

from waterclock.kit.clock import SystemClock
from waterclock.log import tail
from waterclock.log.client import Log
from waterclock.log.commands.jobs import StoredJob, kept
from waterclock.model.definition import Definition
from waterclock.model.events import RunRequested
from waterclock.model.ids import JobId, digest
from waterclock.model.positions import Position
from waterclock.model.timestamps import millis, stamp
from waterclock_dev.bench.stage import Stage, complain, staged

EXPRESSIONS = 5_000
LEAD_MS = 6_000  # from the moment when jobs are made until they are due
OVER = 60.0  # s; all decisions of a crowd are there by then
READ = 600.0  # s; all jobs are read by then
SETTLES = 3.0  # s; first comes what was due while jobs were read
_AT_ONCE = 500  # jobs in a command
_SENDERS = 4
_PAGE = 5_000


class Crowd(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds from the instant to a decision's place in the log."""

    first: int
    last: int


class Million(msgspec.Struct, frozen=True, kw_only=True):
    jobs: int
    takes_over: float  # s from leadership until every job is known
    peak: int  # bytes the scheduler held at most
    decisions: int
    p50: float  # ms late
    p99: float
    worst: float


async def crowd(jobs: int) -> Crowd:
    """All jobs are due at one second, their first."""
    async with staged() as stage:
        due = (SystemClock().now_ms() + LEAD_MS + jobs // 10) // 1000 * 1000
        cron = datetime.fromtimestamp(due / 1000, UTC).strftime("%-S %-M %-H %-d %-m ? %Y")
        await _fill(stage.log, ((f"job-{number}", cron) for number in range(jobs)))
        read = _Read()
        async with stage.scheduler(read.hear):
            await read.all(jobs)
            late = await _lateness(stage, after=None, count=jobs, within=OVER)
        return Crowd(first=min(late), last=max(late))


async def million(jobs: int, *, expressions: int, seconds: float) -> Million:
    """Jobs of every hour or two, spread over its seconds; watched for some time after they were taken over."""
    async with staged() as stage:
        crons = [_cron(number) for number in range(expressions)]
        await _fill(stage.log, ((f"job-{number}", crons[number % expressions]) for number in range(jobs)))
        read = _Read()
        async with stage.scheduler(read.hear) as scheduler:
            await read.all(jobs)
            settled_at = SystemClock().now_ms() + int(SETTLES * 1000)
            await asyncio.sleep(SETTLES + seconds)  # as long as is asked for
            late = await _lateness(stage, after=settled_at, count=None, within=OVER)
            peak = _peak(scheduler.pid)
        hundredths = statistics.quantiles(late, n=100, method="inclusive")
        return Million(
            jobs=jobs,
            takes_over=read.took,
            peak=peak,
            decisions=len(late),
            p50=hundredths[49],
            p99=hundredths[98],
            worst=max(late),
        )


class _Read:
    """Hears a scheduler begin to lead, and say that it has read its jobs."""

    def __init__(self) -> None:
        self.took = 0.0
        self._began = 0.0
        self._jobs = -1
        self._done = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._complain = complain("scheduler")

    def hear(self, line: str) -> None:
        if ": leading " in line:
            self._began = time.monotonic()
        elif ": jobs loaded " in line:
            self.took = time.monotonic() - self._began
            self._jobs = int(line.rpartition("jobs=")[2])
            self._loop.call_soon_threadsafe(self._done.set)
        else:
            self._complain(line)

    async def all(self, jobs: int) -> None:
        async with asyncio.timeout(READ):
            await self._done.wait()
        assert self._jobs == jobs, f"{self._jobs} of {jobs} jobs were read"


def _cron(number: int) -> str:
    """Every hour for the first 3600, then every two hours."""
    second, minute = number % 60, number // 60 % 60
    return f"{second} {minute} {'*' if number < 3600 else '*/2'} * * *"


async def _fill(log: Log, jobs: Iterator[tuple[str, str]]) -> None:
    """Put jobs into the partition as `define` keeps them, decided through now."""
    now = SystemClock().now_ms()

    async def send() -> None:
        while some := tuple(islice(jobs, _AT_ONCE)):
            stored = [_job(name, cron, now) for name, cron in some]
            words = [word for job in stored for word in (job.job_id, kept(job, "0-0"))]
            marks = [word for job in stored for word in (job.job_id, now)]
            key = log.keys.partition(0, "jobs")
            await log.execute(key, "HSET", key, *words)
            key = log.keys.partition(0, "marks")
            await log.execute(key, "HSET", key, *marks)

    async with asyncio.TaskGroup() as tasks:
        for number in range(_SENDERS):
            tasks.create_task(send(), name=f"fill {number}")


def _job(name: str, cron: str, now: int) -> StoredJob:
    definition = Definition(
        job_name=name,
        job_group="bench",
        invoke_target="demo.noop",
        invoke_params={"name": name, "path": "/var/lib/somewhere"},
        cron_expression=cron,
    )
    at = stamp(now)
    job_id = JobId(digest(name, 16))
    return StoredJob(job_id=job_id, version=1, definition=definition, created_at=at, updated_at=at)


async def _lateness(stage: Stage, *, after: int | None, count: int | None, within: float) -> list[int]:
    """How late decisions about instants after a moment were, ms: the first `count`, or those that are there."""
    late: list[int] = []
    place: Position | None = None
    reader = stage.log.reader()
    try:
        async with asyncio.timeout(within):
            while count is None or len(late) < count:
                page = await tail.read(reader, 0, place, count=_PAGE, block=None if count is None else 1, archive=None)
                for entry in page:
                    place = entry.position
                    if isinstance(entry.event, RunRequested) and entry.event.nominal_at is not None:
                        due = millis(entry.event.nominal_at)
                        if after is None or due > after:
                            late.append(entry.at - due)
                if count is None and not page:
                    break
    finally:
        await reader.close()
    return late


def _peak(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text("utf-8").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0
