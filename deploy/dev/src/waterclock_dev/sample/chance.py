"""Chance from a seed: the same seed tells the same story, on every machine and in every release of Python."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

_MASK = (1 << 64) - 1
_STEP = 0x9E3779B97F4A7C15  # of splitmix64, by Steele, Lea and Flood
_LATE = 0.04
_FIRST, _SECOND = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


class Chance:
    """A stream of numbers; for nothing that must not be foreseen."""

    __slots__ = ("_state",)

    def __init__(self, seed: str) -> None:
        self._state = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "big")

    def bits(self) -> int:
        """Sixty-four of them."""
        self._state = mixed = (self._state + _STEP) & _MASK
        mixed = ((mixed ^ mixed >> 30) * _FIRST) & _MASK
        mixed = ((mixed ^ mixed >> 27) * _SECOND) & _MASK
        return mixed ^ mixed >> 31

    def fraction(self) -> float:
        """A number in [0, 1)."""
        return (self.bits() >> 11) / (1 << 53)

    def between(self, low: int, high: int) -> int:
        """A whole number from `low` through `high`."""
        return low + self.bits() % (high - low + 1)

    def about(self, low: int, high: int) -> int:
        """A whole number, mostly in the middle of the two and now and then well beyond them, as durations are."""
        found = low + round((high - low) * (self.fraction() + self.fraction() + self.fraction()) / 3)
        return found if not self.happens(_LATE) else found + round(found * self.fraction() * 1.5)

    def happens(self, probability: float) -> bool:
        return self.fraction() < probability

    def one_of(self, those: Sequence[T]) -> T:
        return those[self.bits() % len(those)]
