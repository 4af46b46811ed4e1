"""Attempts: claim runs, record what they do, end them; and make delayed runs due."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import msgspec

from waterclock.log.client import Log
from waterclock.log.commands.bodies import Body, part
from waterclock.log.connection.errors import NoSession
from waterclock.log.connection.scripts import Script, Told, always
from waterclock.log.reader import Reader
from waterclock.model.events import RunDied
from waterclock.model.ids import JobId, RunId
from waterclock.model.outcomes import RunStatus

IN_A_CALL = 100
"""Endings or batches that go in one script call; more are split."""
SUSPECT_FROM = 2
"""Losses from which a run may be what kills its workers: it stands apart, and a process holds one at a time."""

_DIED = part(RunDied, reason="storeLost")


class QueueCredit(msgspec.Struct, frozen=True, kw_only=True):
    """A session's standing in the weighted round of queues; `credit` as the last claim returned it, 0 at first."""

    name: str
    weight: int
    credit: float = 0


class Grant(msgspec.Struct, frozen=True, array_like=True):
    """One attempt of a run. `body` is the run's RunRequested, `position` that event's entry id."""

    run_id: RunId
    body: str
    fence: int
    attempt: int
    failures: int  # attempts that were used up before
    losses: int
    position: str
    cancelled: bool  # was asked to stop since it was granted: an earlier claim, answered again
    serial: bool  # must not overlap other runs of its job
    previous_success: int = 0  # ms: the latest instant, or request without one, of the job's runs that succeeded
    waited: int = -1  # ms in its queue, to be measured; -1 where the claim is answered again
    job_id: JobId | None = None


class Claimed(NamedTuple):
    """`credits` in the order of the queues; `wake`: the id to listen from; `next_at`: ms of the next delayed run.

    `looked`, `sought`: for the next claim.
    """

    grants: list[Grant]
    credits: list[float]
    wake: str
    next_at: int | None
    more: bool
    looked: int = 0
    sought: str = ""


class RunEnding(msgspec.Struct, frozen=True, kw_only=True):
    """How an attempt ended, with the bodies of whatever it may become.

    `ended` None: another attempt follows, at `ready_at` (ms) or, with `give_back`, at once from `again`.
    """

    run_id: RunId
    attempt: int
    fence: int
    body: Body
    ended: RunStatus | None = None
    ready_at: int = 0
    counted: bool = False
    give_back: bool = False
    nominal_at: int = 0  # ms; 0: the run answers no instant
    body_cancelled: Body | None = None
    body_refused: Body


EndResult = Literal["done", "repeated", "refused", "cancelled"]


class StepBatch(msgspec.Struct, frozen=True, kw_only=True):
    """Step events of an attempt, numbered from 1: a number that is not beyond the last is not appended again."""

    run_id: RunId
    fence: int
    number: int
    bodies: Sequence[Body]


class Promoted(NamedTuple):
    """`next_at`: ms when the next delayed run is ready; not later than now if more is ready already."""

    moved: int
    next_at: int | None


class Woken(NamedTuple):
    """`partitions`: where something may be claimed; `last`: ids to go on from; `cancels`: runs to be stopped."""

    partitions: frozenset[int]
    last: dict[int, str]
    cancels: tuple[RunId, ...]


class _Claim(msgspec.Struct, frozen=True, kw_only=True):
    partition: int
    session: str
    number: int
    slots: int
    queues: Sequence[QueueCredit]
    strict: bool
    suspects: int
    looked: int
    sought: str
    body: Body
    body_cancelled: Body
    body_died: Body


class _ClaimReply(Told, frozen=True, kw_only=True):
    status: Literal["done", "nosession"]
    grants: list[Grant] = msgspec.field(default_factory=list[Grant])
    credits: list[float] = msgspec.field(default_factory=list[float])
    wake: str = ""
    next_at: int = 0
    looked: int = 0
    sought: str = ""
    more: bool = False


