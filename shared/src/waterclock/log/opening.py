"""Preparing the log, and opening its partitions on the server process that holds them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, cast

import msgspec
from redis.exceptions import ResponseError

from waterclock.log.bodies import Body, body_of
from waterclock.log.client import Log, LogSettings, Queue
from waterclock.log.errors import LogUnavailable, LogUnfit, StaleEpoch, TailMoved
from waterclock.log.names import open_names
from waterclock.log.scripts import Script
from waterclock.model.events import EpochBegan
from waterclock.model.positions import Position, at_entry

_queues = msgspec.json.Decoder(tuple[Queue, ...])
_REACHED_ANOTHER = 3  # times that a connection may reach another process than the one just seen


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


async def initialise(settings: LogSettings, *, partitions: int, queues: Sequence[Queue]) -> None:
    """Write what a new log begins with; may be repeated, and adds queues to one that exists.

    Raises:
        LogUnfit: the server must not be used, or the log exists with another number of partitions, or with a queue
            that is not among `queues`.
    """
    log = await Log.reach(settings, role="migrate")
    try:
        await _check_same(log, partitions, queues)
        await _begin(log, log.keys.names_meta, partitions, queues)
        for partition in reversed(range(partitions)):  # who connects looks into partition 0: it is there when all are
            await _begin(log, log.keys.partition(partition, "meta"), partitions, queues)
    finally:
        await log.close()


async def open_partition(log: Log, partition: int, *, epoch: int, expect_tail: str | None) -> Opened:
    """Open a partition on the process that holds it now; everything goes on after this. With partition 0 go the names.

    `expect_tail` is the entry id of the stream's end as it was compared with the archive (`""`: no entry); None opens
    unseen.

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
        if partition == 0:
            await open_names(log, epoch=epoch)
        return Opened(at_entry(partition, reply.entry), already=reply.status == "already")
    raise LogUnavailable(f"The server of partition {partition} does not stay the same.")


async def server_state(log: Log, partition: int) -> ServerState:
    """Whether the partition is open on the process that holds it; works while it is not."""
    key = log.keys.partition(partition, "meta")
    run_id = await log.run_id(key)
    named, epoch = cast("list[bytes | None]", await log.execute(key, "HMGET", key, "run_id", "epoch"))
    opened = named == run_id.encode()
    if partition == 0 and opened:
        names = log.keys.names_meta
        opened = await log.execute(names, "HGET", names, "run_id") == (await log.run_id(names)).encode()
    return ServerState(opened, int(epoch or 0), run_id)


async def tail_of(log: Log, partition: int) -> Position | None:
    """The last entry's position, also if that entry has been trimmed; None before the first. Works while halted."""
    key = log.keys.partition(partition, "events")
    try:
        flat = cast("list[bytes]", await log.execute(key, "XINFO", "STREAM", key))
    except ResponseError as error:
        if "no such key" not in str(error):
            raise
        return None
    entry = dict(zip(flat[::2], flat[1::2], strict=True))[b"last-generated-id"].decode()
    return None if entry == "0-0" else at_entry(partition, entry)


async def _begin(log: Log, key: str, partitions: int, queues: Sequence[Queue]) -> None:
    for field in ("fence", "clock", "seq", "epoch"):
        await log.execute(key, "HSETNX", key, field, 0)
    await log.execute(key, "HSETNX", key, "run_id", "")
    await log.execute(key, "HSET", key, "partitions", partitions, "queues", msgspec.json.encode(queues))


async def _check_same(log: Log, partitions: int, queues: Sequence[Queue]) -> None:
    key = log.keys.partition(0, "meta")
    there = cast("list[bytes | None]", await log.execute(key, "HMGET", key, "partitions", "queues"))
    if there[0] is None or there[1] is None:
        return
    if int(there[0]) != partitions:
        raise LogUnfit(
            f"The log has {int(there[0])} partitions, not {partitions}: only `waterclock restore` changes their number."
        )
    missing = {queue.name for queue in _queues.decode(there[1])} - {queue.name for queue in queues}
    if missing:
        raise LogUnfit(
            f"The log has queues that are not named: {', '.join(sorted(missing))}. Queues cannot be removed."
        )
