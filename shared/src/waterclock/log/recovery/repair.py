"""Repairing a partition whose stream lost its end, from what the archive knows.

    begin ──► jobs, runs, ended, answered: into shadow keys, in bounded calls ──► fork: the shadows in place of the
    keys, a new epoch, `LogForked`, open ──► lose: what ran is queued again

Until the fork nothing has changed. A repair that was left in its middle is void; another begins anew, under an epoch of
its own, and makes every earlier one void. `return_attempts` follows any opening: a repair that got no further than the
fork left attempts to be taken back, whose workers may still end them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, TypeVar

import msgspec

from waterclock.log.client import Log
from waterclock.log.commands.bodies import Body, body_of, part
from waterclock.log.commands.jobs import StoredJob, kept
from waterclock.log.commands.names import put_names
from waterclock.log.connection.errors import LogFull, LogRefuses, StaleRepair, TailMoved
from waterclock.log.connection.scripts import Script
from waterclock.log.records import End, Record
from waterclock.log.recovery.opening import open_names_with_the_last, prepare_names
from waterclock.model.events import LogForked, RunCancelled, RunLost
from waterclock.model.ids import RunId
from waterclock.model.positions import Position, at_entry
from waterclock.model.readmodels.repair import Answered, Ended, KnownJob, Unfinished

T = TypeVar("T")

AT_ONCE, BYTES_AT_ONCE = 250, 256 * 1024
"""Jobs or runs in one call, and of their text: keeps it under 5 ms."""
LOST_SESSION = "store-lost"
"""Holds the runs whose attempts were running when the log was lost. No worker has it: it is not in `sessions`."""


class _Part(msgspec.Struct, frozen=True, kw_only=True):
    epoch: int
    server: str
    begins: bool = False
    jobs: list[str] = []
    marks: list[str | int] = []
    successes: list[str | int] = []
    runs: list[dict[str, Any]] = []
    ended: list[tuple[str, Any]] = []
    commands: list[tuple[str, Any]] = []


class _Put(msgspec.Struct, frozen=True):
    status: Literal["done", "elsewhere", "open", "stale"]


class _Fork(msgspec.Struct, frozen=True, kw_only=True):
    epoch: int
    server: str
    tail: str
    archived: str
    body: Body
    clock: int
    paused: list[str]


class _Forked(msgspec.Struct, frozen=True, kw_only=True):
    status: Literal["done", "already", "elsewhere", "open", "stale", "moved"]
    entry: str = ""


class _Lose(msgspec.Struct, frozen=True, kw_only=True):
    session: str
    limit: int
    body_lost: Body
    body_cancelled: Body


class _Lost(msgspec.Struct, frozen=True):
    runs: int


_REPAIR = Script("repair", _Put)
_FORK = Script("fork", _Forked)
_RETURN = Script("return_attempts", _Lost)


class Repair:
    """One repair of one partition on one server process.

    Every method raises StaleRepair when another has begun since, the partition has been opened, or its server process
    has changed; and LogUnavailable, after which this repair must be given up too.
    """

    def __init__(self, log: Log, partition: int, epoch: int, server: str) -> None:
        self.epoch = epoch
        self.server = server
        self.put = 0  # jobs and runs
        self._log = log
        self._partition = partition
        self._clock = 0

    @classmethod
    async def begin(cls, log: Log, partition: int, *, epoch: int, begun: Callable[[], None] | None = None) -> Repair:
        """Begin anew, whatever another repair has done. `epoch` is reserved for this one, and later than any before.

        `begun` is called unless the log has refused it, and done nothing: then the epoch was not used.
        """
        repair = cls(log, partition, epoch, await log.run_id(log.keys.partition(partition, "meta")))
        is_refused = False
        try:
            await repair._call(begins=True)
        except (LogRefuses, LogFull):
            is_refused = True
            raise
        finally:
            if begun is not None and not is_refused:
                begun()
        await prepare_names(log)
        return repair

    def not_before(self, clock: int) -> None:
        """Let the partition's clock not be before a moment, ms."""
        self._clock = max(self._clock, clock)

    async def jobs(self, jobs: Sequence[KnownJob]) -> None:
        """Put jobs and their names back."""
        for some in _portions([(job, _stored(job)) for job in jobs], lambda one: len(one[1])):
            stored = [word for job, text in some for word in (job.job_id, text)]
            marks = [word for job, _ in some for word in (job.job_id, job.mark)]
            successes = [word for job, _ in some if job.last_success for word in (job.job_id, job.last_success)]
            await self._call(jobs=stored, marks=marks, successes=successes)
            names = [(job.definition.job_group, job.definition.job_name, job.job_id) for job, _ in some]
            await put_names(self._log, names)
            self._clock = max(self._clock, *(job.mark for job, _ in some))
            self.put += len(some)

    async def runs(self, runs: Sequence[tuple[Unfinished, Body]]) -> None:
        """Put unfinished runs back with the bodies of their RunRequested, those requested first before others."""
        for some in _portions(runs, lambda one: len(one[1])):
            packed = [{"run_id": run.run_id, "record": record_for(run), "body": body} for run, body in some]
            await self._call(runs=packed)
            self.put += len(some)

    async def remember(self, ended: Sequence[Ended], answered: Sequence[Answered]) -> None:
        """Put back what repeated calls are answered by."""
        for some in _portions(ended):
            await self._call(ended=[(one.run_id, _end(one)) for one in some])
        for some in _portions(answered):
            ours = [(f"!{one.command_id}", _answer(one)) for one in some if one.fingerprint is None]
            clients = [(one.command_id, _answer(one)) for one in some if one.fingerprint is not None]
            await self._call(ended=ours, commands=clients)

    async def fork(
        self,
        forked: LogForked,
        *,
        archived: Position | None,
        tail: str,
        paused: Mapping[str, Position],
        with_names: bool = True,
    ) -> Position:
        """Put everything in place and open the partition; the place of `forked`.

        It follows the archive's last entry, if there is one. `tail`: entry id of the stream's end, as it was compared
        with the archive (`""`: none). `with_names`: with the last partition go the names.

        Raises:
            TailMoved: the stream ends elsewhere.
        """
        payload = _Fork(
            epoch=self.epoch,
            server=self.server,
            tail=tail,
            archived=archived.entry if archived is not None else "",
            body=body_of(forked),
            clock=self._clock,
            paused=[word for queue, since in paused.items() for word in (f"paused:{queue}", since.entry)],
        )
        reply = await self._log.call(_FORK, self._partition, payload)
        if reply.status == "moved":
            raise TailMoved(self._partition, tail, reply.entry)
        if reply.status not in {"done", "already"}:
            raise StaleRepair(self._partition, reply.status)
        self._log.floors.seen(self._partition, self.epoch)
        if with_names:
            await open_names_with_the_last(self._log)
        return at_entry(self._partition, reply.entry)

    async def _call(self, **given: Any) -> None:
        reply = await self._log.call(_REPAIR, self._partition, _Part(epoch=self.epoch, server=self.server, **given))
        if reply.status != "done":
            raise StaleRepair(self._partition, reply.status)


