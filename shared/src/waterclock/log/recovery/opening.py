"""Preparing the log, and opening its partitions on the server process that holds them."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Literal, NamedTuple, Protocol, cast

import msgspec

from waterclock.log.client import Log, LogSettings, Queue
from waterclock.log.commands.bodies import Body, body_of
from waterclock.log.commands.jobs import StoredJob, scan_jobs
from waterclock.log.commands.names import open_names, put_names
from waterclock.log.connection.errors import LogUnavailable, LogUnfit, StaleEpoch, TailMoved
from waterclock.log.connection.floors import NAMES
from waterclock.log.connection.scripts import Script
from waterclock.log.gates import gate_of, gate_of_names
from waterclock.model.events import EpochBegan
from waterclock.model.ids import JobId
from waterclock.model.names import common, normal, queue_flaw
from waterclock.model.positions import Position, at_entry

_queues = msgspec.json.Decoder(tuple[Queue, ...])
_REACHED_ANOTHER = 3  # times that a connection may reach another process than the one just seen


class EpochsOfNames(Protocol):
    """The epochs in which the names are opened."""

    async def reserve(self, above: int) -> int:
        """One that is later than any before, and than `above`."""
        ...

    async def opened(self, epoch: int) -> None:
        """They are open in it."""
        ...


class Opened(NamedTuple):
    position: Position  # the partition's last entry
    already: bool


class ServerState(NamedTuple):
    opened: bool
    epoch: int
    run_id: str  # of the process that holds the partition now


class _Open(msgspec.Struct, frozen=True, kw_only=True):
    epoch: int
    server: str
    tail: str | None
    body: Body


class _OpenReply(msgspec.Struct, frozen=True, kw_only=True):
    status: Literal["done", "already", "elsewhere", "stale", "moved"]
    entry: str = ""
    epoch: int = 0


_OPEN = Script("open", _OpenReply)


async def initialise(
    settings: LogSettings,
    *,
    partitions: int,
    queues: Sequence[Queue],
    archived: int | None = None,
    restored: int = 0,
    identity: str = "",
) -> None:
    """Write what a new log begins with; may be repeated, and adds queues to one that exists.

    `archived`: how many partitions the archive knows, for a log that has lost everything; None: there is no archive.
    `restored`: the epoch from which on there are so many; 0: there always were. `identity`: of the installation, empty
    for none.

    Raises:
        LogUnfit: the server must not be used, or the log exists with another number of partitions, or with a queue
            that is not among `queues`, or a new queue has a name that is none.
    """
    log = await Log.reach(settings, role="migrate")
    try:
        await prepare(
            log, partitions=partitions, queues=queues, archived=archived, restored=restored, identity=identity
        )
    finally:
        await log.close()


async def prepare(
    log: Log,
    *,
    partitions: int,
    queues: Sequence[Queue],
    archived: int | None = None,
    restored: int = 0,
    identity: str = "",
) -> None:
    """As `initialise`, with a log that has been reached."""
    queues = await _fitting(log, partitions, queues, archived)
    begins = _Beginning(partitions, queues, restored, identity)
    for place in (NAMES, *reversed(range(partitions))):  # who connects looks into partition 0: it is there when all are
        await _begin(log, place, begins)


async def open_partition(
    log: Log, partition: int, *, epoch: int, expect_tail: str | None, with_names: bool = True
) -> Opened:
    """Open a partition on the process that holds it now; everything goes on after this.

    `expect_tail` is the entry id of the stream's end as it was compared with the archive (`""`: no entry); None opens
    unseen. `with_names`: with the last partition go the names.

    Raises:
        StaleEpoch: `epoch` is not later than the partition's.
        TailMoved: the stream ends elsewhere.
    """
    for _ in range(_REACHED_ANOTHER):
        server = await log.run_id(log.keys.partition(partition, "meta"))
        body = body_of(EpochBegan(epoch=epoch, server=server))
        reply = await log.call(_OPEN, partition, _Open(epoch=epoch, server=server, tail=expect_tail, body=body))
        if reply.status == "elsewhere":
            continue
        if reply.status == "stale":
            raise StaleEpoch(partition, epoch, reply.epoch)
        if reply.status == "moved":
            raise TailMoved(partition, expect_tail or "", reply.entry)
        log.floors.seen(partition, epoch)
        if with_names:
            await open_names_with_the_last(log)
        return Opened(at_entry(partition, reply.entry), already=reply.status == "already")
    raise LogUnavailable(f"The Redis server of partition {partition} keeps changing.")


async def server_state(log: Log, partition: int) -> ServerState:
    """Whether the partition, and with partition 0 the names, are open on the process that holds them.

    Works while they are not.
    """
    gate = await gate_of(log, partition)
    opened = gate.opened and (partition != 0 or (await gate_of_names(log)).opened)
    return ServerState(opened, gate.epoch, gate.run_id)


async def open_names_with_the_last(log: Log, epochs: EpochsOfNames | None = None) -> None:
    """Open the names, if every partition is open: a repair of any may have names to put back.

    Those of all definitions are put back first: another process may hold older ones. `epochs`: where each opening has
    one of its own; None: for a log that has no archive.
    """
    names = await gate_of_names(log)
    if names.opened:
        return
    await prepare_names(log)
    above = names.latest
    for partition in reversed(range(log.partitions)):  # mostly opened in order, so that the last tells soonest
        gate = await gate_of(log, partition)
        if not gate.opened:
            return
        above = max(above, gate.epoch - 1)
    for partition in range(log.partitions):
        async for jobs in scan_jobs(log, partition):
            await put_names(log, [_borne(job) for job in jobs if isinstance(job, StoredJob)])
    above = max(above, log.floors.of(NAMES))
    epoch = await epochs.reserve(above) if epochs is not None else above + 1
    if await open_names(log, epoch=epoch) and epochs is not None:
        await epochs.opened(epoch)


async def prepare_again(log: Log, partition: int) -> None:
    """Write what a partition begins with, as it was when we connected: the server has lost everything."""
    await _begin(log, partition, _beginning(log))


async def identify(log: Log, place: int) -> None:
    """Write the identity of our installation into a partition, or the names, that has none."""
    key = log.keys.meta(place)
    await log.execute(key, "HSETNX", key, "identity", log.identity)


async def prepare_names(log: Log) -> None:
    """Write what the names begin with, unless it is there."""
    if not (await gate_of_names(log)).prepared:
        await _begin(log, NAMES, _beginning(log))


class _Beginning(NamedTuple):
    partitions: int
    queues: Sequence[Queue]
    restored: int
    identity: str


def _beginning(log: Log) -> _Beginning:
    return _Beginning(log.partitions, log.queues, log.restored, log.identity)


async def _begin(log: Log, place: int, begins: _Beginning) -> None:
    key = log.keys.meta(place)
    if begins.identity:  # first: what is prepared is somebody's
        await log.execute(key, "HSETNX", key, "identity", begins.identity)
    for field in ("fence", "clock", "seq", "epoch"):
        await log.execute(key, "HSETNX", key, field, 0)
    await log.execute(key, "HSETNX", key, "run_id", "")
    await log.execute(key, "HSETNX", key, "restored", begins.restored)
    queues = msgspec.json.encode(begins.queues)
    await log.execute(key, "HSET", key, "partitions", begins.partitions, "queues", queues)


def _borne(job: StoredJob) -> tuple[str, str, JobId]:
    return job.definition.job_group, job.definition.job_name, job.job_id


async def _fitting(log: Log, partitions: int, queues: Sequence[Queue], archived: int | None) -> tuple[Queue, ...]:
    """The queues as they are kept: new ones by names in NFC."""
    key = log.keys.partition(0, "meta")
    there = cast("list[bytes | None]", await log.execute(key, "HMGET", key, "partitions", "queues"))
    known = int(there[0]) if there[0] is not None else archived
    if known is not None and known != partitions:
        raise LogUnfit(
            f"The event log has {known} partitions, not {partitions}: only `waterclock restore` changes their number."
        )
    if there[1] is None and archived is not None:  # it has lost everything: nobody knows which names are new
        return tuple(queues)
    stored = frozenset[str]() if there[1] is None else frozenset(queue.name for queue in _queues.decode(there[1]))
    kept = tuple(one if one.name in stored else msgspec.structs.replace(one, name=normal(one.name)) for one in queues)
    missing = stored - {queue.name for queue in kept}
    if missing:
        raise LogUnfit(
            f"The event log has queues that are missing here: {', '.join(sorted(missing))}. Queues cannot be removed."
        )
    _check_names([queue.name for queue in kept], stored)
    return kept


def _check_names(names: Sequence[str], stored: AbstractSet[str]) -> None:
    """
    Raises:
        LogUnfit: one that is not stored is none, or is one with another.
    """
    for place, name in enumerate(names):
        if name in stored:
            continue
        said = queue_flaw(name)
        if said is None:
            others = (other for other in (*names[:place], *stored) if common(other) == common(name))
            said = next((f"looks the same as {other!r}" for other in others), None)
        if said is not None:
            raise LogUnfit(f"WATERCLOCK_QUEUE_WEIGHTS: the name {name!r} {said}")
