"""Endings on their way to a partition: gathered while the last call is under way, repeated until they are answered."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence

from waterclock.kit.telemetry import catalog
from waterclock.log.client import Log
from waterclock.log.commands.attempts import IN_A_CALL, EndResult, RunEnding, end
from waterclock_worker.retry import until_answered

log = logging.getLogger(__name__)


class Endings:
    """Of one partition. Nothing is lost while the process lives: an ending leaves only when it is answered."""

    def __init__(
        self, store: Log, partition: int, *, answered: Callable[[Sequence[RunEnding], Sequence[EndResult]], None]
    ) -> None:
        """`answered`: called with the endings that were, and how each was taken."""
        self._log = store
        self._partition = partition
        self._answered = answered
        self._waiting: deque[RunEnding] = deque()
        self._some = asyncio.Event()
        self._none = asyncio.Event()
        self._none.set()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, ending: RunEnding) -> None:
        self._waiting.append(ending)
        self._some.set()
        self._none.clear()

    async def send(self) -> None:
        """For ever: send what is there."""
        while True:
            await self._some.wait()
            batch = [self._waiting[place] for place in range(min(IN_A_CALL, len(self._waiting)))]
            results = await until_answered(lambda: end(self._log, self._partition, batch), what="end")  # noqa: B023
            for ending, result in zip(batch, results, strict=True):
                self._waiting.popleft()
                if result == "refused":
                    catalog.REFUSED.add(1)
                    log.warning("end refused", extra={"run": ending.run_id, "attempt": ending.attempt})
            self._answered(batch, results)
            if not self._waiting:
                self._some.clear()
                self._none.set()

    async def sent(self) -> None:
        """Return when nothing waits for an answer."""
        await self._none.wait()
