"""Runs that only the archive has as unfinished: it cannot be told any more how they ended, so they are ended here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from waterclock.log.client import Log
from waterclock.log.commands.bodies import Body
from waterclock.log.connection.scripts import Script
from waterclock.model.ids import RunId
from waterclock.model.outcomes import RunStatus
from waterclock.model.positions import Position

AT_ONCE = 250
"""Runs in one call."""


class Remembered(NamedTuple):
    """How a run ended, as the log remembers it. `fence`: of the last attempt that its worker ended itself; 0: none."""

    run_id: RunId
    status: RunStatus
    fence: int


class Lost(NamedTuple):
    """A run, and the event that ends it; None: it is only looked for. `how`: what the log remembers of its end."""

    run_id: RunId
    body: Body | None = None
    how: Remembered | None = None


class Found(NamedTuple):
    """`lost`: the partition neither has these runs nor remembers them.

    `ended`: it remembers that they ended, by an entry that the archive is past.
    """

    lost: Sequence[RunId]
    ended: Sequence[Remembered]


class _Reply(msgspec.Struct, frozen=True):
    lost: list[RunId]
    ended: list[tuple[RunId, RunStatus, int]] = []


_SETTLE = Script("settle", _Reply)


async def settle(log: Log, partition: int, runs: Sequence[Lost], *, through: Position) -> Found:
    """Those of the runs that nothing in the stream after `through`, the archive's end, will end; with a body they end.

    A run that is here, or has ended after `through`, is neither lost nor ended.
    """
    lost: list[RunId] = []
    ended: list[Remembered] = []
    for start in range(0, len(runs), AT_ONCE):
        some = [_packed(one) for one in runs[start : start + AT_ONCE]]
        reply = await log.call(_SETTLE, partition, {"runs": some, "through": through.entry})
        lost += reply.lost
        ended += [Remembered(*one) for one in reply.ended]
    return Found(lost, ended)


def _packed(one: Lost) -> dict[str, str | int]:
    packed: dict[str, str | int] = {"run_id": one.run_id}
    if one.body is not None:
        packed["body"] = one.body
    if one.how is not None:
        packed |= {"status": one.how.status, "fence": one.how.fence}
    return packed
