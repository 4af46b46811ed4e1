"""What executors say of themselves, made such that it can be kept.

A wrong word must not fail a run that did its work: what `logging` would take is taken.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import cast, get_args

from waterclock.model.events import Level

_EXACT = 2**53  # whole numbers up to here are the same as floats
_LEVELS: tuple[Level, ...] = get_args(Level)


def text_of(said: object, args: tuple[object, ...]) -> str:
    """A line: `args` formatted into what is said as by `logging`, beside it where they do not fit."""
    text = written(said, str)
    if not args:
        return text
    try:
        return text % args
    except Exception:  # noqa: BLE001 - as by `logging`: what they are is others' code
        return f"{text} {written(args, repr)}"


def level_of(said: object) -> Level:
    """One of our levels, from a name or a number of `logging` too; `info` where nobody knows it."""
    if issubclass(type(said), int):  # what it says of its class does not count
        number = int.__int__(cast("int", said))
    else:
        name = written(said, str)
        for level in _LEVELS:
            if level == name:
                return level
        number = logging.getLevelNamesMapping().get(name.upper(), logging.INFO)
    if number >= logging.ERROR:
        return "error"
    if number >= logging.WARNING:
        return "warning"
    return "info" if number >= logging.INFO else "debug"


def written(said: object, how: Callable[[object], str]) -> str:
    """As it writes itself; a subclass of `str` is its text."""
    if issubclass(type(said), str) and how is str:
        return str.__str__(cast("str", said))
    try:
        return str.__str__(how(said))
    except Exception as error:  # noqa: BLE001 - a wrong word must not fail a run that did its work
        return f"[it cannot be written: {type(error).__name__}]"


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
