"""Time as the story passes it: what is to happen is kept by its moment, and what has happened is written down."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count

from waterclock.model.events import StoredEvent

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000


class Clockwork:
    """`now` in ms; it only grows."""

    def __init__(self, now: int) -> None:
        self.now = now
        self.events: list[tuple[int, StoredEvent]] = []
        """What has happened, each with its moment, in order."""
        self._coming: list[tuple[int, int, Callable[[], object]]] = []
        self._numbers = count()

    def at(self, moment: int, do: Callable[[], object]) -> None:
        """Let something happen at a moment, at once if that is past; what was asked for first comes first."""
        heapq.heappush(self._coming, (max(moment, self.now), next(self._numbers), do))

    def after(self, ms: int, do: Callable[[], object]) -> None:
        self.at(self.now + ms, do)

    def tell(self, event: StoredEvent) -> None:
        """Write down what happens now."""
        self.events.append((self.now, event))

    def run(self, until: int) -> None:
        """Let all happen that is to happen before `until`."""
        while self._coming and self._coming[0][0] < until:
            moment, _, do = heapq.heappop(self._coming)
            self.now = moment
            do()
        self.now = until
