"""What the tests of the log say often: jobs, requests, claims and ends with as few words as they need."""

from collections.abc import Sequence
from typing import Any

from tests.support.byhand import create_job
from waterclock.log.client import Log, Queue
from waterclock.log.clock import now
from waterclock.log.commands.attempts import (
    Claimed,
    EndResult,
    Grant,
    QueueCredit,
    RunEnding,
    claim,
    end,
)
from waterclock.log.commands.bodies import body_of, part
from waterclock.log.commands.idempotency import Command
from waterclock.log.commands.jobs import Appended, Defined, StoredJob, define, load_job
from waterclock.log.commands.requests import Decided, Request, Unit, decide, request
from waterclock.log.liveness.sessions import Swept, sweep
from waterclock.log.recovery.opening import open_partition
from waterclock.log.tail import read
from waterclock.model.definition import Definition, Overlap
from waterclock.model.events import (
    AnyJobEvent,
    FireCoalesced,
    FireSkipped,
    JobChanged,
    JobDeleted,
    JobDisabled,
    ResultRefused,
    RunCancelled,
    RunDied,
    RunFailed,
    RunLost,
    RunRequested,
    RunRetryScheduled,
    RunStarted,
    RunSucceeded,
    StoredEvent,
    WorkerLeft,
)
from waterclock.model.ids import JobId, RunId, created_job, due_run
from waterclock.model.outcomes import Error, RunStatus
from waterclock.model.timestamps import stamp
from waterclock.wire.envelope import Entry, UnknownEvent

QUEUES = (Queue(name="critical", weight=6), Queue(name="default", weight=3), Queue(name="low", weight=1))
J = created_job("the job of the test")
WORKER = "worker-1"
STARTED = part(RunStarted, worker=WORKER, session=WORKER)
CANCELLED = part(RunCancelled)
LOST = part(RunLost, reason="leaseExpired")
DIED = part(RunDied, reason="leaseExpired")
FAILURE = Error(type="ValueError", message="no")
AT = stamp(0)


async def open_all(log: Log, *, epoch: int) -> None:
    for partition in range(log.partitions):
        await open_partition(log, partition, epoch=epoch, expect_tail=None)


async def entries_of(log: Log, partition: int = 0) -> list[Entry]:
    """Everything in a partition, in order; the chain is checked."""
    return await read(log, partition, None, count=100_000, block=None, archive=None)


async def events_of(log: Log, partition: int = 0) -> list[StoredEvent | UnknownEvent]:
    return [entry.event for entry in await entries_of(log, partition)]


async def tags_of(log: Log, partition: int = 0) -> list[str]:
    return [event.__struct_config__.tag for event in await events_of(log, partition)]  # type: ignore[misc]


def job_of(job_id: JobId = J, *, version: int = 1, job_name: str = "report", **fields: Any) -> StoredJob:
    definition = Definition(job_name=job_name, invoke_target="demo.noop", **fields)
    return StoredJob(job_id=job_id, version=version, definition=definition, created_at=AT, updated_at=AT)


async def create(log: Log, job_id: JobId = J, *, command: Command | None = None, **fields: Any) -> Defined:
    """Create a job, decided through now."""
    command = command or Command(id=f"create {job_id}")
    return await create_job(log, job_id, job_of(job_id, **fields).definition, command)


async def change(log: Log, job_id: JobId = J, *, kind: str, releases: bool = False, **fields: Any) -> Appended:
    """Disable, delete or change a job as it stands."""
    stored = await load_job(log, job_id)
    assert stored is not None
    version = stored.version + 1
    job = job_of(job_id, version=version, **fields)
    command = Command(id=f"{kind} {job_id} {version}")
    through = None if kind == "delete" else await now(log, log.partition_of(job_id))
    told: dict[str, Any] = {"job_id": job_id, "version": version, "command_id": command.id}
    if through is not None:
        told |= {"after": stamp(stored.mark), "through": stamp(through)}
    events: dict[str, AnyJobEvent] = {
        "disable": JobDisabled(**told),
        "delete": JobDeleted(**told),
        "edit": JobChanged(**told, definition=job.definition),
    }
    done = await define(
        log,
        job_id,
        command=command,
        expected_version=stored.version,
        expected_mark=stored.mark,
        through=through,
        units=(),
        event=events[kind],
        job=None if kind == "delete" else job,
        bars=kind == "disable",
        releases=releases,
    )
    assert isinstance(done, Appended)
    return done


