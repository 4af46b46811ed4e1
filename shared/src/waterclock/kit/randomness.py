"""Chance: the one place that draws it."""

from __future__ import annotations

import os
from random import SystemRandom

_DIGITS = b"0123456789abcdefghijklmnopqrstuv"
_DIGIT_OF = _DIGITS * (256 // len(_DIGITS))  # of each byte
_system = SystemRandom()


def fraction() -> float:
    """A number in [0, 1)."""
    return _system.random()


def token(length: int = 20) -> str:
    """Digits and lower-case letters, five bits each: command ids, session names."""
    return os.urandom(length).translate(_DIGIT_OF).decode()
