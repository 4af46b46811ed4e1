"""What executors say of themselves, made such that it can be kept.

A wrong word must not fail a run that did its work: what `logging` would take is taken.
"""

from __future__ import annotations

import logging
import math
from typing import get_args

from waterclock.model.events import Level

_EXACT = 2**53  # whole numbers up to here are the same as floats
_LEVELS: tuple[Level, ...] = get_args(Level)


def text_of(said: object, args: tuple[object, ...]) -> str:
    """A line: `args` formatted into what is said as by `logging`, beside it where they do not fit."""
    text = said if isinstance(said, str) else str(said)
    if not args:
        return text
    try:
        return text % args
    except (TypeError, ValueError):
        return f"{text} {args!r}"


def level_of(said: object) -> Level:
    """One of our levels, from a name or a number of `logging` too; `info` where nobody knows it."""
    for level in _LEVELS:
        if level == said:
            return level
    number = said if isinstance(said, int) else logging.getLevelNamesMapping().get(str(said).upper(), logging.INFO)
    if number >= logging.ERROR:
        return "error"
    if number >= logging.WARNING:
        return "warning"
    return "info" if number >= logging.INFO else "debug"


def number_of(said: float) -> float | None:
    """A number that JSON has; None if it has not: libraries count with NaN, with Decimal, with types of their own.

    Raises:
        TypeError, ValueError: it is no number.
    """
    if type(said) is int and -_EXACT <= said <= _EXACT:
        return said
    try:
        number = float(said)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