async def return_attempts(log: Log, partition: int) -> int:
    """Take back the attempts that ran when the log was lost; how many there were. May be repeated."""
    total = 0
    payload = _Lose(session=LOST_SESSION, limit=AT_ONCE, body_lost=_LOST, body_cancelled=_CANCELLED)
    while True:
        runs = (await log.call(_RETURN, partition, payload)).runs
        total += runs
        if runs < AT_ONCE:
            return total


_LOST = part(RunLost, reason="storeLost")
_CANCELLED = part(RunCancelled)


def _stored(job: KnownJob) -> str:
    """As `define` keeps it."""
    barred = job.barred_through.entry if job.barred_through is not None else "0-0"
    stored = StoredJob(
        job_id=job.job_id,
        version=job.version,
        definition=job.definition,
        created_at=job.created_at,
        updated_at=job.updated_at,
    )
    return kept(stored, barred)


def record_for(run: Unfinished) -> Record:
    """The record of a run as a repair puts it back; a script settles where it stands."""
    running = run.state == "running"
    return Record(
        state="queued" if run.state == "placed" else run.state,
        job_id=run.job_id or "",
        queue=run.queue,
        serial=run.serial,
        requested=run.requested.entry,
        ready_at=run.ready_at,
        place="again" if run.again else "",
        entry="",
        attempt=run.attempt,
        fence=run.fence,
        failures=run.failures,
        losses=run.losses,
        session=LOST_SESSION if running else "",
        claim=0,
        cancel_requested=run.cancel_requested.entry if run.cancel_requested is not None else "",
        steps=0,
        settled=run.settled,
        requested_at=run.requested_at,
    )


def _end(one: Ended) -> End:
    return End(status=one.status, settled=one.settled, entry=one.position.entry)


def _answer(one: Answered) -> tuple[str, dict[str, Any]]:
    """As `remember_command` keeps it: fingerprint and answer."""
    given: dict[str, Any] = {"entry": one.position.entry, "at_once": one.at_once}
    if one.run_id is not None:
        given["run_id"] = RunId(one.run_id)
    if one.version:
        given["version"] = one.version
    return one.fingerprint or "", given


def _portions(items: Sequence[T], size: Callable[[T], int] = lambda _: 0) -> Iterator[Sequence[T]]:
    """The same items in order, cut so that no portion is too large; one item is always a portion."""
    start = taken = 0
    for place, item in enumerate(items):
        taken += size(item)
        if place > start and (place - start >= AT_ONCE or taken > BYTES_AT_ONCE):
            yield items[start:place]
            start, taken = place, size(item)
    if items:
        yield items[start:]
