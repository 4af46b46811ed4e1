"""Chance: the one place that draws it."""

from __future__ import annotations

import secrets
from random import SystemRandom

_DIGITS = "0123456789abcdefghijklmnopqrstuv"
_system = SystemRandom()


def fraction() -> float:
    """A number in [0, 1)."""
    return _system.random()


def token(length: int = 20) -> str:
    """Digits and lower-case letters, five bits each: command ids, session names."""
    return "".join(_DIGITS[byte & 31] for byte in secrets.token_bytes(length))
