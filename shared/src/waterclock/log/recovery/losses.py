"""Losses that no store tells: what this process knows of an epoch that ended before that.

    answers, entries read ──► ends of epochs (`log/ends.py`) ── a later epoch is heard of ──► its first entry names the
    last one before it ── this process knows a later one ──► an error, a metric, an event

A primary that was a replica, or a store that was put back, may go on from what the archive has, and lack what the
archive had not got yet: stream and archive fit, and nothing is missing in either. Only who was answered before knows.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Literal, NamedTuple, TypeVar

from waterclock.kit.randomness import fraction
from waterclock.kit.telemetry import catalog
from waterclock.log import tail
from waterclock.log.client import Log
from waterclock.log.commands.bodies import part
from waterclock.log.connection.errors import LogError
from waterclock.log.connection.scripts import Script, Told
from waterclock.model.events import LogForked, LogTruncated
from waterclock.model.positions import Position, parse_position
from waterclock.wire.envelope import Entry

SPREAD = 2.0  # s, at most, before the event: of many who know the same one tells it
AGAIN = 30.0  # s until the next try where a projector does not know the event yet
_BACK_OFF = (0.2, 10.0)  # s, first and longest
T = TypeVar("T")

_log = logging.getLogger(__name__)

Following = Callable[[Position], Awaitable[Entry | None]]
"""The first archived entry after a position, for what was trimmed; it raises LogError where that cannot be told."""


class Loss(NamedTuple):
    """`known`: the last entry that is known of an epoch; `ended`: the last that is left before the next; None: none."""

    known: Position
    ended: Position | None

    def holds(self, position: Position) -> bool:
        """Whether an entry is among what is lost."""
        return (self.ended is None or position > self.ended) and position <= self.known


Status = Literal["done", "older", "present", "held", "named", "told"]


class _Reply(Told, frozen=True, kw_only=True):
    status: Status
    entry: str = ""


_TRUNCATED = Script("truncated", _Reply)


async def loss_after(log: Log, known: Position, following: Following | None = None) -> Loss | None:
    """What is lost up to an entry that was known; None: nothing, or a repair has kept it, or nobody can tell any more.

    Raises:
        LogError: the log cannot be asked.
    """
    first = next(iter(await tail.entries_from(log, known.partition, known._replace(seq=known.seq + 1), count=1)), None)
    if first is None or _is_kept(first, known):
        return None
    if first.before is not None and first.before > known and following is not None:
        first = await following(known) or first
    if first.before is not None and first.before >= known:
        return None
    return Loss(known, first.before)


async def tell(log: Log, loss: Loss, *, actor: str) -> Status:
    """Append the event, if nobody has told as much (`lua/truncated.lua`)."""
    partition, epoch, seq = loss.known
    body = part(LogTruncated, actor=actor, known_through=str(loss.known))
    reply = await log.call(_TRUNCATED, partition, {"partition": partition, "epoch": epoch, "seq": seq, "body": body})
    return reply.status


class Losses:
    """What one process tells. `lost` is called with each loss before the event."""

    def __init__(
        self,
        log: Log,
        *,
        actor: str,
        following: Following | None = None,
        lost: Callable[[Loss], Awaitable[None]] | None = None,
    ) -> None:
        self._at = log
        self._actor = actor
        self._following = following
        self._lost = lost
        self._looked: dict[tuple[int, int], int] = {}

    async def keep(self) -> None:
        """Compare and tell, until cancelled."""
        turned = self._at.ends.turned
        async with asyncio.TaskGroup() as tasks:
            while True:
                await turned.wait()
                turned.clear()
                for known in self._at.ends.over():
                    place = known.partition, known.epoch
                    if self._looked.get(place, 0) < known.seq:
                        self._looked[place] = known.seq
                        tasks.create_task(self._look(known), name=f"compare {known}")

    async def _look(self, known: Position) -> None:
        loss = await _answered(lambda: loss_after(self._at, known, self._following))
        if loss is None:
            return
        ended = str(loss.ended) if loss.ended is not None else None
        extra = {"partition": known.partition, "known_through": str(known), "ended_at": ended}
        _log.error("known events lost", extra=extra)
        catalog.LOSSES.add(1)
        if (lost := self._lost) is not None:
            await _answered(lambda: lost(loss))
        await asyncio.sleep(SPREAD * fraction())
        status = await self._told(loss)
        _log.info("loss reported" if status == "done" else "loss not reported", extra=extra | {"status": status})

    async def _told(self, loss: Loss) -> Status:
        while True:
            status = await _answered(lambda: tell(self._at, loss, actor=self._actor))
            if status != "older":
                return status
            await asyncio.sleep(AGAIN)


async def _answered(call: Callable[[], Awaitable[T]]) -> T:
    wait = _BACK_OFF[0]
    while True:
        try:
            return await call()
        except LogError as error:
            _log.debug("not compared", extra={"reason": str(error)})
        await asyncio.sleep(wait * (0.5 + fraction() / 2))
        wait = min(2 * wait, _BACK_OFF[1])


def _is_kept(entry: Entry, known: Position) -> bool:
    """Whether this entry tells of a repair that has dropped the known one, and kept it."""
    event = entry.event
    if not isinstance(event, LogForked) or event.dropped_first is None or event.dropped_last is None:
        return False
    try:
        return parse_position(event.dropped_first) <= known <= parse_position(event.dropped_last)
    except ValueError:
        return False
