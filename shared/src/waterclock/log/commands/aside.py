"""Which session can run what, and the runs that lie aside because a session lacked their executor."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple, cast

import msgspec

from waterclock.log.client import Log
from waterclock.log.connection.scripts import Script
from waterclock.log.records import Record

AT_ONCE = 150
"""Runs that are returned in one call, and groups that are told in one."""
GROUPS_MOST = 1_000

_SAID_MOST = 256  # most sessions say the same

_BETWEEN = "\1"  # no name holds it, once it is encoded


class Aside(NamedTuple):
    """Runs of a queue that lie aside for one executor, in one partition."""

    queue: str
    executor: str
    runs: int
    since: int  # ms: when the first of them began to wait


class AsideCounts(NamedTuple):
    """`now`: the partition's clock, ms; `more`: there are more groups than were asked for."""

    now: int
    groups: list[Aside]
    more: bool = False


class Waits(NamedTuple):
    """What a run that lies aside waits for."""

    executor: str
    since: int  # ms: when it was queued


class _Returned(msgspec.Struct, frozen=True, kw_only=True):
    returned: int
    more: bool


class _Counted(msgspec.Struct, frozen=True, kw_only=True):
    now: int
    groups: list[Aside]
    next: str | None = None


_RETURN = Script("return_aside", _Returned)
_COUNT = Script("count_aside", _Counted)


def announced(names: Iterable[str]) -> str:
    """What a session says that it can run, by the keys and aliases of its executors: as `join` takes it."""
    return "".join((_BETWEEN, *(f"{_encoded(name)}{_BETWEEN}" for name in dict.fromkeys(names))))


@lru_cache(_SAID_MOST)
def names_in(said: str) -> frozenset[str]:
    """The keys and aliases in what a session says."""
    return frozenset(_decoded(one) for one in said.split(_BETWEEN) if one)


async def executors_by_session(log: Log, partition: int) -> dict[str, frozenset[str] | None]:
    """What the live sessions of a partition can run; None: a session of a release that does not say."""
    sessions, announced = (log.keys.partition(partition, name) for name in ("sessions", "announced"))
    seats = cast("list[bytes]", await log.execute(sessions, "HGETALL", sessions))
    members = cast("list[bytes]", await log.execute(announced, "ZRANGE", announced, 0, -1))
    said = dict(member.decode().split(_BETWEEN, 1) for member in members)
    return {
        name: names_in(said[name]) if name in said else None
        for name, seat in zip(map(bytes.decode, seats[::2]), seats[1::2], strict=True)
        if not seat.startswith(b"-")
    }


def waits_for(record: Record) -> Waits | None:
    """The executor that a run waits for; None where it does not lie aside, and may just not have been looked at."""
    if not record.aside:
        return None
    _, executor, place, _ = record.aside.split(_BETWEEN)
    return Waits(_decoded(executor), int(place[1:16]))


async def count_aside(log: Log, partition: int, *, most: int = GROUPS_MOST) -> AsideCounts:
    """The runs of a partition that lie aside, by queue and executor, in that order; about so many groups at most."""
    groups: list[Aside] = []
    after = ""
    while True:
        reply = await log.call(_COUNT, partition, {"after": after, "limit": AT_ONCE})
        groups += [one._replace(executor=_decoded(one.executor)) for one in reply.groups]
        if reply.next is None or len(groups) >= most:
            return AsideCounts(reply.now, groups, reply.next is not None)
        after = reply.next


async def some_lie_aside(log: Log, partition: int) -> bool:
    """Whether any runs of a partition lie aside; cheap."""
    key = log.keys.partition(partition, "aside")
    return bool(await log.execute(key, "EXISTS", key))


async def return_aside(log: Log, partition: int, *, beside: bool = False) -> int:
    """Put what lies aside in a partition back into its queues; how many runs it was.

    `beside`: only where a live session does not say what it can run, and so would not find them.
    """
    total = 0
    while True:
        reply = await log.call(_RETURN, partition, {"limit": AT_ONCE, "beside": beside})
        total += reply.returned
        if not reply.more:
            return total


def _encoded(name: str) -> str:
    """As it stands in a request's body, without the quotes."""
    return msgspec.json.encode(name)[1:-1].decode()


def _decoded(name: str) -> str:
    return cast("str", msgspec.json.decode(f'"{name}"'))
