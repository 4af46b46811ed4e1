"""Leadership of partitions among schedulers: it saves work; no guarantee rests on it."""

from __future__ import annotations

import msgspec

from waterclock.log.client import Log
from waterclock.log.commands.bodies import Body
from waterclock.log.connection.scripts import Script, Told


class Lead(Told, frozen=True, kw_only=True):
    """`now` and `until` by the partition's clock, ms: trust the difference, counted from before the call was sent."""

    term: int
    mine: bool
    now: int
    until: int = msgspec.field(name="ends_at")  # `until` is a word of Lua


class _Done(msgspec.Struct, frozen=True):
    status: str


class Watch(Told, frozen=True, kw_only=True):
    """Who leads a partition, and how far it has come. `now`, `until` and `next_at` by the partition's clock, ms.

    `next_at`: no undecided instant was older when the leader said so last; 0: none was to come; None: it never said.
    """

    now: int
    leader: str
    until: int = msgspec.field(name="ends_at")
    next_at: int | None = None


_ACQUIRE = Script("acquire_leadership", Lead)
_RELEASE = Script("release_leadership", _Done)
_WATCH = Script("watch", Watch)


async def acquire(
    log: Log, partition: int, *, scheduler: str, ttl_ms: int, body: Body, next_at: int | None = None
) -> Lead:
    """Take or keep the leadership for `ttl_ms`; not mine, if another has it. `body`: LeadershipTaken without term.

    `next_at`: the oldest undecided instant, past or to come, ms; 0: there is none; None: it is not known.
    """
    payload = {"scheduler": scheduler, "ttl": ttl_ms, "body": body, "next_at": next_at}
    return await log.call(_ACQUIRE, partition, payload, control=True)


async def watch(log: Log, partition: int) -> Watch:
    """What its leader said last of a partition."""
    return await log.call(_WATCH, partition, {})


async def release(log: Log, partition: int, *, scheduler: str, term: int) -> None:
    """Give the leadership up, if it is still that term's."""
    await log.call(_RELEASE, partition, {"scheduler": scheduler, "term": term}, control=True)
