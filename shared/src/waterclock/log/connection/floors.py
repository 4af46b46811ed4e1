"""The highest epoch that this process has seen opened, of each partition and of the names: its floor.

A server whose epoch is below it was superseded by another: it may not know, and takes writes as if nothing had
happened. So every call carries the floor, and the gate compares. Only what was seen opened counts, never what somebody
reserved or a client said.
"""

from __future__ import annotations

from waterclock.log.connection.connections import pack_word

NAMES = -1
"""Stands for the names where partitions are meant by number."""

_NONE = pack_word(0)


class Floors:
    """One process's knowledge of one log, by partition."""

    def __init__(self) -> None:
        self._epochs: dict[int, int] = {}
        self._words: dict[int, bytes] = {}
        self._halts: dict[int, int] = {}

    def of(self, place: int) -> int:
        """0: none was seen."""
        return self._epochs.get(place, 0)

    def word(self, place: int) -> bytes:
        """As a call carries it."""
        return self._words.get(place, _NONE)

    def seen(self, place: int, epoch: int) -> None:
        """The partition was open in `epoch`; it may be one that is known, or an earlier one."""
        if epoch > self._epochs.get(place, 0):
            self._epochs[place] = epoch
            self._words[place] = pack_word(epoch)

    def halted(self, place: int) -> None:
        """It was met halted: after the halt its epoch is another, and each connection looks anew."""
        self._halts[place] = self._halts.get(place, 0) + 1

    def halts(self, place: int) -> int:
        """How often it was met halted."""
        return self._halts.get(place, 0)
