"""What a projector tells the other services: whether all projectors that are at work know the events of this release.

Projectors count each other in Postgres (`store/shares.py`). One of an earlier release that starts while we look is seen
within a second, and told at once; that none is at work is told once it has been so for a while.
"""

from __future__ import annotations

import asyncio
import logging

from waterclock.kit.clock import Clock
from waterclock.log.client import Log
from waterclock.log.connection.errors import LogError
from waterclock.log.liveness.event_level import say_level
from waterclock.wire.level import LEVEL

ALONE_FOR = 30.0
"""s without a projector of an earlier release; and after so long it is told again: the log may have lost it."""
LOOK_EVERY = 0.5  # s

_log = logging.getLogger(__name__)


class Levels:
    """Of one projector."""

    def __init__(self, log: Log, clock: Clock) -> None:
        self._at = log
        self._clock = clock
        self._since: float | None = None  # monotonic: when none of an earlier release was seen first
        self._older = False
        self._said: tuple[int, float] | None = None  # what, when

    def seen(self, older: int) -> None:
        """So many projectors of earlier releases are at work."""
        self._older = older > 0
        if self._older:
            self._since = None
        elif self._since is None:
            self._since = self._clock.monotonic()

    def unseen(self) -> None:
        """We do not see the others any more: what we saw is no proof."""
        self._since, self._older = None, False

    async def keep(self) -> None:
        """Tell it whenever it changes, and now and then, until cancelled."""
        while True:
            try:
                await self.look()
            except LogError as error:
                _log.debug("level not told", extra={"reason": str(error)})
            await asyncio.sleep(LOOK_EVERY)

    async def look(self) -> None:
        """
        Raises:
            LogError: some partition was not reached; it is told again with the next look.
        """
        now = self._clock.monotonic()
        wanted = self._wanted(now)
        if wanted is None:
            return
        if self._said is not None and self._said[0] == wanted and now - self._said[1] < ALONE_FOR:
            return
        if self._said is None or self._said[0] != wanted:
            _log.info("level of all projectors", extra={"level": wanted})
        self._said = None
        await say_level(self._at, wanted)
        self._said = wanted, now

    def _wanted(self, now: float) -> int | None:
        if self._older:
            return 0
        return LEVEL if self._since is not None and now - self._since >= ALONE_FOR else None