async def past(log: Log, mark: int, partition: int = 0) -> int:
    """A reading of the partition's clock that is beyond `mark`."""
    while (reading := await now(log, partition)) <= mark:
        pass
    return reading


def run_of(number: int, job_id: JobId = J) -> RunId:
    return due_run(job_id, number)


def wish(
    number: int,
    *,
    job_id: JobId | None = J,
    run_id: RunId | None = None,
    queue: str = "default",
    overlap: Overlap = "allow",
    ready_at: int = 0,
    folds: bool = False,
    refuses: bool = False,
    command_id: str | None = None,
    target: str = "demo.noop",
) -> Request:
    """Request a run of the job's instant `number`."""
    run_id = run_id or run_of(number, job_id or J)
    body = RunRequested(
        run_id=run_id,
        job_id=job_id,
        trigger="schedule",
        ready_at=stamp(ready_at) if ready_at else None,
        invoke_target=target,
        queue=queue,
        command_id=command_id,
    )
    return Request(
        run_id=run_id,
        job_id=job_id,
        queue=queue,
        overlap=overlap,
        ready_at=ready_at,
        body=body_of(body),
        otherwise=None if refuses else folded(job_id or J) if folds else skipped(job_id or J),
    )


def skipped(job_id: JobId) -> str:
    return body_of(
        FireSkipped(job_id=job_id, reason="overlap", first=AT, last=AT, count=1, digest="", after=AT, through=AT)
    )


def folded(job_id: JobId) -> str:
    return body_of(FireCoalesced(job_id=job_id, first=AT, last=AT, count=1, digest="", after=AT, through=AT))


async def ask(log: Log, *wishes: Request) -> None:
    """Request runs, each by a command of its own."""
    for one in wishes:
        await request(log, one, command=Command(id=f"ask {one.run_id}"))


async def decided(log: Log, unit: Unit, *, partition: int = 0, term: int = 0) -> Decided:
    return await decide(log, partition, [unit], term=term, expected_now=await now(log, partition))


async def grab(
    log: Log,
    number: int,
    *,
    slots: int = 10,
    session: str = WORKER,
    partition: int = 0,
    credit: Sequence[float] = (0, 0, 0),
    strict: bool = False,
    suspects: int = 1,
    looked: int = 0,
    sought: str = "",
) -> Claimed:
    """Claim from all queues."""
    queues = [QueueCredit(name=q.name, weight=q.weight, credit=c) for q, c in zip(QUEUES, credit, strict=True)]
    return await claim(
        log,
        partition,
        session=session,
        number=number,
        slots=slots,
        suspects=suspects,
        looked=looked,
        sought=sought,
        queues=queues,
        strict=strict,
        body=STARTED,
        body_cancelled=CANCELLED,
    )


def ending(grant: Grant, *, status: RunStatus | None = "succeeded", ready_at: int = 0, back: bool = False) -> RunEnding:
    """How an attempt ended: as `status`; None: it failed and is to be tried again; `back`: it is given back."""
    named: dict[str, Any] = {
        "run_id": grant.run_id,
        "job_id": grant.job_id,
        "attempt": grant.attempt,
        "fence": grant.fence,
    }
    body = RunSucceeded(**named)
    if status == "failed":
        body = RunFailed(**named, outcome="failed", error=FAILURE)
    elif back:
        body = RunLost(**named, reason="handedBack")
    elif status is None:
        body = RunRetryScheduled(**named, outcome="failed", error=FAILURE, ready_at=stamp(ready_at))
    return RunEnding(
        run_id=grant.run_id,
        attempt=grant.attempt,
        fence=grant.fence,
        body=body_of(body),
        ended=None if back else status,
        ready_at=ready_at,
        counted=status is None and not back,
        give_back=back,
        body_cancelled=body_of(RunCancelled(**named)),
        body_refused=body_of(ResultRefused(**named, outcome="succeeded")),
    )


async def finish(log: Log, *endings: RunEnding, partition: int = 0) -> list[EndResult]:
    return await end(log, partition, endings)


async def mop(log: Log, number: int, *, session: str = WORKER, limit: int = 200) -> Swept:
    return await sweep(
        log,
        0,
        session=session,
        number=number,
        body_left=part(WorkerLeft, session=session, reason="lost"),
        body_lost=LOST,
        body_died=DIED,
        body_cancelled=CANCELLED,
        limit=limit,
    )
