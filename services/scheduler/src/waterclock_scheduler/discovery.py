"""The schedulers that are alive, as far as one has heard of the others.

It only spreads the work: who hears nobody leads what nobody leads.
"""

from __future__ import annotations

from waterclock.kit.clock import Clock

SAID_EVERY_S = 1.0
FORGOTTEN_AFTER_S = 3.0


class Peers:
    def __init__(self, scheduler: str, clock: Clock) -> None:
        self.scheduler = scheduler
        self._clock = clock
        self._heard: dict[str, float] = {}  # scheduler → when, monotonic

    def heard(self, scheduler: str) -> None:
        self._heard[scheduler] = self._clock.monotonic()

    def left(self, scheduler: str) -> None:
        self._heard.pop(scheduler, None)

    def share(self, partitions: int) -> int:
        """How many partitions one scheduler should lead, so that together they lead them all."""
        horizon = self._clock.monotonic() - FORGOTTEN_AFTER_S
        self._heard = {name: at for name, at in self._heard.items() if at > horizon}
        alive = len(self._heard.keys() | {self.scheduler})
        return -(-partitions // alive)
