"""A partition's clock as this process knows it: the last answers, carried on by the monotonic clock.

An answer's time is past when it arrives, so the estimate is never ahead of the store and nothing fires early. Of a few
answers the one that was under way for the least time is closest.
"""

from __future__ import annotations

from collections import deque

from waterclock.kit.clock import Clock

LEAP_MS = 2_000
"""A reading this far from the estimate is no slow answer: the store's clock was stepped."""
AGREEING_READINGS = 3
AGREEING_FOR_MS = 3_000
_SPREAD_MS = 500
_KEPT = 8


class StoreClock:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offsets: deque[int] = deque(maxlen=_KEPT)  # the store's time less our monotonic time, ms
        self._offset = 0  # the greatest of them
        self._doubted: list[tuple[int, int]] = []  # readings too far ahead: (monotonic, offset), ms

    def now(self) -> int:
        """Milliseconds since the epoch, by the store's clock. A reading must have been heard."""
        assert self._offsets
        return self._monotonic() + self._offset

    def heard(self, now_ms: int) -> None:
        """Take in a reading that the store has just answered. A leap ahead is believed when others agree with it."""
        monotonic = self._monotonic()
        offset = now_ms - monotonic
        if self._offsets and offset - self._offset > LEAP_MS and not self._is_agreed(monotonic, offset):
            return
        if abs(offset - self._offset) > LEAP_MS:
            self._offsets.clear()
        self._doubted.clear()
        self._offsets.append(offset)
        self._offset = max(self._offsets)

    def refused(self, now_ms: int) -> None:
        """The store has said that we are ahead of it: begin again from its reading."""
        self._offsets.clear()
        self._offset = now_ms - self._monotonic()
        self._offsets.append(self._offset)

    def _is_agreed(self, monotonic: int, offset: int) -> bool:
        if self._doubted and abs(offset - self._doubted[0][1]) > _SPREAD_MS:
            self._doubted.clear()
        self._doubted.append((monotonic, offset))
        return len(self._doubted) >= AGREEING_READINGS and monotonic - self._doubted[0][0] >= AGREEING_FOR_MS

    def _monotonic(self) -> int:
        return int(self._clock.monotonic() * 1000)