class _EndReply(Told, frozen=True, kw_only=True):
    results: list[EndResult]


class _RecordReply(Told, frozen=True, kw_only=True):
    results: list[Literal["done", "refused"]]


class _PromoteReply(msgspec.Struct, frozen=True, kw_only=True):
    moved: int
    next_at: int


_CLAIM = Script("claim", _ClaimReply, acknowledges=lambda reply: bool(reply.grants))
_RECORD = Script("record", _RecordReply)
_END = Script("end", _EndReply, acknowledges=always)
_PROMOTE = Script("promote", _PromoteReply)


async def claim(
    log: Log,
    partition: int,
    *,
    session: str,
    number: int,
    slots: int,
    queues: Sequence[QueueCredit],
    strict: bool,
    body: Body,
    body_cancelled: Body,
    suspects: int = 1,
    looked: int = 0,
    sought: str = "",
) -> Claimed:
    """Take at most `slots` runs. With an earlier number, the grants of that claim that are still held.

    At most `suspects` of them are runs that were lost `SUSPECT_FROM` times or more: one of those may be what kills its
    worker, so a process holds one at a time.

    A session that said at its `join` what it can run is granted nothing else. `looked` and `sought`: as the last claim
    returned them, 0 and empty at first.

    Raises:
        NoSession: the session is not alive in this partition.
    """
    payload = _Claim(
        partition=partition,
        session=session,
        number=number,
        slots=slots,
        queues=queues,
        strict=strict,
        suspects=suspects,
        looked=looked,
        sought=sought,
        body=body,
        body_cancelled=body_cancelled,
        body_died=_DIED,
    )
    reply = await log.call(_CLAIM, partition, payload)
    if reply.status == "nosession":
        raise NoSession(session, partition)
    return Claimed(
        reply.grants, reply.credits, reply.wake, reply.next_at or None, reply.more, reply.looked, reply.sought
    )


async def record(log: Log, partition: int, batches: Sequence[StepBatch]) -> list[Literal["done", "refused"]]:
    """Append step events of running attempts; `refused`: the attempt was taken away."""
    results: list[Literal["done", "refused"]] = []
    for start in range(0, len(batches), IN_A_CALL):
        reply = await log.call(_RECORD, partition, {"batches": batches[start : start + IN_A_CALL]})
        results += reply.results
    return results


async def end(log: Log, partition: int, endings: Sequence[RunEnding]) -> list[EndResult]:
    """End attempts, each by itself.

    `repeated`: done before. `refused`: the attempt was taken away; that is recorded once. `cancelled`: instead of a
    further attempt, for the run was cancelled, or its job disabled or deleted.
    """
    results: list[EndResult] = []
    for start in range(0, len(endings), IN_A_CALL):
        reply = await log.call(_END, partition, {"endings": endings[start : start + IN_A_CALL]})
        results += reply.results
    return results


async def wait_wake(reader: Reader, after: Mapping[int, str], timeout: float) -> Woken:
    """Wait until something may be claimed in these partitions, or a cancel is asked, at most `timeout` s."""
    names = {reader.keys.partition(partition, "wake"): partition for partition in after}
    found = await reader.read({name: after[partition] for name, partition in names.items()}, count=1000, block=timeout)
    last = dict(after)
    cancels: list[RunId] = []
    for name, entries in found.items():
        last[names[name]] = entries[-1][0]
        cancels += [RunId(fields[b"cancel"].decode()) for _, fields in entries if b"cancel" in fields]
    return Woken(frozenset(names[name] for name in found), last, tuple(cancels))


async def promote(log: Log, partition: int, *, body_cancelled: Body, limit: int = 500) -> Promoted:
    """Make the delayed runs due whose time has come, at most `limit`."""
    reply = await log.call(_PROMOTE, partition, {"limit": limit, "body_cancelled": body_cancelled})
    return Promoted(reply.moved, reply.next_at or None)
