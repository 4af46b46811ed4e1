"""How far this process knows each partition to have come, in its present epoch and in the ones before.

Answers of scripts tell where the events of a partition end then (`log/scripts.py`, `Told`), and whoever reads entries
knows them. It is noted at each of them, and nothing is asked for it. Once a later epoch is heard of, what was known of
the one before can be compared with where that ended (`log/losses.py`).
"""

from __future__ import annotations

import asyncio

from waterclock.model.positions import Position

_EPOCHS = 3
"""Of a partition so many epochs before the present one are remembered."""

Place = tuple[int, int]
"""Epoch and number of an entry."""


class Ends:
    """One process's knowledge of one log. `turned` is set when something is known of an epoch that is over."""

    def __init__(self) -> None:
        self.turned = asyncio.Event()
        self._last: dict[int, Place] = {}
        self._over: dict[int, dict[int, int]] = {}

    def heard(self, partition: int, place: Place) -> None:
        """There was an entry at `place`. What was heard before, of another connection, may be later."""
        last = self._last.get(partition)
        if last is None or place[0] == last[0]:
            if last is None or place[1] > last[1]:
                self._last[partition] = place
        elif place[0] > last[0]:
            self._last[partition] = place
            self._end(partition, last)
        else:
            self._end(partition, place)

    def over(self) -> list[Position]:
        """The last that is known of each epoch that is over, by partition and epoch."""
        return [
            Position(partition, epoch, seq)
            for partition, epochs in sorted(self._over.items())
            for epoch, seq in sorted(epochs.items())
        ]

    def _end(self, partition: int, place: Place) -> None:
        epoch, seq = place
        epochs = self._over.setdefault(partition, {})
        if seq <= epochs.get(epoch, 0):
            return
        epochs[epoch] = seq
        if len(epochs) > _EPOCHS:
            del epochs[min(epochs)]
        self.turned.set()
