"""A partition's clock as this process knows it: the last answers, carried on by the monotonic clock.

An answer's time is past when it arrives, so the estimate is never ahead of the store and nothing fires early. Of a few
answers the one that was under way for the least time is closest. The estimate is what scripts that move a mark are
told to expect: a store whose clock leaps ahead is refused until it has been asked for a while.
"""

from __future__ import annotations

from collections import deque

from waterclock.kit.clock import Clock
from waterclock.log import clock as log_clock
from waterclock.log.client import Log
from waterclock.log.clock import TOLERANCE_MS
from waterclock.log.connection.errors import ClockAhead

AGREEING_READINGS = 3
AGREEING_FOR_MS = 3_000
_SPREAD_MS = 500
_STANDING_MS = 5  # a clock that says the same after so long does not move
_KEPT = 8


class StoreClock:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offsets: deque[int] = deque(maxlen=_KEPT)  # the store's time less our monotonic time, ms
        self._offset = 0  # the greatest of them
        self._doubted: list[tuple[int, int]] = []  # readings too far ahead: (monotonic, offset), ms
        self._refused = (0, 0)  # the last reading that refused us, and when: (monotonic, reading), ms
        self._stands_at: int | None = None  # the store's clock, set back, waits here for the time to come again

    def now(self) -> int:
        """Milliseconds since the epoch, by the store's clock. A reading must have been heard."""
        assert self._offsets
        return self._monotonic() + self._offset if self._stands_at is None else self._stands_at

    @property
    def known(self) -> bool:
        """Whether a reading has been heard."""
        return bool(self._offsets)

    def heard(self, now_ms: int) -> None:
        """Take in a reading that the store has just answered. A leap ahead is believed when others agree with it."""
        monotonic = self._monotonic()
        offset = now_ms - monotonic
        if self._offsets and offset - self._offset > TOLERANCE_MS and not self._is_agreed(monotonic, offset):
            return
        if self._stands_at is not None and now_ms > self._stands_at:
            self._stands_at = None
            self._offsets.clear()
        if abs(offset - self._offset) > TOLERANCE_MS:
            self._offsets.clear()
        self._doubted.clear()
        self._offsets.append(offset)
        self._offset = max(self._offsets)

    def refused(self, now_ms: int) -> None:
        """The store has said that we are ahead of it: begin again from its reading."""
        monotonic = self._monotonic()
        since, reading = self._refused
        if reading == now_ms and monotonic - since >= _STANDING_MS:
            self._stands_at = now_ms
        elif reading != now_ms:
            self._refused, self._stands_at = (monotonic, now_ms), None
        self._offsets.clear()
        self._offset = now_ms - monotonic
        self._offsets.append(self._offset)

    def _is_agreed(self, monotonic: int, offset: int) -> bool:
        if self._doubted and abs(offset - self._doubted[0][1]) > _SPREAD_MS:
            self._doubted.clear()
        self._doubted.append((monotonic, offset))
        return len(self._doubted) >= AGREEING_READINGS and monotonic - self._doubted[0][0] >= AGREEING_FOR_MS

    def _monotonic(self) -> int:
        return int(self._clock.monotonic() * 1000)


class StoreClocks:
    """The clocks of all partitions, for as long as this process lives: whoever forgets one believes a leap of it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[int, StoreClock] = {}

    def of(self, partition: int) -> StoreClock:
        return self._known.setdefault(partition, StoreClock(self._clock))

    def now_ms(self, partition: int) -> int:
        """The clock of a partition by what was heard of it, of partition 0 before that, of this process before that."""
        for one in (partition, 0):
            if (known := self._known.get(one)) is not None and known.known:
                return known.now()
        return self._clock.now_ms()

    async def read(self, log: Log, partition: int) -> int:
        """A reading of a partition's clock that may be decided by, ms.

        Raises:
            ClockAhead: it is far ahead of what was expected.
        """
        reading = await log_clock.now(log, partition)
        known = self.of(partition)
        known.heard(reading)
        if reading > known.now() + TOLERANCE_MS:
            raise ClockAhead(reading, known.now())
        return reading
