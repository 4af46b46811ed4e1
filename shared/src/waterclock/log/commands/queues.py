"""Queues: pause and resume them, and see how full they are.

A queue is paused in every partition by a flag of its own, which claims read. Partition 0 is the truth: it is changed
first, and the leaders of the other partitions copy it (`follow`), so that a caller that dies half way leaves them apart
for a moment only.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import msgspec

from waterclock.log.client import Log
from waterclock.log.commands.bodies import Body, body_of
from waterclock.log.commands.idempotency import Answer, AnswerGiven, Command, KeyReused, Replayed
from waterclock.log.commands.requests import check_queue
from waterclock.log.connection.scripts import Script, always
from waterclock.model.events import QueuePaused, QueueResumed
from waterclock.model.positions import Position, at_entry

TRUTH = 0
"""The partition whose pauses count."""


class Paused(NamedTuple):
    """`position`: of the event in partition 0; None: the queue was so already."""

    position: Position | None


class Depth(msgspec.Struct, frozen=True, array_like=True):
    """Of one queue in one partition."""

    queued: int  # runs that could start now
    since: int  # ms: when the first of them began to wait; 0: there is none
    paused: str  # entry of the pause; empty: it is not paused
    aside: int = 0  # runs that wait for a worker with their executor, beside the former


class Depths(msgspec.Struct, frozen=True, kw_only=True):
    now: int  # the partition's clock, ms
    queues: dict[str, Depth]


class _Pause(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    command: Command | None = None
    queue: str
    paused: bool
    seen: str | None = None
    body: Body


class _Reply(msgspec.Struct, frozen=True, kw_only=True):
    status: Literal["done", "replayed", "reused"]
    entry: str | None = None
    answer: AnswerGiven | None = None


_PAUSE = Script("pause", _Reply, acknowledges=always)
_DEPTHS = Script("depths", Depths)


async def set_paused(log: Log, *, command: Command, event: QueuePaused | QueueResumed) -> Paused | Replayed | KeyReused:
    """Pause or resume a queue in every partition, in partition 0 first; a call that was interrupted is repeated.

    Raises:
        UnknownQueue: no such queue.
    """
    await check_queue(log, event.queue)
    wanted = isinstance(event, QueuePaused)
    payload = _Pause(command=command, queue=event.queue, paused=wanted, body=body_of(event))
    reply = await log.call(_PAUSE, TRUTH, payload)
    if reply.status == "reused":
        return KeyReused()
    entry = reply.entry
    answer: Answer | None = None
    if reply.answer is not None:
        answer = reply.answer.at(TRUTH)
        if bool((await depths(log, TRUTH)).queues[event.queue].paused) is not wanted:
            return Replayed(answer)  # another command has come since
        entry = reply.answer.entry
    if entry:
        event = msgspec.structs.replace(event, cause=str(at_entry(TRUTH, entry)))
    payload = msgspec.structs.replace(payload, body=body_of(event))
    for partition in range(log.partitions):
        if partition != TRUTH:
            await log.call(_PAUSE, partition, payload)
    return Paused(at_entry(TRUTH, entry) if entry else None) if answer is None else Replayed(answer)


async def follow(log: Log, partition: int, *, actor: str) -> list[str]:
    """Pause and resume in a partition what is so in partition 0; the queues that were not so.

    What is here is read before what is there, and changed only if it is still what was read: a command that comes
    meanwhile is not undone.
    """
    here, there = await depths(log, partition), await depths(log, TRUTH)
    followed: list[str] = []
    for queue, depth in here.queues.items():
        truth = there.queues.get(queue)
        if truth is None or bool(depth.paused) is bool(truth.paused):
            continue
        kind = QueuePaused if truth.paused else QueueResumed
        cause = str(at_entry(TRUTH, truth.paused)) if truth.paused else None
        event = kind(queue=queue, actor=actor, cause=cause)
        paused = bool(truth.paused)
        reply = await log.call(
            _PAUSE, partition, _Pause(queue=queue, paused=paused, seen=depth.paused, body=body_of(event))
        )
        if reply.entry is not None:
            followed.append(queue)
    return followed


async def depths(log: Log, partition: int) -> Depths:
    """What each queue of a partition holds that could start now."""
    return await log.call(_DEPTHS, partition, {})
