"""Delayed runs become due: a timer for the head of `delayed`, in every worker; whoever comes first does it."""

from __future__ import annotations

import asyncio

from waterclock.kit.clock import Clock
from waterclock.log.client import Log
from waterclock.log.commands.attempts import promote
from waterclock.log.commands.bodies import part
from waterclock.model.events import RunCancelled
from waterclock_worker.retry import until_answered

_EARLY = 0.002  # s after the due time: the store's clock is known to about a millisecond
_CANCELLED = part(RunCancelled)


class DelayedRuns:
    """Of one partition."""

    def __init__(self, store: Log, partition: int, clock: Clock) -> None:
        self._log = store
        self._partition = partition
        self._clock = clock
        self._next_at: int | None = None
        self._changed = asyncio.Event()

    def ready_at(self, next_at: int | None) -> None:
        """When the head of `delayed` is due, as a claim has seen it; None: there is none."""
        if next_at != self._next_at:
            self._next_at = next_at
            self._changed.set()

    async def run(self) -> None:
        """For ever: promote when it is time."""
        while True:
            await self._until_due()
            if self._next_at is None or self._next_at > self._clock.now_ms():
                continue
            promoted = await until_answered(
                lambda: promote(self._log, self._partition, body_cancelled=_CANCELLED), what="promote"
            )
            self._next_at = promoted.next_at
            if not promoted.moved:
                await asyncio.sleep(_EARLY)

    async def _until_due(self) -> None:
        self._changed.clear()
        left = None
        if self._next_at is not None:
            left = max(0.0, (self._next_at - self._clock.now_ms()) / 1000) + _EARLY
        try:
            async with asyncio.timeout(left):
                await self._changed.wait()
        except TimeoutError:
            return
