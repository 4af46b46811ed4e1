"""Queues: pause and resume them, and see how full they are."""

from __future__ import annotations

from typing import Literal, NamedTuple, cast

import msgspec

from waterclock.log.bodies import body_of
from waterclock.log.client import Log
from waterclock.log.commands import Answer, AnswerGiven, Command, KeyReused, Replayed
from waterclock.log.errors import UnknownQueue
from waterclock.log.scripts import Script
from waterclock.model.events import QueuePaused, QueueResumed
from waterclock.model.positions import Position, at_entry
from waterclock.wire.keys import STREAMS


class Paused(NamedTuple):
    """`position`: of the event in partition 0; None: the queue was so already."""

    position: Position | None


class Depth(NamedTuple):
    """Of one queue in one partition."""

    queued: int
    paused: bool


class _Reply(msgspec.Struct, frozen=True, kw_only=True):
    status: Literal["done", "replayed", "reused"]
    entry: str | None = None
    answer: AnswerGiven | None = None


_PAUSE = Script("pause", _Reply)


async def set_paused(log: Log, *, command: Command, event: QueuePaused | QueueResumed) -> Paused | Replayed | KeyReused:
    """Pause or resume a queue in every partition; one that was interrupted is repeated. Partition 0, the last, counts.

    Raises:
        UnknownQueue: no such queue.
    """
    if all(queue.name != event.queue for queue in log.queues):
        raise UnknownQueue(event.queue)
    payload = {
        "command": command,
        "queue": event.queue,
        "paused": isinstance(event, QueuePaused),
        "body": body_of(event),
    }
    reply = _Reply(status="done")
    for partition in reversed(range(log.partitions)):
        reply = await log.call(_PAUSE, partition, payload)
        if reply.status == "reused":
            return KeyReused()
    if reply.status == "replayed":
        answer: Answer | None = reply.answer.at(0) if reply.answer is not None else None
        assert answer is not None
        return Replayed(answer)
    return Paused(at_entry(0, reply.entry) if reply.entry is not None else None)


async def depths(log: Log, partition: int) -> dict[str, Depth]:
    """What each queue of a partition holds that could start now."""
    meta = log.keys.partition(partition, "meta")
    found: dict[str, Depth] = {}
    for queue in log.queues:
        streams = [log.keys.partition(partition, f"{stream}:{queue.name}") for stream in STREAMS]
        queued = sum([cast("int", await log.execute(key, "XLEN", key)) for key in streams])
        paused = cast("int", await log.execute(meta, "HEXISTS", meta, f"paused:{queue.name}"))
        found[queue.name] = Depth(queued, bool(paused))
    return found
